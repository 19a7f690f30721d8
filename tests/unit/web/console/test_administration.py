"""Administration: each page shows what is there, offers what one may do, and does it under one's name."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from support.console import PASSWORD, ConsoleBench, Page, console
from titian.core.collection import Kind
from titian.core.directory_objects import Reading
from titian.core.errors import Refused
from titian.core.people import Duty, acting_as
from titian.core.subscription import MINUTE, Gap, Progress, Subscription, Terms
from titian.exchange.subscribe import NEVER, Subscribe
from titian.node import Node, open_node
from titian.settings import SECRETS, rows
from titian.setup import init_node
from titian.store.acts import Act

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

HOSTILE = "<script>alert(1)</script>'\"\u202egnp"
PAGES = ("people", "keys", "collections", "subscriptions", "peers", "signing", "settings", "health", "backups", "acts")
EVERYBODY = ("analyst-one", "releaser-one", "auditor-one", "administrator-one")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConsoleBench]:
    monkeypatch.setenv("TITIAN_SIGN_INS_PER_MINUTE", "1000")
    with console(tmp_path / "node") as made:
        made.sign_in("administrator-one")
        yield made


def opened(bench: ConsoleBench) -> Node:
    return open_node(bench.home, environment={})


def last(bench: ConsoleBench) -> Act:
    with opened(bench) as node:
        return node.acts.list(limit=1)[0]


def person_id(bench: ConsoleBench, name: str) -> str:
    with opened(bench) as node:
        return node.people.find(name).id


# ── who may ───────────────────────────────────────────────────────────────────────────────────────────────

FORBIDDEN = {"backups": {"analyst-one", "releaser-one", "auditor-one"},
             "acts": {"analyst-one", "releaser-one", "administrator-one"}}  # fmt: skip


@pytest.mark.parametrize("name", EVERYBODY)
def test_who_may_not_gets_403_and_no_link(bench: ConsoleBench, name: str) -> None:
    bench.sign_in(name)
    links = {href for href, _ in bench.page("/admin").links}
    for page in PAGES:
        may = name not in FORBIDDEN.get(page, set())
        assert bench.get(f"/admin/{page}").status_code == (200 if may else 403), page
        assert (f"/admin/{page}" in links) == may, page


CHANGES = [
    ("/admin/people", {"name": "x", "duty": "analyst"}, {"administrator-one"}),
    ("/admin/people/ID", {"act": "disable"}, {"administrator-one"}),
    ("/admin/keys", {"name": "x", "role": "reader"}, {"administrator-one"}),
    ("/admin/keys/revoke", {"name": "x"}, {"administrator-one"}),
    ("/admin/collections", {"name": "x"}, {"analyst-one"}),
    ("/admin/subscriptions", {"url": "x"}, {"analyst-one"}),
    ("/admin/subscriptions/none", {"act": "run"}, {"analyst-one"}),
    ("/admin/subscriptions/none", {"act": "resume", "trust_ledger": "1"}, {"administrator-one"}),
    ("/admin/peers", {"card": "x"}, {"administrator-one"}),
    ("/admin/peers/change", {"act": "remove"}, {"administrator-one"}),
    ("/admin/signing", {"act": "none"}, {"administrator-one"}),
]


@pytest.mark.parametrize(
    ("path", "fields", "may"), CHANGES, ids=[f"{one[0]}-{number}" for number, one in enumerate(CHANGES)]
)
def test_each_change_wants_its_duty_and_a_token(
    bench: ConsoleBench, path: str, fields: dict[str, str], may: set[str]
) -> None:
    path = path.replace("ID", person_id(bench, "releaser-one"))
    for name in EVERYBODY:
        bench.sign_in(name)
        assert bench.post(path, fields, token="").status_code == 403
        if name not in may:
            assert bench.post(path, fields).status_code == 403, name
    bench.sign_in(*may)
    assert bench.post(path, fields).status_code != 403


def test_a_stranger_is_sent_to_sign_in(bench: ConsoleBench) -> None:
    bench.client.cookies.clear()
    for page in PAGES:
        assert bench.get(f"/admin/{page}").status_code == 303
        assert bench.get(f"/admin/{page}").headers["location"].startswith("/sign-in?next=")


# ── people ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_is_added_with_a_password_that_is_shown_once(bench: ConsoleBench) -> None:
    answer = bench.post("/admin/people", {"name": "analyst-two", "duty": "analyst", "codes": "1", "why": "new here"})
    assert answer.status_code == 200
    shown = re.search(r'id="password"[^>]*>([a-z2-9-]+)<', answer.text)
    assert shown is not None
    assert "data:image/svg+xml" in answer.text
    assert shown[1] not in bench.get("/admin/people").text
    act = last(bench)
    assert (act.act, act.why, act.details["totp"]) == ("add-person", "new here", True)
    assert shown[1] not in str(act.details)
    bench.client.cookies.clear()
    asked = bench.post("/sign-in", {"name": "analyst-two", "password": shown[1]})
    assert Page(asked.text).headings[0] == "Code"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "analyst-one", "duty": "analyst"}, "There is already somebody called"),
        ({"name": "x", "duty": "emperor"}, "Choose a duty"),
        ({"name": "", "duty": "analyst"}, "cannot be used"),
        ({"name": "a:b", "duty": "analyst"}, "cannot hold a colon"),
        ({"name": "x", "duty": "analyst", "no_password": "1"}, "Nothing was given by which"),
    ],
)
def test_what_cannot_be_is_said_and_kept_in_the_form(
    bench: ConsoleBench, fields: dict[str, str], sentence: str
) -> None:
    answer = bench.post("/admin/people", {**fields, "full_name": "Somebody Else"})
    assert answer.status_code == 422
    assert sentence in Page(answer.text).text
    assert 'value="Somebody Else"' in answer.text


def test_a_hostile_name_is_inert(bench: ConsoleBench) -> None:
    name = "<b onclick=x>'\""
    answer = bench.post("/admin/people", {"name": name, "duty": "analyst", "full_name": name})
    assert answer.status_code == 200
    for text in (
        answer.text,
        bench.get("/admin/people").text,
        bench.get(f"/admin/people/{person_id(bench, name)}").text,
    ):
        assert "<b onclick" not in text


def test_a_person_is_disabled_and_enabled(bench: ConsoleBench) -> None:
    path = f"/admin/people/{person_id(bench, 'analyst-one')}"
    answer = bench.post(path, {"act": "disable", "why": "left"})
    assert answer.headers["location"] == f"{path}?done=disabled"
    assert (last(bench).act, last(bench).why) == ("disable-person", "left")
    assert "disabled" in bench.page(path).text
    again = bench.post(path, {"act": "disable"})
    assert again.status_code == 422
    assert "disabled already" in Page(again.text).text
    assert bench.post(path, {"act": "enable"}).status_code == 422, "it wants a reason"
    assert bench.post(path, {"act": "enable", "why": "back"}).status_code == 303
    bench.sign_in("analyst-one")


def test_a_new_password_ends_the_old_one(bench: ConsoleBench) -> None:
    path = f"/admin/people/{person_id(bench, 'analyst-one')}"
    answer = bench.post(path, {"act": "password", "why": "forgotten"})
    shown = re.search(r'id="password"[^>]*>([a-z2-9-]+)<', answer.text)
    assert shown is not None
    bench.client.cookies.clear()
    assert bench.post("/sign-in", {"name": "analyst-one", "password": PASSWORD}).status_code == 422
    bench.sign_in("analyst-one", shown[1])


def test_codes_are_given_and_taken(bench: ConsoleBench) -> None:
    path = f"/admin/people/{person_id(bench, 'analyst-one')}"
    answer = bench.post(path, {"act": "codes"})
    assert 'id="secret"' in answer.text
    assert 'id="password"' not in answer.text
    answer = bench.post(path, {"act": "reset", "why": "lost"})
    shown = re.search(r'id="password"[^>]*>([a-z2-9-]+)<', answer.text)
    assert shown is not None
    bench.sign_in("analyst-one", shown[1])


@pytest.mark.parametrize("act", ["", "promote"])
def test_nothing_else_is_done(bench: ConsoleBench, act: str) -> None:
    before = last(bench).num
    assert bench.post(f"/admin/people/{person_id(bench, 'analyst-one')}", {"act": act}).status_code == 422
    assert last(bench).num == before


@pytest.mark.parametrize("path", ["/admin/people/nobody", "/admin/subscriptions/none", "/admin/people/%00"])
def test_what_is_not_there_is_404(bench: ConsoleBench, path: str) -> None:
    assert bench.get(path).status_code == 404


# ── keys and collections ──────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_shown_once_and_revoked(bench: ConsoleBench) -> None:
    answer = bench.post("/admin/keys", {"name": "our tool", "role": "writer"})
    shown = re.search(r'id="key"[^>]*>(titian_[a-z2-7_]+)<', answer.text)
    assert shown is not None
    page = bench.get("/admin/keys").text
    assert shown[1] not in page
    assert "our tool" in page
    with_key = {"authorization": f"Bearer {shown[1]}", "accept": "application/taxii+json;version=2.1"}
    assert bench.get("/taxii2/", **with_key).status_code == 200
    assert bench.post("/admin/keys", {"name": "our tool", "role": "reader"}).status_code == 422
    assert bench.post("/admin/keys/revoke", {"name": "our tool", "why": "lost"}).status_code == 303
    assert (last(bench).act, last(bench).why) == ("revoke-key", "lost")
    assert bench.get("/taxii2/", **with_key).status_code == 401
    assert bench.post("/admin/keys/revoke", {"name": "nobody's"}).status_code == 422


def test_a_key_is_bound_to_a_party(bench: ConsoleBench) -> None:
    with opened(bench) as node:
        register = node.agreements.read()
    answer = bench.post("/admin/keys", {"name": "x", "role": "reader", "party": "nobody"})
    assert (answer.status_code, "There is no party" in answer.text) == (422, True)
    own = register.directory.own
    answer = bench.post("/admin/keys", {"name": "x", "role": "reader", "party": own})
    assert answer.status_code == 422


@pytest.mark.parametrize("role", ["", "owner"])
def test_a_key_has_a_role(bench: ConsoleBench, role: str) -> None:
    assert bench.post("/admin/keys", {"name": "x", "role": role}).status_code == 422


def test_a_collection_is_added(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    fields = {"name": HOSTILE.replace("\u202e", ""), "alias": "financing", "description": HOSTILE, "readable": "1"}
    assert bench.post("/admin/collections", fields).status_code == 303
    text = bench.get("/admin/collections").text
    assert "<script>alert" not in text
    assert "financing" in text
    with opened(bench) as node:
        made = node.collections.find("financing")
    assert (made.readable, made.writable, made.kind) == (True, False, Kind.OWN)
    answer = bench.post("/admin/collections", {**fields, "alias": "No Alias"})
    assert answer.status_code == 422
    assert "cannot stand in a URL" in Page(answer.text).text


# ── subscriptions ─────────────────────────────────────────────────────────────────────────────────────────


def stand(bench: ConsoleBench, **progress: object) -> Subscription:
    """Put a subscription into the node's book, as a partner's server would have made it."""
    with opened(bench) as node:
        collection = node.collections.add(
            "From Agency Two", received_from="identity--" + "2" * 8 + "-2222-4222-8222-222222222222"
        )
        one = Subscription(
            id="11111111-1111-4111-8111-111111111111", collection=collection.num, created=node.store.clock(),
            next_try=NEVER,
            terms=Terms(url="https://two.example/", remote="r", title=HOSTILE, agreement="agreement--x",
                        party=collection.party or "", every=5 * MINUTE),
            progress=Progress(**progress),  # type: ignore[arg-type]
        )  # fmt: skip
        node.subscribe._book.add(one, "secret-of-partner", person=person_id(bench, "analyst-one"))
    return one


def test_how_a_subscription_goes_is_shown(bench: ConsoleBench) -> None:
    gaps = (Gap(1, "page 7 " + HOSTILE),)
    one = stand(bench, read=1234, lag=90_000_000, succeeded=1, gaps=gaps, error="refused " + HOSTILE, failures=2)
    bench.sign_in("auditor-one")
    for path in ("/admin/subscriptions", f"/admin/subscriptions/{one.id}"):
        answer = bench.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text
        assert "1,234" in answer.text
        assert "secret-of-partner" not in answer.text
        assert 'name="act"' not in answer.text, "an auditor changes nothing"


def test_a_person_pauses_and_resumes(bench: ConsoleBench) -> None:
    one = stand(bench)
    path = f"/admin/subscriptions/{one.id}"
    bench.sign_in("analyst-one")
    assert bench.post(path, {"act": "pause"}).status_code == 422, "it wants a reason"
    assert bench.post(path, {"act": "pause", "why": "They move house"}).headers["location"] == f"{path}?done=paused"
    with opened(bench) as node:
        held = node.subscribe.find(one.id)
        assert (held.progress.paused, held.next_try) == ("They move house", NEVER)
        assert (node.acts.list(limit=1)[0].act, node.acts.list(limit=1)[0].why) == (
            "change-subscription",
            "They move house",
        )
    assert "A person has to decide" in bench.page(path).text
    assert bench.post(path, {"act": "resume", "why": "They have moved", "on_recall": "keep"}).status_code == 303
    with opened(bench) as node:
        held = node.subscribe.find(one.id)
        assert (held.progress.paused, held.terms.on_recall.value) == (None, "keep")


def test_one_is_ended(bench: ConsoleBench) -> None:
    one = stand(bench)
    path = f"/admin/subscriptions/{one.id}"
    bench.sign_in("analyst-one")
    assert bench.post(path, {"act": "end", "why": "over"}).status_code == 303
    assert "Nothing is subscribed to." in bench.page("/admin/subscriptions").text
    assert "ended" in bench.page("/admin/subscriptions?ended=1").text
    assert bench.post(path, {"act": "pause", "why": "x"}).status_code == 422


def test_a_broken_ledger_is_taken_by_who_manages_keys(bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    one = stand(bench, paused="The ledger was changed.", ledger="titian-two/x")
    mended: list[tuple[str, str]] = []
    broken = [("titian-two/x", "Entry 3 was changed.")]
    monkeypatch.setattr(
        "titian.web.console.admin_subscriptions._broken", lambda node, one: broken[0] if broken else None
    )
    monkeypatch.setattr(
        "titian.store.peer_ledgers.PeerLedgers.mend",
        lambda self, origin, *, person, why: mended.append((origin, why)),
    )
    path = f"/admin/subscriptions/{one.id}"
    bench.sign_in("analyst-one")
    assert "trust_ledger" not in bench.get(path).text
    answer = bench.post(path, {"act": "resume", "why": "they said so"})
    assert answer.status_code == 422
    assert "found broken" in Page(answer.text).text
    bench.sign_in("administrator-one")
    assert "trust_ledger" in bench.get(path).text
    answer = bench.post(path, {"act": "resume", "why": "they said so", "trust_ledger": "1"})
    assert answer.status_code == 303
    assert mended == [("titian-two/x", "they said so")]


def test_a_private_address_is_not_for_the_browser_to_name(bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 11: who runs the node names private networks, not who has a page of it."""
    asked: list[Terms] = []

    def subscribe(self: Subscribe, actor: object, terms: Terms, *rest: object) -> Subscription:
        asked.append(terms)
        raise Refused("Not now.")

    monkeypatch.setattr(Subscribe, "subscribe", subscribe)
    monkeypatch.setattr(Reading, "agreement", lambda self, reference: msgspec.defstruct("A", ["id"])(reference))
    bench.sign_in("analyst-one")
    fields = {"url": "http://127.0.0.1:9/", "remote": "r", "key": "k", "every": str(5 * MINUTE), "on_recall": "flag",
              "agreement": "x"}  # fmt: skip
    answer = bench.post("/admin/subscriptions", fields)
    assert (answer.status_code, "Not now." in answer.text) == (422, True)
    assert [one.private for one in asked] == [False]


@pytest.mark.parametrize("fields", [{"every": "1"}, {"every": "x"}, {"on_recall": "burn"}])
def test_terms_are_chosen_from_the_form(bench: ConsoleBench, fields: dict[str, str]) -> None:
    bench.sign_in("analyst-one")
    given = {"url": "https://two.example/", "every": str(5 * MINUTE), "on_recall": "flag", **fields}
    assert bench.post("/admin/subscriptions", given).status_code == 422


def test_a_pull_runs_in_the_background(bench: ConsoleBench) -> None:
    one = stand(bench)
    bench.sign_in("analyst-one")
    answer = bench.post(f"/admin/subscriptions/{one.id}", {"act": "run"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/jobs/")


# ── peers and signing keys ────────────────────────────────────────────────────────────────────────────────


def test_cards_are_shown_and_held(bench: ConsoleBench, tmp_path: Path) -> None:
    init_node(tmp_path / "two", name="Agency Two", country="JP")
    with open_node(tmp_path / "two", environment={}) as node:
        card = node.peers.ours("https://two.example")
    ours = bench.get("/admin/peers/ours.card")
    assert ours.headers["content-disposition"] == 'attachment; filename="ours.card"'
    assert ours.text.startswith("titian/card/v1\n")
    answer = bench.post("/admin/peers", {"card": "\n" + card.encode().decode().replace("\n", "\r\n") + "\n\n"})
    assert answer.headers["location"] == "/admin/peers?done=unchecked"
    page = bench.page("/admin/peers")
    assert card.card.fingerprint in page.text
    assert "not compared" in page.text
    fields = {"act": "checked", "party": card.card.party}
    assert bench.post("/admin/peers/change", {**fields, "fingerprint": "0000"}).status_code == 422
    assert bench.post("/admin/peers/change", {**fields, "fingerprint": card.card.fingerprint}).status_code == 303
    assert "not compared" not in bench.page("/admin/peers").text
    assert (
        bench.post("/admin/peers/change", {"act": "remove", "party": card.card.party, "why": "left"}).status_code == 303
    )
    assert (last(bench).act, last(bench).why) == ("remove-peer", "left")


def test_a_card_comes_as_a_file(bench: ConsoleBench, tmp_path: Path) -> None:
    init_node(tmp_path / "two", name="Agency Two", country="JP")
    with open_node(tmp_path / "two", environment={}) as node:
        card = node.peers.ours().encode()
    answer = bench.post("/admin/peers", {"checked": "1"}, files={"file": ("theirs.card", card, "text/plain")})
    assert answer.headers["location"] == "/admin/peers?done=added"


@pytest.mark.parametrize(
    "card", ["", HOSTILE, "titian/card/v1\n{}\n\n", "x" * 70_000], ids=["none", "text", "hollow", "long"]
)
def test_what_is_no_card_is_not_held(bench: ConsoleBench, card: str) -> None:
    answer = bench.post("/admin/peers", {"card": card})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_who_signs_an_address_looks_after_the_keys(bench: ConsoleBench) -> None:
    path = "/admin/peers/ours.card?url=https://elsewhere.example"
    assert "https://elsewhere.example" in bench.get(path).text
    bench.sign_in("analyst-one")
    assert bench.get(path).status_code == 403
    assert bench.get("/admin/peers/ours.card").status_code == 200
    assert 'name="url"' not in bench.get("/admin/peers").text


def test_our_own_card_is_no_peers(bench: ConsoleBench) -> None:
    answer = bench.post("/admin/peers", {"card": bench.get("/admin/peers/ours.card").text})
    assert (answer.status_code, "this node itself" in answer.text) == (422, True)


def test_signing_keys_are_rotated_and_given_up(bench: ConsoleBench) -> None:
    assert (
        bench.post("/admin/signing", {"act": "rotate", "role": "log", "overlap": "7", "why": "yearly"}).status_code
        == 303
    )
    assert (last(bench).act, last(bench).why) == ("rotate-signing-key", "yearly")
    assert bench.post("/admin/signing", {"act": "compromised", "num": "1", "why": ""}).status_code == 422
    assert bench.post("/admin/signing", {"act": "compromised", "num": "1", "why": "stolen"}).status_code == 303
    page = bench.page("/admin/signing")
    assert "compromised" in page.text
    for fields in ({"role": "emperor"}, {"role": "log", "overlap": "999"}, {"role": "log", "overlap": "-1"}):
        assert bench.post("/admin/signing", {"act": "rotate", **fields}).status_code == 422


# ── settings, health, backups, acts ───────────────────────────────────────────────────────────────────────


def test_every_setting_is_shown_with_its_documentation(bench: ConsoleBench) -> None:
    page = bench.page("/admin/settings")
    for row in rows():
        assert row.name in page.text
        assert " ".join(row.help.replace("`", "").split()) in page.text


def test_secrets_of_settings_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITIAN_OIDC_CLIENT_SECRET", "hush-hush")
    monkeypatch.setenv("TITIAN_CONTACT", HOSTILE.replace("\u202e", ""))
    assert "oidc_client_secret" in SECRETS
    with console(tmp_path / "node") as bench:
        bench.sign_in("auditor-one")
        text = bench.get("/admin/settings").text
    assert "hush-hush" not in text
    assert "<script>alert" not in text
    assert "set, and not shown" in text
    assert "environment" in text


def test_health_is_seen_at_once_and_checked_in_the_background(bench: ConsoleBench) -> None:
    assert "disk" in bench.page("/admin/health").text
    answer = bench.post("/admin/health")
    assert answer.status_code == 303
    for _ in range(200):
        if "Last checked" in bench.page("/admin/health").text:
            break
        time.sleep(0.05)
    assert "migrations" in bench.page("/admin/health").text


def test_backups_are_told(bench: ConsoleBench) -> None:
    assert "No backup was made yet." in bench.page("/admin/backups").text
    with opened(bench) as node:
        node.acts.add("local:tester", "backup", "identity--x", details={"to": HOSTILE, "keys": True, "bytes": 12345})
    answer = bench.get("/admin/backups")
    assert "12,345" in answer.text
    assert "<script>alert" not in answer.text


def test_acts_are_paged_and_filtered(bench: ConsoleBench) -> None:
    with opened(bench) as node:
        for number in range(120):
            node.acts.add("local:tester", "import" if number % 2 else "export file", HOSTILE, why=f"why {number}.",
                          details={"note": HOSTILE})  # fmt: skip
    bench.sign_in("auditor-one")
    page = bench.get("/admin/acts?who=tester")
    assert page.text.count("<tr>") == 51
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    seen: list[str] = []
    path: str | None = "/admin/acts?who=tester"
    while path:
        text = bench.get(path).text
        seen += re.findall(r"why (\d+)\.", text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = following[1].replace("&amp;", "&") if following else None
    assert [int(one) for one in seen] == list(range(119, -1, -1))
    assert bench.get("/admin/acts?what=export-file").text.count("<tr>") == 51
    assert "No such act is recorded." in bench.page("/admin/acts?what=nothing").text
    assert "No such act is recorded." in bench.page("/admin/acts?since=2999-01-01").text
    assert "sign-in" in bench.page("/admin/acts?on=auditor-one").text


@pytest.mark.parametrize("query", ["since=yesterday", "since=9999-99-99", "who=%00", "on=%ED%A0%80", "what=%27%22"])
def test_a_filter_that_makes_no_sense_breaks_nothing(bench: ConsoleBench, query: str) -> None:
    bench.sign_in("auditor-one")
    assert bench.get(f"/admin/acts?{query}").status_code == 200


@pytest.mark.parametrize("before", ["x", "-1", "1" * 30])
def test_a_page_of_acts_that_is_none_is_404(bench: ConsoleBench, before: str) -> None:
    bench.sign_in("auditor-one")
    assert bench.get(f"/admin/acts?before={before}").status_code == 404


def test_nothing_inline_and_one_heading(bench: ConsoleBench) -> None:
    with opened(bench) as node:
        boss = acting_as(node.people.find("administrator-one"))
        node.people.add("somebody", Duty.AUDITOR, by=boss, password=PASSWORD)
    for page in ("", *(f"/{one}" for one in PAGES if one != "acts")):
        text = bench.get(f"/admin{page}").text
        assert " style=" not in text
        assert text.count("<h1") == 1, page
        assert text.count("<th>") == 0, page
        identifiers = re.findall(r'\bid="([^"]+)"', text)
        assert len(identifiers) == len(set(identifiers)), page
