"""OpenID Connect for the command line: who is this, in the words of a provider that the node trusts.

Authorization code with PKCE (RFC 7636, S256), ``state`` and ``nonce``, back to an address on loopback (RFC 8252). What
comes of it is an :class:`Identity`, issuer and subject: addresses and names in the token are not even read, for they
can be given to somebody else (OpenID Connect Core 1.0 section 5.7).

The parameters, the code challenge and the claims of the ID token are those of `authlib`, signatures are checked by
`joserfc`; every byte is fetched by the node's one outbound client.
"""

from __future__ import annotations

import base64
import hmac
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, quote_plus

import httpx
import msgspec
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from authlib.oidc.core.claims import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from titian.core.errors import InvalidInput, PeerError, PeerRefused, PeerUntrusted, Refused
from titian.wire.outbound import Limits, Outbound, Reply, clean, parse_url

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
)  # fmt: skip
"""Signatures that are believed: with a key that only the provider has. Never ``none``, never HMAC: there the key that
checks also signs, and a public key could be passed off as one."""

LEEWAY: Final = 60
"""Seconds that the clocks of provider and node may differ."""
ATTEMPT: Final = 600
"""Seconds from the beginning of an attempt to its end."""
LIMITS: Final = Limits(attempts=2, request_seconds=30.0, read_seconds=15.0)
_MOST: Final = 1 << 20
_KINDS: Final = frozenset({"RSA", "EC", "OKP"})
_RSA_BITS: Final = 2048
_LONGEST_SUBJECT: Final = 255
_FORM: Final = "application/x-www-form-urlencoded"

T = TypeVar("T")


class Identity(msgspec.Struct, frozen=True):
    """Who somebody is: a subject at an issuer, both exactly as the ID token says."""

    issuer: str
    subject: str


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider knows this node as. ``secret`` only where the provider wants one of a command line."""

    issuer: str
    id: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Client(issuer={self.issuer!r}, id={self.id!r})"


class Metadata(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0 section 3); what is not needed is not read."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to sign in: open ``url`` in a browser; the rest is secret until it ends."""

    url: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    begun: float

    def __repr__(self) -> str:
        return f"Attempt(begun={self.begun})"


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str | None = None


class _Error(msgspec.Struct, frozen=True):
    error: str = ""


class _Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class Provider:
    """An OpenID provider, asked through ``http``. Seconds since the Unix epoch come from ``clock``."""

    def __init__(
        self,
        client: Client,
        http: Outbound,
        *,
        random: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._http = http
        self._random = random
        self._clock = clock
        self._metadata: Metadata | None = None
        self._open: set[str] = set()

    def discover(self) -> Metadata:
        """Read what the provider says of itself, once.

        Raises :class:`PeerUntrusted` when it is not who it was asked as, :class:`PeerError` when it does not answer.
        """
        if self._metadata is None:
            place = f"{self._client.issuer.rstrip('/')}/.well-known/openid-configuration"
            found = _read(self._get(place), Metadata)
            if found.issuer != self._client.issuer:
                raise PeerUntrusted(
                    f"The provider calls itself {clean(found.issuer)!r}, not {self._client.issuer!r}.",
                    advice="The setting `oidc_issuer` must be the issuer letter by letter.",
                )
            # A page in plain http could be anybody's; only a provider on loopback, for trying out, may have one.
            target = _endpoint(found.authorization_endpoint)
            if target.scheme != "https" and not self._client.issuer.startswith("http://"):
                raise PeerUntrusted("The provider's page for signing in is not https.")
            self._metadata = found
        return self._metadata

    def begin(self, redirect_uri: str) -> Attempt:
        """Begin an attempt whose answer comes to ``redirect_uri``."""
        metadata = self.discover()
        state, nonce, verifier = (_base64(self._random(32)) for _ in range(3))
        url: str = prepare_grant_uri(
            metadata.authorization_endpoint, self._client.id, "code", redirect_uri, "openid", state,
            nonce=nonce, code_challenge=create_s256_code_challenge(verifier), code_challenge_method="S256",
        )  # fmt: skip
        self._open.add(state)
        return Attempt(url=url, state=state, nonce=nonce, verifier=verifier, redirect_uri=redirect_uri,
                       begun=self._clock())  # fmt: skip

    def resume(self, attempt: Attempt) -> Self:
        """Take up an attempt that another process has begun, and whoever carried it has kept sealed. That its answer
        counts once is then the provider's part: it redeems no code twice (RFC 6749 section 4.1.2)."""
        self._open.add(attempt.state)
        return self

    def finish(self, attempt: Attempt, query: str) -> Identity:
        """End an attempt with the query of the answer that came; each ends once.

        Raises :class:`PeerRefused` when the provider says no, :class:`PeerUntrusted` for what breaks the protocol,
        :class:`Refused` for an attempt that is over.
        """
        answer = _parameters(query)
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise PeerUntrusted("The answer belongs to no sign-in that was begun here (`state` differs).")
        if attempt.state not in self._open:
            raise Refused("This sign-in is over.", advice="Begin again.")
        self._open.discard(attempt.state)
        if self._clock() > attempt.begun + ATTEMPT:
            raise Refused("This sign-in took too long.", advice="Begin again.")
        self._check_issuer(answer)
        if "error" in answer:
            raise PeerRefused(f"The provider did not sign you in: {clean(answer['error'])}.")
        if not answer.get("code"):
            raise PeerUntrusted("The provider's answer holds no code.")
        return self._identity(self._redeem(attempt, answer["code"]), attempt)

    def _check_issuer(self, answer: Mapping[str, str]) -> None:
        """RFC 9207: an answer says whose it is, where the provider promises so, and always truly."""
        promised = self.discover().authorization_response_iss_parameter_supported
        if answer.get("iss", None if promised else self._client.issuer) != self._client.issuer:
            raise PeerUntrusted("The answer is of another provider (`iss` differs, RFC 9207).")

    def _redeem(self, attempt: Attempt, code: str) -> _Tokens:
        metadata = self.discover()
        client, fields = self._client, {"code": code, "code_verifier": attempt.verifier}
        headers = {"Content-Type": _FORM, "Accept": "application/json"}
        if client.secret is None:
            fields["client_id"] = client.id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            # RFC 6749 section 2.3.1: both parts are encoded as in a form first.
            pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": client.id, "client_secret": client.secret}
        body: str = prepare_token_request("authorization_code", "", attempt.redirect_uri, **fields)
        target = _endpoint(metadata.token_endpoint)
        reply = self._http.request("POST", target, headers=headers, content=body.encode(), most=_MOST, once=True)
        if reply.status != httpx.codes.OK:
            raise PeerRefused(f"{reply.place}: the code was not taken ({reply.status}{_why(reply)}).")
        return _read(reply, _Tokens)

    def _identity(self, tokens: _Tokens, attempt: Attempt) -> Identity:
        """OpenID Connect Core 1.0 section 3.1.3.7, each point of it, and the stricter where it leaves a choice."""
        now = int(self._clock())
        client = self._client
        options = {
            "iss": {"essential": True, "value": client.issuer},
            "sub": {"essential": True},
            "aud": {"essential": True, "value": client.id},
        }
        parameters = {"nonce": attempt.nonce, "client_id": client.id, "access_token": tokens.access_token}
        try:
            token = jwt.decode(tokens.id_token, self._keys(), algorithms=ALGORITHMS)
            CodeIDToken(token.claims, token.header, options, parameters).validate(now=now, leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise PeerUntrusted(
                f"The provider's ID token does not hold: {clean(str(error) or 'unreadable')}."
            ) from error
        claims = token.claims
        if claims["aud"] not in (client.id, [client.id]):
            # Another audience could pass the token on as its own sign-in here.
            raise PeerUntrusted("The provider's ID token is meant for others too (`aud`).")
        if claims["iat"] < now - ATTEMPT - LEEWAY:
            raise PeerUntrusted("The provider's ID token was made before this sign-in began (`iat`).")
        subject: str = claims["sub"]
        if len(subject) > _LONGEST_SUBJECT or not subject.isprintable():
            raise PeerUntrusted("The provider's ID token names a subject that cannot be one (`sub`).")
        return Identity(client.issuer, subject)

    def _keys(self) -> KeySet:
        """The provider's keys for signatures, fetched for each token: they change without notice."""
        held = _read(self._get(self.discover().jwks_uri), _Keys).keys
        keys = [key for key in map(_key, held) if key is not None]
        if not keys:
            raise PeerUntrusted("The provider has no key whose signatures are believed.")
        return KeySet(keys)

    def _get(self, url: str) -> Reply:
        reply = self._http.request("GET", _endpoint(url), headers={"Accept": "application/json"}, most=_MOST)
        if reply.status != httpx.codes.OK:
            raise PeerError(f"{reply.place}: the provider answers with status {reply.status}{_why(reply)}.")
        return reply


def outbound(issuer: str, *, hosts: tuple[str, ...] = (), ca_file: str | None = None) -> Outbound:
    """The client that may ask a provider and nobody else: the host of its issuer, and ``hosts`` besides.

    Who sets an issuer names its hosts: they may be at private addresses. Raises :class:`InvalidInput`.
    """
    host = parse_url(issuer).raw_host.decode("ascii")
    return Outbound(hosts={host, *hosts}, allow_private={host, *hosts}, ca_file=ca_file, limits=LIMITS)


def _endpoint(url: str) -> httpx.URL:
    try:
        return parse_url(url)
    except InvalidInput as error:
        raise PeerUntrusted(f"The provider names an address that is none: {error.message}") from error


def _parameters(query: str) -> dict[str, str]:
    """The parameters of an answer; RFC 6749 section 3.1: none twice."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    except ValueError as error:
        raise PeerUntrusted("The answer is no query.") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PeerUntrusted("The answer says something twice.")
    return found


def _key(held: dict[str, Any]) -> Key | None:
    """A public key for signatures, ``None`` for whatever else may lie in a key set."""
    if held.get("kty") not in _KINDS or held.get("use", "sig") != "sig":
        return None
    try:
        if held["kty"] == "RSA" and 6 * len(held["n"]) < _RSA_BITS:
            return None
        return JWKRegistry.import_key(held)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _read(reply: Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerUntrusted(f"{reply.place}: the provider's answer cannot be read: {clean(str(error))}.") from error


def _why(reply: Reply) -> str:
    """The error code of RFC 6749 section 5.2, if that is what it is; a description could repeat what was sent."""
    try:
        code = msgspec.json.decode(reply.body, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return f", {code}" if 0 < len(code) <= 64 and code.isascii() and code.replace("_", "").isalpha() else ""


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
