"""Keys in PKCS#11 tokens: the URI, the PIN, and what the adapter does when a token fails.

Against a stand-in for the library everywhere; against SoftHSM2 where it is installed (`softhsm2-util` on the PATH, its
library at a usual place or at ``SOFTHSM2_MODULE``) and the extra ``pkcs11`` is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titian.core.errors import InvalidInput, Refused, TitianError, Unavailable
from titian.core.notes import sign_text, verify
from titian.core.signing import Ed25519Secret, NamedSigner, Role
from titian.wire.pkcs11 import MODULE, PIN, Tokens, read_uri

URI = "pkcs11:token=titian;object=log-2027"
ENVIRONMENT = {MODULE: "/usr/lib/token.so", PIN: "1234"}

# URIs


def test_a_uri_says_token_key_library_and_where_the_pin_is() -> None:
    place = read_uri(
        "pkcs11:token=a%20b;serial=0f;object=log;id=%01%02?module-path=/usr/lib/t.so&pin-source=file:/run/pin"
    )
    assert place.token == (("serial", "0f"), ("token", "a b"))
    assert (place.object, place.id, place.module, place.pin_file) == ("log", b"\1\2", "/usr/lib/t.so", "/run/pin")
    assert read_uri("pkcs11:token=a;object=log?pin-source=/run/pin").pin_file == "/run/pin"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:a",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:object=a",
        "pkcs11:token=;object=a",
        "pkcs11:token=a;token=b;object=c",
        "pkcs11:token=a;object=b;x-mine=c",
        "pkcs11:token=a;object",
        "pkcs11:token=a b;object=c",
        "pkcs11:token=%zz;object=c",
        "pkcs11:token=%ff;object=c",
        "pkcs11:token=%1b[31m;object=c",
        "pkcs11:token=a;object=b;type=cert",
        "pkcs11:token=a;object=b?module-path=t.so",
        "pkcs11:token=a;object=b?module-name=t",
        "pkcs11:token=a;object=b?pin-source=pin",
        "pkcs11:token=a;object=b?pin-source=|cat /run/pin",
        "pkcs11:token=a;object=" + "b" * 2000,
    ],
)
def test_a_uri_that_cannot_be_used_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput):
        read_uri(uri)


@pytest.mark.parametrize("uri", [f"{URI}?pin-value=835912", "pkcs11:token=a;pin-value=835912;object=b"])
def test_a_pin_in_a_uri_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(InvalidInput, match="PIN") as caught:
        read_uri(uri)
    assert "835912" not in str(caught.value)


@given(st.text(max_size=80))
def test_no_uri_ends_in_another_error(text: str) -> None:
    with suppress(InvalidInput):
        read_uri(f"pkcs11:{text}")


# A stand-in for the library


class PKCS11Error(RuntimeError):
    pass


class Kind(Enum):
    PUBLIC_KEY = auto()
    PRIVATE_KEY = auto()


class StandIn:
    """As much of python-pkcs11 as the adapter uses, over keys in memory, with a count of what was asked."""

    ObjectClass = Kind
    KeyType = SimpleNamespace(EC_EDWARDS=64)
    Attribute = SimpleNamespace(EC_POINT="EC_POINT")
    Mechanism = SimpleNamespace(EDDSA=0x1057)
    PKCS11Error = PKCS11Error

    def __init__(self) -> None:
        for name in ("NoSuchKey", "UserAlreadyLoggedIn", "PinIncorrect", "PinInvalid", "PinLenRange", "PinLocked",
                     "SessionHandleInvalid"):  # fmt: skip
            setattr(self, name, type(name, (PKCS11Error,), {}))
        self.keys = {"log-2027": Ed25519Secret(b"t" * 32), "witness-2027": Ed25519Secret(b"u" * 32)}
        self.header = b"\x04\x20"
        self.logins: list[str | None] = []
        self.logged_in = False
        self.ended = 0
        self.without_public = False
        self.signs_with: Ed25519Secret | None = None
        self.tokens = [self.token("titian")]

    def token(self, label: str, serial: bytes = b"0f") -> Any:
        return SimpleNamespace(label=label, serial=serial, manufacturer_id="Maker", model="One", open=self.open)

    def lib(self, module: str) -> Any:
        if module != ENVIRONMENT[MODULE]:
            raise RuntimeError(f"OS exception while loading {module}")
        return SimpleNamespace(get_tokens=lambda: iter(self.tokens))

    def open(self, user_pin: str | None = None) -> Any:
        self.logins.append(user_pin)
        if user_pin is not None and self.logged_in:
            raise self.UserAlreadyLoggedIn  # type: ignore[attr-defined]
        if user_pin not in (None, "1234"):
            raise self.PinIncorrect  # type: ignore[attr-defined]
        self.logged_in = True
        return SimpleNamespace(get_key=self.get_key, close=lambda: None)

    def get_key(self, object_class: Kind, key_type: int, label: str) -> Any:
        if label not in self.keys or (self.without_public and object_class is Kind.PUBLIC_KEY):
            raise self.NoSuchKey(label)  # type: ignore[attr-defined]
        return _Key(self, self.keys[label])


class _Key:
    def __init__(self, library: StandIn, secret: Ed25519Secret) -> None:
        self.library, self.secret = library, secret

    def __getitem__(self, name: str) -> bytes:
        return self.library.header + self.secret.public

    def sign(self, message: bytes, mechanism: int) -> bytes:
        assert mechanism == 0x1057
        if self.library.ended:
            self.library.ended -= 1
            self.library.logged_in = False
            raise self.library.SessionHandleInvalid  # type: ignore[attr-defined]
        return (self.library.signs_with or self.secret).sign(message)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()
    monkeypatch.setitem(sys.modules, "pkcs11", made)
    return made


@pytest.mark.parametrize("header", [b"", b"\x04\x20", b"\x03\x21\x00"], ids=["raw", "octets", "bits"])
@pytest.mark.parametrize("without_public", [False, True])
def test_a_key_is_found_however_its_token_writes_points(library: StandIn, header: bytes, without_public: bool) -> None:
    library.header, library.without_public = header, without_public
    secret = Tokens(ENVIRONMENT).open(URI)
    assert secret.public == library.keys["log-2027"].public
    assert secret.sign(b"text") == library.keys["log-2027"].sign(b"text")
    assert "1234" not in repr(secret)


def test_one_session_serves_every_key_of_a_token(library: StandIn) -> None:
    tokens = Tokens(ENVIRONMENT)
    for name in ("log-2027", "witness-2027"):
        tokens.open(f"pkcs11:token=titian;object={name}").sign(b"text")
    assert library.logins == ["1234"]


def test_a_token_that_another_session_has_opened_needs_no_second_login(library: StandIn) -> None:
    Tokens(ENVIRONMENT).open(URI)
    Tokens(ENVIRONMENT).open(URI)
    assert library.logins == ["1234", "1234", None]


def test_a_session_that_ended_is_opened_again_once(library: StandIn) -> None:
    secret = Tokens(ENVIRONMENT).open(URI)
    library.ended = 1
    assert len(secret.sign(b"text")) == 64
    library.ended = 2
    with pytest.raises(Unavailable, match="SessionHandleInvalid"):
        secret.sign(b"text")
    assert len(secret.sign(b"text")) == 64


def test_a_wrong_pin_is_not_tried_until_the_token_locks(library: StandIn) -> None:
    tokens = Tokens({**ENVIRONMENT, PIN: "9999"})
    with pytest.raises(Refused, match="refused the PIN"):
        tokens.open(URI)
    for _ in range(5):
        with pytest.raises(Refused, match="before") as caught:
            tokens.open(URI)
        assert "9999" not in str(caught.value)
    assert library.logins == ["9999"]


def test_the_pin_comes_from_the_file_that_is_named(library: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "pin"
    uri = f"{URI}?pin-source=file:{path}"
    tokens = Tokens({**ENVIRONMENT, PIN: "9999"})
    with pytest.raises(Unavailable, match="cannot be read"):
        tokens.open(uri)
    path.write_text("1234\n")
    assert tokens.open(uri).public == library.keys["log-2027"].public


@pytest.mark.parametrize(
    ("environment", "uri", "says"),
    [
        pytest.param({PIN: "1234"}, URI, "library is", id="no-module"),
        pytest.param({**ENVIRONMENT, MODULE: "/usr/lib/none.so"}, URI, "none.so", id="not-a-module"),
        pytest.param({MODULE: ENVIRONMENT[MODULE]}, URI, "no PIN", id="no-pin"),
        pytest.param({**ENVIRONMENT, PIN: "1" * 300}, URI, "no PIN", id="long-pin"),
        pytest.param(ENVIRONMENT, "pkcs11:token=other;object=log-2027", "No tokens", id="no-token"),
        pytest.param(ENVIRONMENT, "pkcs11:token=titian;object=other", "NoSuchKey|other", id="no-key"),
    ],
)
def test_what_is_missing_is_said(library: StandIn, environment: dict[str, str], uri: str, says: str) -> None:
    with pytest.raises(Unavailable, match=says):
        Tokens(environment).open(uri)


def test_two_tokens_of_one_name_are_told_apart_by_serial(library: StandIn) -> None:
    library.tokens = [library.token("titian", b"0f"), library.token("titian", b"10")]
    with pytest.raises(Unavailable, match="2 tokens"):
        Tokens(ENVIRONMENT).open(URI)
    assert Tokens(ENVIRONMENT).open("pkcs11:token=titian;serial=10;object=log-2027").public


def test_a_key_of_another_kind_is_refused(library: StandIn) -> None:
    library.header = b"\x04\x41\x04"
    with pytest.raises(Refused, match="not an Ed25519 key"):
        Tokens(ENVIRONMENT).open(URI)


def test_a_token_whose_halves_do_not_fit_is_refused(library: StandIn) -> None:
    library.signs_with = Ed25519Secret(b"v" * 32)
    with pytest.raises(Refused, match="does not fit"):
        Tokens(ENVIRONMENT).open(URI)


def test_a_token_that_shows_a_key_of_small_order_is_refused(library: StandIn) -> None:
    library.keys["log-2027"] = SimpleNamespace(public=bytes([1]) + bytes(31), sign=lambda _: bytes(64))  # type: ignore[assignment]
    with pytest.raises(Refused, match="small order"):
        Tokens(ENVIRONMENT).open(URI)


def test_without_the_extra_the_node_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(Unavailable, match=r"titian\[pkcs11\]"):
        Tokens(ENVIRONMENT).open(URI)


# A real token, where there is one

USUAL = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A software token with a log and a witness key in it; the environment to open it with."""
    pkcs11 = pytest.importorskip("pkcs11", reason="the extra pkcs11 is not installed", exc_type=ImportError)
    tool = shutil.which("softhsm2-util")
    module = next(
        (path for path in (os.environ.get("SOFTHSM2_MODULE", ""), *USUAL) if path and Path(path).exists()), None
    )
    if tool is None or module is None:
        pytest.skip("SoftHSM2 is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        subprocess.run(
            [
                tool,
                "--module",
                module,
                "--init-token",
                "--free",
                "--label",
                "titian",
                "--pin",
                "1234",
                "--so-pin",
                "5678",
            ],
            check=True,
            capture_output=True,
        )
        with pkcs11.lib(module).get_token(token_label="titian").open(rw=True, user_pin="1234") as session:
            for label in ("log-2027", "witness-2027"):
                ed25519 = {pkcs11.Attribute.EC_PARAMS: bytes.fromhex("06032b6570")}  # RFC 8410, id-Ed25519
                made = session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, ed25519, local=True)
                made.generate_keypair(mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=label)
        yield {MODULE: module, PIN: "1234"}


@pytest.fixture
def tokens(softhsm: dict[str, str]) -> Iterator[Tokens]:
    made = Tokens(softhsm)
    yield made
    made.close()


def test_a_real_token_signs_notes_in_both_roles(tokens: Tokens) -> None:
    for role in Role:
        signer = NamedSigner("titian-a", role.type, tokens.open(f"pkcs11:token=titian;object={role}-2027"))
        time = None if role is Role.LOG else 1_790_000_000
        line = sign_text("a text\n", signer, time=time)
        assert verify(signer.key, "a text\n", line) is not None


def test_a_real_token_answers_after_its_sessions_were_closed(tokens: Tokens) -> None:
    secret = tokens.open(URI)
    tokens._sessions[next(iter(tokens._sessions))].close()
    assert len(secret.sign(b"text")) == 64


def test_a_real_token_refuses_what_the_stand_in_refuses(tokens: Tokens, softhsm: dict[str, str]) -> None:
    with pytest.raises(Unavailable, match="titian"):
        tokens.open("pkcs11:token=titian;object=none")
    with pytest.raises(Unavailable, match="No tokens"):
        tokens.open("pkcs11:token=none;object=log-2027")
    tokens.close()  # a login holds for the whole process
    with pytest.raises(Refused, match="refused the PIN"):
        Tokens({**softhsm, PIN: "9999"}).open(URI)
    with pytest.raises(TitianError):
        Tokens({**softhsm, MODULE: "/usr/lib/none.so"}).open(URI)
