"""Signing keys in PKCS#11 tokens: the secret half never leaves them.

A key is named by a URI (RFC 7512), ``pkcs11:token=titian;object=log-2027?module-path=/usr/lib/softhsm/libsofthsm2.so``:
the token by ``token``, ``serial``, ``manufacturer`` or ``model``, the key by ``object`` or ``id``. The PIN is in the
file that ``pin-source`` names, else in :data:`PIN`; a URI with a PIN in it is refused, for the database keeps the URI.
The token must know the mechanism CKM_EDDSA with Ed25519 (PKCS #11 v3.1 section 6.3).

The library is the optional extra ``pkcs11`` (python-pkcs11), loaded when a token is first needed.
"""

from __future__ import annotations

import hmac
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from titian.core.errors import InvalidInput, Refused, Unavailable
from titian.core.notes import check_public_key

SCHEME: Final = "pkcs11:"
PIN: Final = "TITIAN_PKCS11_PIN"
"""Holds the PIN in the environment, where a URI names no file for it."""
MODULE: Final = "TITIAN_PKCS11_MODULE"
"""Holds the path of the token's library in the environment, where a URI does not name it."""
LONGEST: Final = 2000

_TOKEN: Final = frozenset({"token", "serial", "manufacturer", "model"})
_PATH: Final = _TOKEN | {"object", "id", "type"}
_QUERY: Final = frozenset({"module-path", "pin-source"})
_PCHAR: Final = re.compile(r"(?:[A-Za-z0-9._~\-\[\]:@!$'()*+,=&/?|]|%[0-9A-Fa-f]{2})*")
_LARGEST_PIN: Final = 256
_TRIAL: Final = b"titian/token-trial/v1\n"

_ONE_AT_A_TIME: Final = threading.RLock()
"""The libraries of tokens are loaded without telling them of threads, so only one thread is ever in one."""


class Place(msgspec.Struct, frozen=True):
    """A PKCS#11 URI, read: what token and key have to match, and where library and PIN are. Raises nothing."""

    token: tuple[tuple[str, str], ...]
    object: str | None
    id: bytes | None
    module: str | None
    pin_file: str | None


def read_uri(uri: str) -> Place:
    """Read a PKCS#11 URI (RFC 7512 section 2.3). Raises :class:`InvalidInput` for one that cannot be read, that has an
    attribute which is not known here, that names no token or no key, or that has a PIN in it."""
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    if not uri.startswith(SCHEME) or len(uri) > LONGEST:
        raise InvalidInput("This is no PKCS#11 URI.", advice="Write pkcs11:token=NAME;object=NAME")
    found = _attributes(path, ";", _PATH)
    asked = _attributes(query, "&", _QUERY)
    token = tuple((name, _text(found[name])) for name in sorted(_TOKEN & found.keys()))
    if not token or not {"object", "id"} & found.keys():
        raise InvalidInput("This PKCS#11 URI does not say which key of which token is meant.",
                           advice="Write pkcs11:token=NAME;object=NAME")  # fmt: skip
    if found.get("type", b"private") != b"private":
        raise InvalidInput("This PKCS#11 URI does not name a private key.", advice="Leave type= out.")
    module = _file(asked.get("module-path"))
    pin_file = _file(asked.get("pin-source", b"").removeprefix(b"file:") or None)
    return Place(token, _text(found["object"]) if "object" in found else None, found.get("id"), module, pin_file)


def _attributes(text: str, between: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(between) if text else []:
        name, equals, value = part.partition("=")
        if name == "pin-value":
            # Not repeated: it is the PIN.
            raise InvalidInput("This PKCS#11 URI has a PIN in it, and the database would keep it.",
                               advice=f"Name a file in pin-source, or set {PIN}; and change the PIN.")  # fmt: skip
        if name not in known or not equals or name in found or not _PCHAR.fullmatch(value):
            raise InvalidInput(f"The attribute {name[:40]!r} of this PKCS#11 URI cannot be used.")
        found[name] = unquote_to_bytes(value)
    return found


def _text(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("A name in this PKCS#11 URI is not UTF-8.") from None
    if not text or not text.isprintable():
        raise InvalidInput("A name in this PKCS#11 URI is empty or not printable.")
    return text


def _file(value: bytes | None) -> str | None:
    if value is None:
        return None
    path = _text(value)
    if not os.path.isabs(path):
        raise InvalidInput("A file in this PKCS#11 URI is not named by its whole path.", advice="Begin with a slash.")
    return path


class Tokens:
    """Opens keys in tokens. Keep one for the process: a session is opened once for each token, and shared.

    ``environment`` is where :data:`PIN` and :data:`MODULE` are looked for.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._sessions: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}
        self._keys: dict[Place, Any] = {}
        self._refused: set[bytes] = set()
        self._once = os.urandom(32)

    def open(self, place: str) -> TokenSecret:
        """Find a key and try it. Raises :class:`InvalidInput` for a URI that cannot be used, :class:`Unavailable`
        without the library, token or key, :class:`Refused` for a wrong PIN or a key that is not Ed25519."""
        where = read_uri(place)
        with _ONE_AT_A_TIME:
            public = self._public(where)
        check_public_key(public)
        secret = TokenSecret(self, where, place, public)
        _try(secret, public, place)
        return secret

    def _public(self, where: Place) -> bytes:
        library = _library()
        session = self._session(where)
        try:
            try:
                key = _find(library, session, where, library.ObjectClass.PUBLIC_KEY)
            except library.NoSuchKey:
                # Some tokens keep the point with the private key alone.
                key = _find(library, session, where, library.ObjectClass.PRIVATE_KEY)
            return _point(bytes(key[library.Attribute.EC_POINT]))
        except library.PKCS11Error as error:
            raise _unavailable(where, error) from error

    def sign(self, where: Place, message: bytes) -> bytes:
        """Sign with a key. A session that the token has ended in between is opened once again."""
        library = _library()
        with _ONE_AT_A_TIME:
            for last in (False, True):
                try:
                    key = self._keys.get(where)
                    if key is None:
                        session = self._session(where)
                        key = self._keys[where] = _find(library, session, where, library.ObjectClass.PRIVATE_KEY)
                    return bytes(key.sign(message, mechanism=library.Mechanism.EDDSA))
                except library.PKCS11Error as error:
                    self._forget(where)
                    if last:
                        raise _unavailable(where, error) from error
        raise AssertionError("unreachable")

    def _module(self, where: Place) -> str:
        module = where.module or self._environment.get(MODULE, "")
        if not module:
            raise Unavailable("Nothing says where the token's library is.",
                              advice=f"Set {MODULE}, or write ?module-path= into the PKCS#11 URI.")  # fmt: skip
        return module

    def _session(self, where: Place) -> Any:
        library, module = _library(), self._module(where)
        held = self._sessions.get((module, where.token))
        if held is not None:
            return held
        pin = self._pin(where)
        mark = hmac.digest(self._once, "\0".join((module, repr(where.token), pin)).encode(), "sha256")
        if mark in self._refused:
            # Tried again each minute, a wrong PIN would lock the token for good.
            raise Refused("The token refused this PIN before.", advice="Correct the PIN and start the node again.")
        try:
            token = _token(library.lib(module), where)
            try:
                session = token.open(user_pin=pin)
            except library.UserAlreadyLoggedIn:
                # By another session of this process, for another name of the same token.
                session = token.open()
        except (library.PinIncorrect, library.PinInvalid, library.PinLenRange, library.PinLocked) as error:
            self._refused.add(mark)
            raise Refused(f"The token refused the PIN ({type(error).__name__}).",
                          advice="Correct it and start the node again: it is not tried twice.") from None  # fmt: skip
        except (library.PKCS11Error, OSError, RuntimeError) as error:
            raise _unavailable(where, error) from error
        self._sessions[module, where.token] = session
        return session

    def _forget(self, where: Place) -> None:
        session = self._sessions.pop((self._module(where), where.token), None)
        self._keys.clear()
        if session is not None:
            # It is gone, whatever it says.
            with suppress(Exception):
                session.close()

    def _pin(self, where: Place) -> str:
        if where.pin_file is None:
            pin = self._environment.get(PIN, "")
        else:
            try:
                with open(where.pin_file, encoding="utf-8") as file:
                    pin = file.read(_LARGEST_PIN + 1).rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise Unavailable(f"The file with the PIN, {where.pin_file}, cannot be read: {error}.") from None
        if not pin or len(pin) > _LARGEST_PIN:
            raise Unavailable("There is no PIN for the token.",
                              advice=f"Write it into the file that pin-source names, or set {PIN}.")  # fmt: skip
        return pin

    def close(self) -> None:
        """End every session."""
        with _ONE_AT_A_TIME:
            for session in self._sessions.values():
                with suppress(Exception):
                    session.close()
            self._sessions.clear()
            self._keys.clear()


class TokenSecret:
    """A :class:`titian.core.signing.Secret` whose secret half is in a token."""

    __slots__ = ("_place", "_public", "_tokens", "_where")

    def __init__(self, tokens: Tokens, where: Place, place: str, public: bytes) -> None:
        self._tokens = tokens
        self._where = where
        self._place = place
        self._public = public

    @property
    def public(self) -> bytes:
        """The 32 bytes of its public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of Ed25519 over a message. Raises :class:`Unavailable` when the token does not answer."""
        return self._tokens.sign(self._where, message)

    def __repr__(self) -> str:
        return f"TokenSecret({self._place!r})"


def _library() -> Any:
    try:
        # An extra: only a node whose keys lie in a token has it.
        import pkcs11
    except ImportError:
        raise Unavailable("The library for PKCS#11 tokens is not installed.",
                          advice="Run `pip install 'titian[pkcs11]'`.") from None  # fmt: skip
    return pkcs11


def _token(module: Any, where: Place) -> Any:
    wanted = dict(where.token)
    found = []
    for token in module.get_tokens():
        serial = token.serial.decode("ascii", "replace").strip() if isinstance(token.serial, bytes) else token.serial
        has = {"token": token.label, "serial": serial, "manufacturer": token.manufacturer_id, "model": token.model}
        if all(str(has[name]).strip() == value for name, value in wanted.items()):
            found.append(token)
    if len(found) != 1:
        named = ", ".join(f"{name} {value!r}" for name, value in where.token)
        raise Unavailable(f"{len(found) or 'No'} tokens are there with {named}.",
                          advice="Is it plugged in? Name it by its serial too.")  # fmt: skip
    return found[0]


def _find(library: Any, session: Any, where: Place, kind: Any) -> Any:
    wanted = {name: value for name, value in (("label", where.object), ("id", where.id)) if value is not None}
    return session.get_key(object_class=kind, key_type=library.KeyType.EC_EDWARDS, **wanted)


def _point(written: bytes) -> bytes:
    """The 32 bytes of an Ed25519 key: as they are, in an OCTET STRING, or in a BIT STRING, for tokens differ."""
    for header in (b"", b"\x04\x20", b"\x03\x21\x00"):
        if written.startswith(header) and len(written) == len(header) + 32:
            return written[len(header) :]
    raise Refused("The key in the token is not an Ed25519 key.", advice="Make one with the mechanism for Ed25519.")


def _try(secret: TokenSecret, public: bytes, place: str) -> None:
    """Let it sign something once: both halves belong together, and the token signs Ed25519 and nothing alike."""
    message = _TRIAL + os.urandom(16)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(secret.sign(message), message)
    except InvalidSignature:
        raise Refused(f"What the key at {place} signs does not fit its public half.") from None


def _unavailable(where: Place, error: Exception) -> Unavailable:
    named = ", ".join(value for _, value in where.token)
    said = str(error) or type(error).__name__
    return Unavailable(f"The token {named} does not do what was asked: {said}.",
                       advice="Is it plugged in, and is the key in it? The token's own tool tells.")  # fmt: skip
