"""Who may come in: TAXII 2.1 sections 1.6.9 and 8.2.2, RFC 7617 (Basic), RFC 6750 (Bearer)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import httpx
import pytest

from support.nodes import Collection, Key, Node
from support.rawhttp import exchange, request_head
from support.stix import envelope, indicator, new_uuid
from support.taxii import MEDIA_TYPE, Taxii, accepted, basic, bearer, ok, refused

As = Callable[[Key | None], Taxii]
NewKey = Callable[..., Key]


def test_no_credentials_is_a_401_that_says_how(stranger: Taxii) -> None:
    """Section 1.6.9: 401 and a WWW-Authenticate header with the schemes that the server supports."""
    answer = stranger.get(f"{stranger.root}collections/")
    refused(answer, 401)
    challenge = answer.headers["WWW-Authenticate"]
    assert "basic realm=" in challenge.lower(), "RFC 7617 section 2: Basic requires a realm"
    assert "bearer" in challenge.lower()


def test_a_401_tells_nothing_about_what_exists(stranger: Taxii, collection: Collection) -> None:
    """Without credentials, what exists and what does not look the same, whatever the method."""
    exists = stranger.path(collection, "objects")
    invented = stranger.path(new_uuid(), "objects")
    for method in ("GET", "POST"):
        seen = [refused(stranger.request(method, path), 401) for path in (exists, invented)]
        assert _without_instance(seen[0]) == _without_instance(seen[1])


def _without_instance(message: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in message.items() if name != "error_id"}


def test_basic_and_bearer_open_the_same_door(reader: Taxii, collection: Collection) -> None:
    """Basic SHOULD be there (section 8.2.2); peers' clients know one or the other (MISP#9858, cti-taxii-
    client#101).
    """
    assert reader.key is not None
    url = reader.node.url + reader.path(collection)
    by_name = reader.http.get(url, headers={"Accept": MEDIA_TYPE}, auth=basic(reader.key))
    by_token = reader.http.get(url, headers={"Accept": MEDIA_TYPE} | bearer(reader.key))
    assert ok(by_name) == ok(by_token)


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc", "bearer", "BEARER"])
def test_the_scheme_has_no_case(reader: Taxii, scheme: str) -> None:
    """RFC 9110 section 11.1: the scheme's name is compared without regard to case."""
    assert reader.key is not None
    token = reader.key.secret
    if scheme.lower() == "basic":
        token = base64.b64encode(f"{reader.key.name}:{reader.key.secret}".encode()).decode()
    anonymous = Taxii(reader.node, None, reader.http, reader.root)
    ok(anonymous.get("/taxii2/", Authorization=f"{scheme} {token}"))


def _b64(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


WRONG: list[tuple[str, Callable[[Key, Key], str]]] = [
    ("a wrong key", lambda key, other: _b64(f"{key.name}:{'x' * len(key.secret)}")),
    ("another name with a right key", lambda key, other: _b64(f"{other.name}:{key.secret}")),
    ("a name that nobody has", lambda key, other: _b64(f"nobody:{key.secret}")),
    ("an empty name with a right key", lambda key, other: _b64(f":{key.secret}")),
    ("an empty key", lambda key, other: _b64(f"{key.name}:")),
    ("the key's first half", lambda key, other: _b64(f"{key.name}:{key.secret[: len(key.secret) // 2]}")),
    ("the key and more", lambda key, other: _b64(f"{key.name}:{key.secret}x")),
    ("the name as the key", lambda key, other: _b64(f"{key.name}:{key.name}")),
    ("NUL in the key", lambda key, other: _b64(f"{key.name}:{key.secret}\0")),
    ("no colon", lambda key, other: _b64(key.name)),
    ("not base64", lambda key, other: "Basic !!!"),
    ("not UTF-8", lambda key, other: "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()),
    ("a scheme alone", lambda key, other: "Basic"),
    ("Bearer alone", lambda key, other: "Bearer"),
    ("a wrong token", lambda key, other: "Bearer " + "x" * len(key.secret)),
    ("the name as a token", lambda key, other: f"Bearer {key.name}"),
    ("two tokens", lambda key, other: f"Bearer {key.secret} {key.secret}"),
    ("another scheme", lambda key, other: f"Token {key.secret}"),
    ("Digest", lambda key, other: f'Digest username="{key.name}"'),
    ("a long token", lambda key, other: "Bearer " + "x" * 5000),
    ("the empty string", lambda key, other: ""),
]


@pytest.mark.parametrize("make", [pytest.param(row[1], id=row[0]) for row in WRONG])
def test_anything_but_a_right_name_and_key_is_a_401(
    stranger: Taxii, keys: dict[str, Key], collection: Collection, make: Callable[[Key, Key], str]
) -> None:
    """Section 1.6.9; the challenge comes with each refusal."""
    header = make(keys["reader"], keys["admin"])
    answer = stranger.get(stranger.objects_path(collection), Authorization=header)
    refused(answer, 401)
    assert "WWW-Authenticate" in answer.headers


def test_two_authorization_lines_are_not_a_choice(reader: Taxii, keys: dict[str, Key]) -> None:
    """A front end may check one line and the node obey the other: two are refused."""
    lines = f"Authorization: Bearer nothing\r\nAuthorization: Bearer {keys['reader'].secret}\r\n"
    head = request_head("GET", "/taxii2/", reader.node.url, {"Accept": MEDIA_TYPE})
    answer = exchange(reader.node.url, [head[:-2] + lines.encode() + b"\r\n"])
    assert answer.status in (400, 401)


def test_a_key_in_the_address_is_not_a_key(stranger: Taxii, keys: dict[str, Key]) -> None:
    """Addresses are logged and remembered; a key there must not work, or it would be put there."""
    secret = keys["reader"].secret
    for name in ("key", "token", "access_token", "api_key"):
        refused(stranger.get("/taxii2/", {name: secret}), 401)


def test_a_revoked_key_is_a_401_at_once_and_everywhere(
    node: Node, acting_as: As, new_key: NewKey, collection: Collection
) -> None:
    """Revoking holds for every worker, for both schemes, for connections already open."""
    key = new_key("writer")
    client = acting_as(key)
    for _ in range(8):
        ok(client.objects(collection))
    accepted(client.post(collection, envelope(indicator())))
    node.revoke_key(key)
    anonymous = acting_as(None)
    for _ in range(16):
        refused(client.objects(collection), 401)
        refused(anonymous.get(anonymous.root, **bearer(key)), 401)
    refused(client.post(collection, envelope(indicator())), 401)


def test_a_new_key_works_at_once_and_everywhere(acting_as: As, new_key: NewKey, collection: Collection) -> None:
    """No restart, whichever worker answers."""
    client = acting_as(new_key("reader", collection))
    for _ in range(16):
        ok(client.objects(collection))


def test_a_revoked_name_does_not_bring_its_key_back(node: Node, acting_as: As, new_key: NewKey) -> None:
    """A new key under an old name opens; the old one stays shut."""
    old = new_key("reader")
    node.revoke_key(old)
    again = node.run("keys", "add", old.name, "--role", "reader", "--json")
    if again.status == 0:
        fresh = Key(old.name, json.loads(again.stdout)["key"], "reader")
        ok(acting_as(fresh).get("/taxii2/"))
    refused(acting_as(old).get("/taxii2/"), 401)


def test_a_name_that_basic_cannot_carry_is_refused(node: Node) -> None:
    """RFC 7617 section 2: a user-id with a colon cannot be sent; nor can one with control characters."""
    for name in ("a:b", "a\nb", ""):
        assert node.run("keys", "add", name, "--role", "reader").status != 0


def test_a_name_beyond_ascii_is_refused_or_works(node: Node, acting_as: As) -> None:
    """RFC 7617 section 2.1: with UTF-8, as the clients of today send it."""
    made = node.run("keys", "add", "badan-keamanan-é-例", "--role", "reader", "--json")
    if made.status == 0:
        found = json.loads(made.stdout)
        ok(acting_as(Key(found["name"], found["key"], "reader")).get("/taxii2/"))


def test_keys_are_long_and_different(new_key: NewKey) -> None:
    """Guessing must not pay: at least 128 bits."""
    secrets = {new_key("reader").secret for _ in range(4)}
    assert len(secrets) == 4
    assert min(map(len, secrets)) >= 22


def test_keys_are_printed_once(node: Node, new_key: NewKey) -> None:
    """What is kept is a digest: no listing, file or log holds the key."""
    key = new_key("reader")
    listed = node.run("keys", "list", "--json")
    assert listed.status == 0, str(listed)
    assert key.name in listed.stdout
    assert key.secret not in listed.stdout
    for file in node.home.rglob("*"):
        if file.is_file():
            assert key.secret.encode() not in file.read_bytes(), file.name
    assert key.secret not in node.log()


def test_health_needs_no_key_and_metrics_an_administrators(
    stranger: Taxii, reader: Taxii, writer: Taxii, admin: Taxii
) -> None:
    """A load balancer asks for health; figures about partners are the administrator's."""
    assert stranger.http.get(f"{stranger.node.url}/health").status_code == 200
    metrics = {
        who: client.request("GET", "/metrics", headers={"Accept": "*/*"})
        for who, client in (("stranger", stranger), ("reader", reader), ("writer", writer), ("admin", admin))
    }
    assert metrics["stranger"].status_code == 401
    assert metrics["reader"].status_code in (403, 404)
    assert metrics["writer"].status_code in (403, 404)
    assert metrics["admin"].status_code == 200
    assert metrics["admin"].headers["Content-Type"].startswith("text/plain")
    assert "# TYPE " in metrics["admin"].text


def test_many_wrong_keys_do_not_lock_out_the_right_one(
    stranger: Taxii, reader: Taxii, acting_as: As, new_key: NewKey
) -> None:
    """A lock by name would let anybody shut a partner out; a lock by address, all who share a proxy or a NAT:
    those who were here before, and those who come for the first time.
    """
    assert reader.key is not None
    newcomer = acting_as(new_key("reader"))
    seen = set()
    for number in range(400):
        wrong = httpx.BasicAuth(reader.key.name, f"wrong-{number}")
        answer = stranger.http.get(f"{stranger.node.url}/taxii2/", auth=wrong, headers={"Accept": MEDIA_TYPE})
        seen.add(answer.status_code)
    answers = [client.get("/taxii2/") for client in (reader, newcomer) for _ in range(4)]
    deadline = time.monotonic() + 10
    while newcomer.get("/taxii2/").status_code == 429 and time.monotonic() < deadline:
        time.sleep(0.1)  # the tests after this one are not to suffer
    assert seen <= {401, 429}
    for right in answers:
        ok(right)
