"""OpenID Connect against a provider of the test's own: who it signs in, and all that it must not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import logging
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from titian.core.errors import InvalidInput, PeerError, PeerRefused, PeerUntrusted, Refused, Unavailable
from titian.wire.oidc import ALGORITHMS, ATTEMPT, LEEWAY, Attempt, Client, Identity, Provider, outbound
from titian.wire.oidc_loopback import Loopback, sign_in

NOW = 1_800_000_000
CLIENT = "titian-node"
SECRET = "s3cret:with/signs&"
SUBJECT = "248289761001"
BACK = "http://127.0.0.1:1/callback"

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
RSA_OTHER = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp", "use": "sig"})

Claims = dict[str, Any]


class FakeProvider:
    """A provider on loopback, over TLS. What it says can be changed by the test, for the worse."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.server.block_on_close = False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.issuer = f"https://127.0.0.1:{self.server.server_port}/realm"
        self.reset()

    def reset(self) -> None:
        self.metadata: Claims = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "unknown": {"ignored": True},
        }
        self.keys: list[Any] = [key.as_dict(private=False) for key in (RSA, EC, OKP)]
        self.claims: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = lambda claims: signed(claims)
        self.answer: Callable[[Claims], Claims] = lambda answer: answer
        self.token: tuple[int, dict[str, str], bytes] | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    def authorize(self, url: str) -> str:
        """What the browser and its person do: returns the query that comes back."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        assert url.startswith(f"{self.issuer}/authorize?tenant=1&")
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT, "openid")
        assert asked["code_challenge_method"] == "S256"
        code = f"code {len(self.codes)}"
        self.codes[code] = asked
        return urllib.parse.urlencode(self.answer({"code": code, "state": asked["state"]}))

    def _redeem(self, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.token is not None:
            return self.token
        fields = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        asked = self.codes.pop(fields["code"], None)
        if asked is None or asked["redirect_uri"] != fields["redirect_uri"]:
            return 400, {}, b'{"error": "invalid_grant", "error_description": "code%s"}' % fields["code"].encode()
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        claims = {"iss": self.issuer, "sub": SUBJECT, "aud": CLIENT, "exp": NOW + 300, "iat": NOW,
                  "nonce": asked["nonce"], "email": "someone@example.org"}  # fmt: skip
        return 200, {}, json.dumps({"id_token": self.sign(self.claims(claims)), "access_token": "unused"}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._note(b"")
                found = {
                    "/realm/.well-known/openid-configuration": fake.metadata,
                    "/realm/keys": {"keys": fake.keys},
                }.get(self.path)
                self._say(404 if found is None else 200, {}, json.dumps(found).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._note(body)
                self._say(*fake._redeem(self.headers, body))

            def _note(self, body: bytes) -> None:
                fake.asked.append((self.command, self.path, dict(self.headers), body))

            def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def signed(claims: Claims, alg: str = "RS256", key: Any = RSA, **header: Any) -> str:
    return jwt.encode({"alg": alg, "kid": key.kid} | header, claims, key, algorithms=[alg])


def unsigned(claims: Claims, alg: str = "none") -> str:
    parts = (json.dumps({"alg": alg, "kid": "rsa"}), json.dumps(claims))
    return ".".join([*(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts), ""])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="module")
def running(authority: trustme.CA) -> Iterator[FakeProvider]:
    fake = FakeProvider(authority.issue_cert("127.0.0.1"))
    fake.thread.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()
    fake.thread.join()


@pytest.fixture
def fake(running: FakeProvider) -> FakeProvider:
    running.reset()
    return running


Make = Callable[..., Provider]


@pytest.fixture
def make(fake: FakeProvider, ca_file: str) -> Iterator[Make]:
    with outbound(fake.issuer, ca_file=ca_file) as http:

        def made(secret: str | None = None, clock: Callable[[], float] = lambda: NOW) -> Provider:
            return Provider(Client(issuer=fake.issuer, id=CLIENT, secret=secret), http, clock=clock)

        yield made


def through(provider: Provider, fake: FakeProvider) -> Identity:
    attempt = provider.begin(BACK)
    return provider.finish(attempt, fake.authorize(attempt.url))


def untrusted(provider: Provider, fake: FakeProvider) -> str:
    with pytest.raises(PeerUntrusted) as caught:
        through(provider, fake)
    return str(caught.value)


# Who is signed in


@pytest.mark.parametrize(("alg", "key"), [("RS256", RSA), ("PS512", RSA), ("ES256", EC), ("Ed25519", OKP)])
def test_an_identity_is_issuer_and_subject(make: Make, fake: FakeProvider, alg: str, key: Any) -> None:
    fake.sign = lambda claims: signed(claims, alg, key)
    assert through(make(), fake) == Identity(fake.issuer, SUBJECT)


def test_nobody_is_known_by_an_address(make: Make, fake: FakeProvider) -> None:
    fake.claims = lambda claims: claims | {"email": "administrator@example.org", "email_verified": True, "sub": "other"}
    assert through(make(), fake) == Identity(fake.issuer, "other")


@pytest.mark.parametrize(
    ("methods", "secret", "header", "fields"),
    [
        (None, None, False, {"client_id"}),
        (None, SECRET, True, set()),
        (["client_secret_basic", "client_secret_post"], SECRET, True, set()),
        (["client_secret_post"], SECRET, False, {"client_id", "client_secret"}),
    ],
)
def test_the_node_names_itself_as_the_provider_wants(
    make: Make, fake: FakeProvider, methods: list[str] | None, secret: str | None, header: bool, fields: set[str]
) -> None:
    if methods is not None:
        fake.metadata["token_endpoint_auth_methods_supported"] = methods
    through(make(secret), fake)
    sent = [one for one in fake.asked if one[0] == "POST"]
    assert len(sent) == 1
    assert ("Authorization" in sent[0][2]) == header
    assert set(urllib.parse.parse_qs(sent[0][3].decode())) & {"client_id", "client_secret"} == fields
    if header:
        pair = base64.b64decode(sent[0][2]["Authorization"].removeprefix("Basic ")).decode()
        assert [urllib.parse.unquote_plus(part) for part in pair.split(":")] == [CLIENT, SECRET]
    assert all("Authorization" not in one[2] for one in fake.asked if one[0] == "GET"), "the secret goes to one place"


def test_every_attempt_has_secrets_of_its_own(make: Make, fake: FakeProvider) -> None:
    provider = make()
    attempts = [provider.begin(BACK) for _ in range(3)]
    for name in ("state", "nonce", "verifier"):
        values = {getattr(attempt, name) for attempt in attempts}
        assert len(values) == 3
        assert all(len(value) == 43 for value in values)
    for attempt in attempts:
        assert attempt.verifier not in attempt.url
        assert attempt.verifier not in repr(attempt)
        assert attempt.state not in repr(attempt)


# What an ID token must not be

HOSTILE: dict[str, Callable[[Claims], Claims]] = {
    "wrong nonce": lambda claims: claims | {"nonce": "x" * 43},
    "no nonce": lambda claims: without(claims, "nonce"),
    "wrong aud": lambda claims: claims | {"aud": "another"},
    "aud of others too": lambda claims: claims | {"aud": [CLIENT, "another"], "azp": CLIENT},
    "no aud": lambda claims: without(claims, "aud"),
    "empty aud": lambda claims: claims | {"aud": []},
    "azp of another": lambda claims: claims | {"azp": "another"},
    "other issuer": lambda claims: claims | {"iss": "https://other.example"},
    "issuer with a slash": lambda claims: claims | {"iss": claims["iss"] + "/"},
    "no issuer": lambda claims: without(claims, "iss"),
    "expired": lambda claims: claims | {"exp": NOW - LEEWAY},
    "no exp": lambda claims: without(claims, "exp"),
    "exp is a text": lambda claims: claims | {"exp": str(NOW + 300)},
    "exp is true": lambda claims: claims | {"exp": True},
    "exp is infinite": lambda claims: claims | {"exp": float("inf")},
    "exp is not a number": lambda claims: claims | {"exp": float("nan")},
    "iat in the future": lambda claims: claims | {"iat": NOW + LEEWAY + 1},
    "iat long ago": lambda claims: claims | {"iat": NOW - ATTEMPT - LEEWAY - 1},
    "no iat": lambda claims: without(claims, "iat"),
    "not yet": lambda claims: claims | {"nbf": NOW + LEEWAY + 1},
    "no sub": lambda claims: without(claims, "sub"),
    "empty sub": lambda claims: claims | {"sub": ""},
    "sub is a number": lambda claims: claims | {"sub": 1},
    "sub is a list": lambda claims: claims | {"sub": [SUBJECT]},
    "long sub": lambda claims: claims | {"sub": "x" * 256},
    "sub with NUL": lambda claims: claims | {"sub": SUBJECT + "\x00"},
    "at_hash of another token": lambda claims: claims | {"at_hash": "x" * 22},
}


def without(claims: Claims, name: str) -> Claims:
    return {key: value for key, value in claims.items() if key != name}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_claims_that_are_not_believed(make: Make, fake: FakeProvider, change: Callable[[Claims], Claims]) -> None:
    fake.claims = change
    assert "ID token" in untrusted(make(), fake)


def keyed_with_what_is_public(claims: Claims) -> str:
    """By hand: joserfc refuses to sign so."""
    signing = unsigned(claims, "HS256").removesuffix(".")
    digest = hmac.digest(RSA.as_pem(private=False), signing.encode(), "sha256")
    return f"{signing}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


FORGED: dict[str, Callable[[Claims], str]] = {
    "alg none": unsigned,
    "alg None": lambda claims: unsigned(claims, "None"),
    "no alg": lambda claims: unsigned(claims, ""),
    "RS256 without a signature": lambda claims: unsigned(claims, "RS256"),
    "HS256 with the public key": keyed_with_what_is_public,
    "another key of that name": lambda claims: signed(claims, "RS256", RSA_OTHER),
    "a key that the provider has not": lambda claims: signed(claims, kid="new"),
    "the key in the token itself": lambda claims: signed(
        claims, "RS256", RSA_OTHER, kid="mine", jwk=RSA_OTHER.as_dict(private=False)
    ),
    "no key named": lambda claims: signed(claims, kid=""),
    "a key of another kind": lambda claims: signed(claims, "ES256", EC, kid="rsa"),
    "changed afterwards": lambda claims: changed(signed(claims)),
    "no token": lambda claims: "",
    "not a token": lambda claims: "a.b.c",
    "not ASCII": lambda claims: "é.é.é",
    "five parts": lambda claims: f"{signed(claims)}.x.y",
    "a list": lambda claims: signed(claims).replace(signed(claims).split(".")[1], "W10"),
    "an extension that must be understood": lambda claims: signed(claims).replace(
        signed(claims).split(".")[0],
        base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"rsa","crit":["x"],"x":1}').rstrip(b"=").decode(),
    ),
    "a megabyte": lambda claims: signed(claims | {"pad": "x" * 500_000}),
}


def changed(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    fresh = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "administrator"}).encode()).rstrip(b"=").decode()
    return f"{head}.{fresh}.{signature}"


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_signatures_that_are_not_believed(make: Make, fake: FakeProvider, forge: Callable[[Claims], str]) -> None:
    fake.sign = forge
    untrusted(make(), fake)


def test_no_signature_that_its_checker_could_make_is_believed() -> None:
    assert not [alg for alg in ALGORITHMS if alg.startswith("HS") or alg.lower() == "none"]


SECRET_KEY = {"kty": "oct", "kid": "rsa", "k": base64.urlsafe_b64encode(RSA.as_pem(private=False)).decode().rstrip("=")}
SMALL = {"kty": "RSA", "kid": "rsa", "e": "AQAB", "n": base64.urlsafe_b64encode(b"\xff" * 128).decode().rstrip("=")}


@pytest.mark.parametrize(
    "keys",
    [[], [SECRET_KEY], [SMALL], [{"kty": "RSA", "kid": "rsa"}], [{"kty": "RSA", "kid": "rsa", "n": 1, "e": []}],
     [{}], [RSA.as_dict(private=False) | {"use": "enc"}], ["x"], "x"],
    ids=["none", "symmetric", "1024 bits", "no parts", "parts of other types", "empty", "for encryption", "text",
         "not a list"],
)  # fmt: skip
def test_keys_that_are_not_believed(make: Make, fake: FakeProvider, keys: Any) -> None:
    fake.keys = keys
    untrusted(make(), fake)


def test_one_bad_key_does_not_spoil_the_set(make: Make, fake: FakeProvider) -> None:
    fake.keys = [SMALL | {"kid": "s"}, {"kty": "AKP", "kid": "new"}, SECRET_KEY, *fake.keys]
    assert through(make(), fake).subject == SUBJECT


# What the way must not be


def test_a_code_is_used_once(make: Make, fake: FakeProvider) -> None:
    provider = make()
    attempt = provider.begin(BACK)
    query = fake.authorize(attempt.url)
    provider.finish(attempt, query)
    with pytest.raises(Refused):
        provider.finish(attempt, query)
    again = provider.begin(BACK)
    fake.authorize(again.url)
    stale = urllib.parse.urlencode({"code": "a code that was used", "state": again.state})
    with pytest.raises(PeerRefused, match="invalid_grant") as caught:
        provider.finish(again, stale)
    assert "a code" not in str(caught.value), "what the provider adds in words may repeat what was sent"
    with pytest.raises(Refused):
        provider.finish(again, fake.authorize(again.url))


def test_an_attempt_does_not_wait_for_ever(make: Make, fake: FakeProvider) -> None:
    moments = iter([NOW, NOW + ATTEMPT + 1])
    provider = make(clock=lambda: next(moments))
    with pytest.raises(Refused):
        through(provider, fake)
    assert not [one for one in fake.asked if one[0] == "POST"]


@pytest.mark.parametrize(
    "query",
    ["", "code=code+0", "code=code+0&state=", "code=code+0&state=x", "code=code+0&state={state}x", "state={state}",
     "code=&state={state}", "code=code+0&code=code+1&state={state}", "code=code+0&state=x&state={state}",
     "code=code+0&state={state}&iss=https://other.example", "code=code+0&state=%ff", "&" * 100],
)  # fmt: skip
def test_answers_that_are_not_taken(make: Make, fake: FakeProvider, query: str) -> None:
    provider = make()
    attempt = provider.begin(BACK)
    fake.authorize(attempt.url)
    with pytest.raises(PeerUntrusted):
        provider.finish(attempt, query.format(state=attempt.state))
    assert not [one for one in fake.asked if one[0] == "POST"], "no code is sent on"


def test_an_answer_says_whose_it_is_where_that_was_promised(make: Make, fake: FakeProvider) -> None:
    """RFC 9207: without it, one provider can have the code of another sent to itself."""
    fake.metadata["authorization_response_iss_parameter_supported"] = True
    assert "9207" in untrusted(make(), fake)
    fake.answer = lambda answer: answer | {"iss": fake.issuer}
    assert through(make(), fake).subject == SUBJECT


def test_the_provider_can_say_no(make: Make, fake: FakeProvider) -> None:
    fake.answer = lambda answer: {"state": answer["state"], "error": "access_denied\x1b[2J"}
    with pytest.raises(PeerRefused, match="access_denied") as caught:
        through(make(), fake)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_by_the_token_endpoint_is_not_followed(make: Make, fake: FakeProvider, status: int) -> None:
    fake.token = (status, {"Location": f"{fake.issuer}/keys"}, b"")
    assert "redirect" in untrusted(make(SECRET), fake)
    assert [one[:2] for one in fake.asked][-1] == ("POST", "/realm/token")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id_token": 1}', b"\xff", b"[" * 100_000, b"x" * (2 << 20)])
def test_answers_of_the_token_endpoint_that_cannot_be_read(make: Make, fake: FakeProvider, body: bytes) -> None:
    fake.token = (200, {}, body)
    untrusted(make(), fake)


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"issuer": "https://other.example"}, PeerUntrusted),
        ({"issuer": None}, PeerUntrusted),
        ({"authorization_endpoint": "http://login.example/authorize"}, PeerUntrusted),
        ({"authorization_endpoint": "javascript:alert(1)"}, PeerUntrusted),
        ({"token_endpoint": "file:///etc/passwd"}, PeerUntrusted),
        ({"token_endpoint": "https://other.example/token"}, InvalidInput),
        ({"token_endpoint": "https://169.254.169.254/token"}, InvalidInput),
        ({"jwks_uri": "https://other.example/keys"}, InvalidInput),
        ({"jwks_uri": "https://user:pass@127.0.0.1/keys"}, PeerUntrusted),
    ],
    ids=lambda value: str(value)[:60],
)
def test_places_that_are_not_asked(make: Make, fake: FakeProvider, metadata: Claims, error: type[Exception]) -> None:
    """One outbound client: what a provider says does not widen the list of hosts."""
    fake.metadata |= metadata
    with pytest.raises(error):
        through(make(), fake)


def test_a_provider_that_does_not_answer_is_told(make: Make, fake: FakeProvider, ca_file: str) -> None:
    issuer = fake.issuer.replace("/realm", "/nothing")
    with outbound(issuer, ca_file=ca_file) as http, pytest.raises(PeerError, match="404"):
        Provider(Client(issuer=issuer, id=CLIENT), http).discover()


def test_a_certificate_that_nobody_trusts_is_refused(fake: FakeProvider) -> None:
    with outbound(fake.issuer) as http, pytest.raises(PeerUntrusted):
        Provider(Client(issuer=fake.issuer, id=CLIENT), http).discover()
    assert fake.asked == []


def test_nothing_secret_is_logged_or_shown(make: Make, fake: FakeProvider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fake.token = (401, {}, b'{"error": "invalid_client", "error_description": "' + SECRET.encode() + b'"}')
    provider = make(SECRET)
    with pytest.raises(PeerRefused) as caught:
        through(provider, fake)
    assert "invalid_client" in str(caught.value)
    shown = f"{caught.value}{caplog.text}{Client(issuer=fake.issuer, id=CLIENT, secret=SECRET)!r}{provider!r}"
    assert SECRET not in shown
    assert "code 0" not in shown


# The way back over loopback


def visit(url: str, **headers: str) -> int:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_browser_brings_the_answer(make: Make, fake: FakeProvider) -> None:
    visits: list[threading.Thread] = []

    def browse(url: str) -> None:
        back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["redirect_uri"]
        assert back.startswith("http://127.0.0.1:")
        visits.append(threading.Thread(target=visit, args=(f"{back}?{fake.authorize(url)}",)))
        visits[0].start()

    assert sign_in(make(), browse, seconds=10) == Identity(fake.issuer, SUBJECT)
    visits[0].join()


def test_only_the_one_answer_is_taken() -> None:
    with Loopback() as loopback:
        back = loopback.redirect_uri
        said: list[int] = []

        def others() -> None:
            said.extend([
                visit(f"{back}?code=1&state=other"), visit(f"{back}?code=1"), visit(back),
                visit(f"{back}/x?code=1&state=mine"), visit(f"{back}?code=1&state=mine", Host="login.example"),
                visit(f"{back}?code=1&state=mine&{'x=1&' * 50}"), visit(f"{back}?state=mine&{'x' * 9000}=1"),
                visit(f"{back}?code=2&state=mine"), visit(f"{back}?code=3&state=mine"),
            ])  # fmt: skip

        thread = threading.Thread(target=others)
        with pytest.raises(Unavailable):
            loopback.wait("mine", 0.01)
        thread.start()
        thread.join()
        assert said == [400, 400, 400, 404, 404, 400, 400, 200, 400]
        assert loopback.wait("mine", 5) == "code=2&state=mine"


def test_nobody_comes_back(make: Make, fake: FakeProvider) -> None:
    with pytest.raises(Unavailable):
        sign_in(make(), lambda url: None, seconds=0.05)


def test_a_connection_that_says_nothing_holds_nobody_up() -> None:
    with Loopback() as loopback:
        port = urllib.parse.urlsplit(loopback.redirect_uri).port
        silent = http.client.HTTPConnection("127.0.0.1", port or 0, timeout=5)
        silent.connect()
        threading.Timer(0.05, visit, (f"{loopback.redirect_uri}?state=mine",)).start()
        assert loopback.wait("mine", 5) == "state=mine"
        silent.close()


def test_attempts_of_another_provider_are_not_finished_here(make: Make, fake: FakeProvider) -> None:
    begun: Attempt = make().begin(BACK)
    with pytest.raises(Refused):
        make().finish(begun, fake.authorize(begun.url))
