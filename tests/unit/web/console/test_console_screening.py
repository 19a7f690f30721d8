"""Screening in the console: what is known is said with its evidence, a name is no verdict, nothing asked is kept."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from support.console import PEOPLE, ConsoleBench, Page
from support.gate import Bench, indicator, malware
from support.pages import outside, pages
from titian.core.access import Role
from titian.core.extension_objects import with_facts
from titian.core.tlp import PAP_IDS, TLP_IDS, Pap, Tlp
from titian.node import open_node
from titian.web import errors, front
from titian.web.console import screening, screening_results
from titian.web.console.screening_results import FOLDER
from titian.wire.taxii import MEDIA_TYPE

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
ADDRESS = "198.51.100.3"
NAME = "Ahmad Soeparman"
MARKER = "s3cret-marker.example"


def _host(name: str, value: str = ADDRESS, **own: Any) -> dict[str, Any]:
    return {**indicator(name, **own), "pattern": f"[ipv4-addr:value = '{value}']"}


def _person(name: str, **facts: Any) -> dict[str, Any]:
    marks = [TLP_IDS[Tlp.AMBER], PAP_IDS[Pap.AMBER]]
    made = malware(name, marks=marks) | {"type": "identity", "identity_class": "individual"}
    made["id"] = made["id"].replace("malware", "identity")
    return with_facts({key: value for key, value in made.items() if key != "is_family"}, facts)


def _fill(bench: Bench) -> None:
    bench.hold(
        _host("Bridge host", tlp=Tlp.GREEN),
        _person("Ahmad Suparman", births=["1970-05-21"], countries=["ID"]),
        _person("Yusuf Kurniawan"),
        *(_host(f"Trick {HOSTILE}", f"203.0.113.{number}") for number in range(1, 60)),
        {"type": "domain-name", "spec_version": "2.1", "id": "domain-name--0a2bc3d4-7a0f-5b1c-8d9e-0f1a2b3c4d5f",
         "value": "evil.example"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleBench]:
    with pages(tmp_path_factory.mktemp("screening") / "node", _fill) as made:
        # The first question has the index made, at its leisure.
        _ends(made, made.post("/screening", {"values": "warm up"}))
        yield made


def _ask(bench: ConsoleBench, values: str, **fields: str) -> str:
    answer = bench.post("/screening", {"values": values, **fields})
    assert answer.status_code == 200, (answer.status_code, answer.text[:2000])
    return answer.text


def _ends(bench: ConsoleBench, answer: Any) -> str:
    """The path of the result, when a job has come of a question; empty if it was answered at once."""
    if answer.status_code == 200:
        return ""
    assert answer.status_code == 303, answer.text[:2000]
    until = time.monotonic() + 60
    while True:
        page = bench.page(answer.headers["location"])
        found = [href for href, _ in page.links if href.startswith("/screening/results/")]
        if found:
            return found[0]
        assert time.monotonic() < until, page.text
        time.sleep(0.05)


def _long(bench: ConsoleBench, values: list[str], **fields: str) -> str:
    files = {"file": ("list.txt", "\n".join(values).encode(), "text/plain")}
    return _ends(bench, bench.post("/screening", fields, files=files))


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_says_what_it_does_and_its_limits(bench: ConsoleBench) -> None:
    page = bench.page("/screening")
    for said in ("What you ask is not kept", "A name alone is never a verdict", "up to 64 MB", "Up to 1,000 values"):
        assert said in page.text
    assert ("/screening", "Screening") in bench.page("/").links
    assert ("/screening", "Screening") in bench.page("/help").links


@pytest.mark.parametrize("who", PEOPLE)
def test_who_may_read_may_screen(bench: ConsoleBench, who: str) -> None:
    try:
        bench.sign_in(who)
        assert "Bridge host" in _ask(bench, ADDRESS)
    finally:
        bench.sign_in("analyst-one")


def test_a_stranger_is_sent_to_sign_in(bench: ConsoleBench) -> None:
    try:
        bench.client.cookies.clear()
        for path in ("/screening", "/screening/results/x", "/screening/results/x/hits.csv"):
            answer = bench.get(path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
        token = bench.token("/sign-in")
        assert bench.post("/screening", {"values": ADDRESS}, token=token).status_code in {303, 403}
    finally:
        bench.sign_in("analyst-one")


def test_a_form_without_its_token_is_refused(bench: ConsoleBench) -> None:
    for path in ("/screening", "/screening/results/x/forget"):
        assert bench.post(path, {"values": ADDRESS}, token="").status_code == 403


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "fields", "told"),
    [
        (ADDRESS, {}, ["Bridge host", "The same value", "TLP:GREEN", "Nothing is said about its use"]),
        ("198.51.100[.]3", {}, ["Bridge host", "Compared as 198.51.100.3"]),
        ("hxxp://www.evil[.]example/x", {}, ["One contains the other", "It belongs to evil.example , which is held."]),
        (NAME, {}, ["Possible", "Nothing but the name speaks for it", "alike", "PAP:AMBER",
                    "May be looked up with others, but not used against the adversary."]),
        (NAME, {"birth": "1970-05-21"}, ["Supported", "The date of birth agrees: asked 1970-05-21 ; held 1970-05-21"]),
        (NAME, {"birth": "1980"}, ["Contradicted", "Speaks against it: The date of birth differs"]),
        (NAME, {"country": "id"}, ["Supported", "The country agrees, which many share: ID ."]),
        ("Юсуф Курниаван", {}, ["Yusuf Kurniawan", "Alike in another script"]),
        ("value,kind,birth\nAhmad Soeparman,person,1970-05", {}, ["Year and month of birth agree"]),
    ],
)  # fmt: skip
def test_what_is_known_is_said_with_its_evidence(
    bench: ConsoleBench, value: str, fields: dict[str, str], told: list[str]
) -> None:
    text = Page(_ask(bench, value, **fields)).text
    assert "1 value screened 1 with a hit" in text
    for said in told:
        assert said in text, said


def test_each_value_is_answered_and_counted(bench: ConsoleBench) -> None:
    text = Page(_ask(bench, f"{ADDRESS}\n\n192.0.2.77\nDE00123\n{NAME}\n")).text
    assert "4 values screened 2 with a hit 1 of these by a name alone" in text
    assert "2 values are not known" in text
    assert "192.0.2.77" in text
    text = Page(_ask(bench, "0x123", kind="wallet")).text
    assert "Not what it seems" in text
    assert "Nothing that is held here has any of these values." in text


def test_objects_are_linked_and_strangers_words_are_inert(bench: ConsoleBench) -> None:
    html = _ask(bench, f"203.0.113.5\n{HOSTILE}\ninvoice\u202efdp.exe\n{'x' * 90_000}")
    assert "<script>alert" not in html
    assert "<img" not in html
    assert outside(html) == []
    assert "[RLO]" in html
    assert re.search(r'href="/objects/indicator--[0-9a-f-]{36}"', html)


def test_many_hits_of_one_value_are_cut_and_pages_lead_on(bench: ConsoleBench) -> None:
    values = "\n".join(f"203.0.113.{number}" for number in range(1, 60))
    first, last = _ask(bench, values), _ask(bench, values, **{"from": "50"})
    assert "1 to 25 of 59" in Page(first).text
    assert 'name="from" value="25"' in first
    assert "51 to 59 of 59" in Page(last).text
    assert 'name="from" value="25"' in last
    assert "1 to 25 of 59" in Page(_ask(bench, values, **{"from": "99999"})).text


def test_a_file_is_answered_as_what_is_pasted(bench: ConsoleBench) -> None:
    for body in (
        f"{ADDRESS}\r\n192.0.2.1\r\n".encode(), f"{ADDRESS}\r192.0.2.1".encode(),
        f"{ADDRESS}\n192.0.2.1".encode("utf-16"),
        f"\ufeffname,type\n{ADDRESS},ip\n192.0.2.1,ip\n".encode(), f"{ADDRESS}\n\xff192.0.2.1".encode("latin-1"),
    ):  # fmt: skip
        answer = bench.post("/screening", files={"file": ("list.csv", body, "text/csv")})
        assert "2 values screened 1 with a hit" in Page(answer.text).text, body
        # It stands in the form, so that it can be asked once more.
        assert ADDRESS in answer.text[answer.text.index("<textarea") :]


@pytest.mark.parametrize(
    ("fields", "body", "told"),
    [
        ({}, b"", "Nothing was given"),
        ({"values": " \n\n"}, b"", "Nothing was given"),
        ({"values": ADDRESS}, b"192.0.2.1", "Give one of the two"),
        ({}, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "This file is no text"),
        ({"values": ADDRESS, "birth": "21.5.1970"}, b"", "Write it as 1970"),
        ({"values": ADDRESS, "country": "Indonesia"}, b"", "Write countries in two letters"),
        ({"values": ADDRESS, "region": "x"}, b"", "Write countries in two letters"),
        ({"values": ADDRESS, "document": ";".join("1234567890A")}, b"", "At most ten"),
        ({"values": ADDRESS, "kind": "starship"}, b"", "is no kind of value"),
        ({"values": ADDRESS, "purpose": "fun"}, b"", "Choose from the lists"),
        ({"values": ADDRESS, "alike": "12"}, b"", "Choose from the lists"),
        ({"values": "x" * 100_001}, b"", "this is no list of values"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_beside_what_was_given(
    bench: ConsoleBench, fields: dict[str, str], body: bytes, told: str
) -> None:
    files = {"file": ("list.txt", body, "text/plain")}
    answer = bench.post("/screening", fields, files=files)
    assert answer.status_code == 422
    text = Page(answer.text).text
    assert told in text
    assert "Error" in text
    assert fields.get("birth", "") in answer.text


def test_a_short_answer_is_exported(bench: ConsoleBench) -> None:
    asked = {"values": f"{ADDRESS}\n=1+1\n{NAME}"}
    answer = bench.post("/screening", asked | {"export": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="hits.csv"'
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["value"], row["match"], row["standing"]) for row in rows] == [
        (ADDRESS, "exact", ""), ("'=1+1", "", ""), (NAME, "phonetic", "possible"),
    ]  # fmt: skip
    answer = bench.post("/screening", asked | {"export": "ndjson"})
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [(one["value"], len(one["hits"])) for one in told] == [(ADDRESS, 1), ("=1+1", 0), (NAME, 1)]


# ── long lists ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_list_becomes_a_job_with_a_result(bench: ConsoleBench) -> None:
    listed = [f"192.0.2.{number % 250}" for number in range(1_250)]
    path = _long(bench, [*listed, ADDRESS, NAME, "0x123 nothing"], birth="1970")
    page = bench.page(path)
    assert "1,253 values screened 2 with a hit" in page.text
    assert "The year of birth agrees" in page.text
    kept = bench.home / FOLDER / path.rpartition("/")[2]
    assert [json.loads(line)["value"] for line in kept.read_text().splitlines()] == [ADDRESS, NAME]
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    rows = list(csv.DictReader(io.StringIO(bench.get(f"{path}/hits.csv").content.decode("utf-8-sig"))))
    assert [row["value"] for row in rows] == [ADDRESS, NAME]
    told = bench.get(f"{path}/hits.ndjson").text.splitlines()
    assert [json.loads(line)["hits"][0]["standing"] for line in told] == [None, "supported"]
    assert bench.get(f"{path}/hits.exe").status_code == 404
    assert bench.post(f"{path}/forget").status_code == 303
    assert bench.get(path).status_code == 404
    assert not kept.exists()
    assert not kept.with_suffix(".json").exists()


def test_pages_of_a_long_result_lead_on(bench: ConsoleBench) -> None:
    path = _long(bench, [f"203.0.113.{number % 59 + 1}" for number in range(1_001)])
    page = bench.page(path)
    assert "1 to 25 of 1,001" in page.text
    assert (f"{path}?page=2", "More") in page.links
    assert "1,001 to 1,001 of 1,001" in bench.page(f"{path}?page=41").text
    for odd in ("0", "42", "x", "9" * 30, "-1"):
        assert bench.get(f"{path}?page={odd}").status_code == 200


def test_a_result_is_for_who_asked_alone(bench: ConsoleBench) -> None:
    path = _long(bench, [ADDRESS] * 1_001)
    try:
        bench.sign_in("administrator-one")
        for one in (path, f"{path}/hits.csv", f"{path}/hits.ndjson"):
            assert bench.get(one).status_code == 404
        assert bench.post(f"{path}/forget").status_code == 404
    finally:
        bench.sign_in("analyst-one")
    assert bench.get(path).status_code == 200
    for made_up in ("..", "nothing", "0" * 17 + "-" + "0" * 32):
        assert bench.get(f"/screening/results/{made_up}").status_code in {404, 303, 200}
        assert "values screened" not in bench.get(f"/screening/results/{made_up}").text


def test_a_result_says_what_holds_now(tmp_path: Path) -> None:
    """What was taken out meanwhile is in no page and in no file of an older result."""
    with pages(tmp_path / "node", _fill) as bench:
        path = _long(bench, [ADDRESS] * 1_001)
        assert "Bridge host" in bench.page(path).text
        (held,) = {href for href, words in bench.page(path).links if words == "Bridge host"}
        with open_node(bench.home, environment={}) as node:
            _, key = node.keys.add("remover", Role.ADMIN)
            collection = node.collections.find("Reports").id
        answer = bench.client.delete(
            f"/taxii2/api/collections/{collection}/objects/{held.rpartition('/')[2]}/",
            headers={"authorization": f"Bearer {key}", "accept": MEDIA_TYPE},
        )
        assert answer.status_code == 200, answer.text
        text = bench.page(path).text
        assert "Bridge host" not in text
        assert "is not any more" in text
        assert bench.get(f"{path}/hits.ndjson").text == ""


def test_the_first_question_makes_the_index_as_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "_PATIENCE", 0.0)
    with pages(tmp_path / "node", _fill) as bench:
        answer = bench.post("/screening", {"values": ADDRESS})
        assert answer.status_code == 303
        assert "Bridge host" in bench.page(_ends(bench, answer)).text
        # From now on it is there.
        assert "Bridge host" in _ask(bench, ADDRESS)


def test_one_list_at_a_time_which_can_be_stopped(bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "_TOGETHER", 1)
    real = screening._Tally.add

    def slow(tally: Any, one: Any) -> None:
        time.sleep(0.01)
        real(tally, one)

    monkeypatch.setattr(screening._Tally, "add", slow)
    before = set((bench.home / FOLDER).iterdir())
    values = "\n".join([ADDRESS] * 3_000)
    answer = bench.post("/screening", {"values": values})
    again = bench.post("/screening", {"values": values})
    assert again.status_code == 422
    assert "A list of yours is being screened" in Page(again.text).text
    assert bench.post(f"{answer.headers['location']}/cancel").status_code == 303
    until = time.monotonic() + 30
    while "Stopped" not in bench.page(answer.headers["location"]).text:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert set((bench.home / FOLDER).iterdir()) == before


def test_nothing_that_was_asked_is_logged_or_left(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loggers remember where they wrote first: these are new ones.
    config = structlog.get_config()
    for module in (front, errors):
        monkeypatch.setattr(module, "_log", structlog.get_logger("titian.web"))
    with pages(tmp_path / "node", _fill) as bench:
        bench.post("/screening", {"values": f"{MARKER}\n{ADDRESS}"})
        _long(bench, [MARKER] * 1_001)
        bench.post("/screening", {"values": MARKER, "kind": "starship"})
        bench.post("/screening", {"values": f"value,kind\n{MARKER},starship"})
    structlog.configure(**config)
    told = capfd.readouterr()
    assert '"route": "/screening"' in told.err
    assert MARKER not in told.out + told.err
    for one in bench.home.rglob("*"):
        if one.is_file():
            assert MARKER.encode() not in one.read_bytes(), one


def test_results_are_swept(bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _long(bench, [ADDRESS] * 1_001)
    name = path.rpartition("/")[2]
    bench.page("/screening")
    assert (bench.home / FOLDER / name).exists()
    monkeypatch.setattr(screening_results, "KEPT", 0)
    assert bench.get(path).status_code == 404
    bench.page("/screening")
    assert list((bench.home / FOLDER).iterdir()) == []


@pytest.mark.parametrize(("language", "alike"), [("id", "kemiripan"), ("ja", "類似度"), ("ru", "сходство")])
def test_answers_are_in_the_readers_language(bench: ConsoleBench, language: str, alike: str) -> None:
    answer = bench.post(
        "/screening", {"values": f"{ADDRESS}\n{NAME}\nevil.example", "birth": "1970", "country": "JP"},
        **{"accept-language": language},
    )  # fmt: skip
    html = answer.text[answer.text.index("<main") : answer.text.index("</main")]
    assert 'lang="en"' not in html
    assert "of birth" not in html
    assert alike in html
