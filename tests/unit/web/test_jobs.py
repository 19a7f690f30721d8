"""Long work: it goes on after the request, every worker sees how far it is, and only who may."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from support.console import ConsoleBench, Page, console
from support.desk import ISSUER
from titian.core.access import Role
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused
from titian.core.job import Job, Progress, State
from titian.core.people import Actor, Duty, local_operator
from titian.node import Node, open_node
from titian.setup import init_node
from titian.store.jobs import LARGEST_RESULT, LEASE, LEASE_HERE, is_gone, this_worker
from titian.web.errors import TooMany
from titian.web.jobs import MOST, Jobs

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

ANALYST = Actor("11111111-1111-4111-8111-111111111111", "analyst-one", Duty.ANALYST)
OTHER = Actor("22222222-2222-4222-8222-222222222222", "analyst-two", Duty.ANALYST)
ADMINISTRATOR = Actor("33333333-3333-4333-8333-333333333333", "administrator-one", Duty.ADMINISTRATOR)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    init_node(tmp_path / "node", name="Agency One", country="ID")
    with open_node(tmp_path / "node", environment={}) as opened:
        known(opened)
        yield opened


def known(node: Node) -> None:
    """Add the people whose jobs these are, under their ids."""
    for actor in (ANALYST, OTHER, ADMINISTRATOR):
        assert actor.duty is not None
        made = node.people.add(actor.name, actor.duty, by=local_operator("test"), issuer=ISSUER, subject=actor.name)
        with node.store.writing() as tx:
            tx.run("UPDATE people SET id = ? WHERE id = ?", actor.id, made.id)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what other threads do, for a while."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def ended(node: Node, job: Job) -> Job:
    """A job after its end, as whose it is sees it."""
    whose = Actor(job.person, "whose it is", Duty.ANALYST)
    until(lambda: not Jobs(node).get(whose, job.id).unfinished)
    return Jobs(node).get(whose, job.id)


def test_what_comes_of_a_work_is_kept(node: Node) -> None:
    def work(progress: Progress) -> object:
        progress.at(3, 3, "All of it")
        return {"href": "/find?q=x", "added": 3}

    job = ended(node, Jobs(node).start(ANALYST.id, "import", "An import", work))
    assert (job.state, job.done, job.total, job.message) == (State.DONE, 3, 3, "All of it")
    assert (job.result, job.href) == ({"href": "/find?q=x", "added": 3}, "/find?q=x")
    assert job.finished is not None


@pytest.mark.parametrize("path", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", 7])
def test_a_result_leads_nowhere_else(path: object) -> None:
    assert Job(id="1", person="p", kind="k", title="t", created=0, updated=0, result={"href": path}).href == ""


def test_progress_is_seen_by_another_process_while_it_runs(node: Node) -> None:
    go = threading.Event()

    def work(progress: Progress) -> object:
        progress.at(5, 10, "Half of it")
        go.wait(20)
        return None

    job = Jobs(node).start(ANALYST.id, "import", "An import", work)
    with open_node(node.home, environment={}) as other:
        until(lambda: Jobs(other).get(ANALYST, job.id).done == 5)
        seen = Jobs(other).get(ANALYST, job.id)
        assert (seen.state, seen.total, seen.message) == (State.RUNNING, 10, "Half of it")
        go.set()
        assert ended(other, job).state is State.DONE


def test_a_work_may_write_and_say_how_far_it_is_in_one_breath(node: Node) -> None:
    def work(progress: Progress) -> object:
        with node.store.writing() as tx:
            tx.run("UPDATE node SET name = 'Agency Two'")
            progress.at(1, 1)
            assert not progress.cancelled
            time.sleep(0.7)
        return None

    assert ended(node, Jobs(node).start(ANALYST.id, "import", "An import", work)).state is State.DONE


@pytest.mark.parametrize("by_raising", [False, True])
def test_one_that_runs_is_stopped_when_it_looks(node: Node, by_raising: bool) -> None:
    running = threading.Event()

    def work(progress: Progress) -> object:
        running.set()
        while not progress.cancelled:
            time.sleep(0.01)
        if by_raising:
            progress.check()
        return {"added": 1}

    job = Jobs(node).start(ANALYST.id, "import", "An import", work)
    assert running.wait(20)
    assert Jobs(node).cancel(ANALYST, job.id).state is State.CANCELLING
    done = ended(node, job)
    assert (done.state, done.result) == (State.CANCELLED, None if by_raising else {"added": 1})
    with pytest.raises(Refused):
        Jobs(node).cancel(ANALYST, job.id)


def test_one_that_finished_all_the_same_is_done(node: Node) -> None:
    running, go = threading.Event(), threading.Event()

    def work(progress: Progress) -> object:
        running.set()
        go.wait(20)
        return None

    job = Jobs(node).start(ANALYST.id, "import", "An import", work)
    assert running.wait(20)
    Jobs(node).cancel(ANALYST, job.id)
    go.set()
    assert ended(node, job).state is State.DONE


def test_one_that_waits_is_stopped_before_it_begins(node: Node) -> None:
    go, begun = threading.Event(), []
    first = Jobs(node).start(ANALYST.id, "import", "First", lambda _: go.wait(20) and None)
    second = Jobs(node).start(ANALYST.id, "import", "Second", lambda _: begun.append(1))
    Jobs(node).cancel(ANALYST, second.id)
    until(lambda: Jobs(node).get(ANALYST, second.id).state is State.CANCELLED)
    go.set()
    ended(node, first)
    assert not begun


def test_persons_take_turns(node: Node) -> None:
    go, order = threading.Event(), list[str]()
    held = Jobs(node)
    first = held.start(ANALYST.id, "import", "First", lambda _: go.wait(20) and None)
    mine = [held.start(ANALYST.id, "import", "Mine", lambda _: order.append("mine")) for _ in range(3)]
    theirs = held.start(OTHER.id, "import", "Theirs", lambda _: order.append("theirs"))
    go.set()
    for each in (first, *mine, theirs):
        ended(node, each)
    assert order.index("theirs") <= 1


def test_a_person_may_have_so_many_and_no_more(node: Node) -> None:
    go = threading.Event()
    held = Jobs(node)
    made = [held.start(ANALYST.id, "import", "One", lambda _: go.wait(20) and None) for _ in range(MOST)]
    with pytest.raises(TooMany):
        held.start(ANALYST.id, "import", "One too many", lambda _: None)
    made.append(held.start(OTHER.id, "import", "Somebody else's", lambda _: None))
    go.set()
    for each in made:
        ended(node, each)
    assert ended(node, held.start(ANALYST.id, "import", "Later", lambda _: None)).state is State.DONE


def failing(error: Exception) -> Callable[[Progress], object]:
    def work(_: Progress) -> object:
        raise error

    return work


def test_our_own_errors_are_told_and_others_are_not(node: Node) -> None:
    told = ended(node, Jobs(node).start(ANALYST.id, "import", "One", failing(InvalidInput("No such day."))))
    assert (told.state, told.message) == (State.FAILED, "No such day.")
    hidden = ended(node, Jobs(node).start(ANALYST.id, "import", "Two", failing(OSError("/etc/secret"))))
    assert hidden.state is State.FAILED
    assert "secret" not in hidden.message
    assert "error_id" in hidden.message


@pytest.mark.parametrize("made", [b"x" * (LARGEST_RESULT + 10), object()])
def test_a_result_that_cannot_be_kept_ends_the_job_all_the_same(node: Node, made: object) -> None:
    job = ended(node, Jobs(node).start(ANALYST.id, "import", "One", lambda _: made))
    assert job.result is None
    assert job.state is (State.DONE if isinstance(made, bytes) else State.FAILED)
    assert job.message


def test_others_see_nothing_and_administrators_see_all(node: Node) -> None:
    job = ended(node, Jobs(node).start(ANALYST.id, "import", "Mine", lambda _: None))
    with pytest.raises(NotFound) as absent:
        Jobs(node).get(OTHER, str(uuid.uuid4()))
    with pytest.raises(NotFound) as withheld:
        Jobs(node).get(OTHER, job.id)
    with pytest.raises(NotFound):
        Jobs(node).cancel(OTHER, job.id)
    assert str(absent.value) == str(withheld.value)
    assert Jobs(node).list(OTHER) == []
    assert [one.id for one in Jobs(node).list(ADMINISTRATOR)] == [job.id]
    assert [one.id for one in Jobs(node).list(ANALYST)] == [job.id]


def test_a_result_is_for_whose_job_it_is(node: Node) -> None:
    """Law: an administrator sees that a job of somebody else ran, and not what it found."""
    job = ended(node, Jobs(node).start(ANALYST.id, "preview", "Mine", lambda _: {"withheld": ["malware"]}))
    assert job.result == {"withheld": ["malware"]}
    seen = Jobs(node).get(ADMINISTRATOR, job.id)
    assert (seen.state, seen.result, seen.href) == (State.DONE, None, "")


@pytest.mark.parametrize("kind", ["release", "recall", "mark", "import"])
def test_what_decides_is_stopped_by_whose_it_is_alone(node: Node, kind: str) -> None:
    go = threading.Event()
    first = Jobs(node).start(OTHER.id, "import", "First", lambda _: go.wait(20) and None)
    job = Jobs(node).start(ANALYST.id, kind, "Theirs", lambda _: None)
    if kind == "import":
        Jobs(node).cancel(ADMINISTRATOR, job.id)
    else:
        with pytest.raises(Forbidden):
            Jobs(node).cancel(ADMINISTRATOR, job.id)
        assert Jobs(node).get(ANALYST, job.id).state is State.WAITING
        Jobs(node).cancel(ANALYST, job.id)
    go.set()
    ended(node, first)
    assert ended(node, job).state is State.CANCELLED


@pytest.mark.parametrize("gone", ["disabled", "revoked", "unknown"])
def test_nothing_is_begun_for_who_may_not_act_any_more(node: Node, gone: str) -> None:
    """Law: what waits for its turn does not outlive the account or the key that asked for it."""
    go, begun = threading.Event(), list[int]()
    first = Jobs(node).start(OTHER.id, "import", "First", lambda _: go.wait(20) and None)
    key, _ = node.keys.add("writer", Role.WRITER)
    who = {"disabled": ANALYST.id, "revoked": f"key:{key.id}", "unknown": str(uuid.uuid4())}[gone]
    job = Jobs(node).start(who, "release", "Second", lambda _: begun.append(1))
    if gone == "disabled":
        node.people.disable("analyst-one", by=ADMINISTRATOR)
    if gone == "revoked":
        node.keys.revoke("writer")
    go.set()
    ended(node, first)
    done = ended(node, job)
    assert (done.state, begun) == (State.FAILED, [])
    assert "before it began" in done.message


def test_a_key_that_works_has_its_work_done(node: Node) -> None:
    key, _ = node.keys.add("writer", Role.WRITER)
    assert ended(node, Jobs(node).start(f"key:{key.id}", "import", "One", lambda _: None)).state is State.DONE


def test_the_list_goes_on_where_it_stopped(node: Node) -> None:
    held = Jobs(node)
    made = [ended(node, held.start(ANALYST.id, "import", str(n), lambda _: None)).id for n in range(5)]
    first = held.list(ANALYST, 2)
    rest = held.list(ANALYST, 10, first[-1])
    assert [one.id for one in (*first, *rest)] == made[::-1]


def test_what_ended_a_day_ago_is_forgotten(tmp_path: Path) -> None:
    now = [1_800_000_000_000_000]
    init_node(tmp_path / "node", name="Agency One", country="ID")
    with open_node(tmp_path / "node", environment={}, clock=lambda: now[0]) as node:
        known(node)
        job = ended(node, Jobs(node).start(ANALYST.id, "import", "One", lambda _: None))
        now[0] += 86_400_000_001
        with pytest.raises(NotFound):
            Jobs(node).get(ANALYST, job.id)
        assert Jobs(node).list(ANALYST) == []
        ended(node, Jobs(node).start(ANALYST.id, "import", "Two", lambda _: None))
        with node.store.reading() as tx:
            assert tx.all("SELECT title FROM jobs") == [("Two",)]


def test_a_job_whose_process_is_gone_is_broken_off(node: Node) -> None:
    go = threading.Event()
    job = Jobs(node).start(ANALYST.id, "import", "One", lambda _: go.wait(20) and None)
    dead = f"{this_worker().rpartition('/')[0].rpartition('/')[0]}/4194305/00000000"
    with node.store.writing() as tx:
        tx.run("UPDATE jobs SET worker = ? WHERE id = ?", dead, job.id)
    assert Jobs(node).get(ANALYST, job.id).state is State.BROKEN
    assert [one.state for one in Jobs(node).list(ANALYST)] == [State.BROKEN]
    with pytest.raises(Refused):
        Jobs(node).cancel(ANALYST, job.id)
    go.set()


def test_who_is_gone() -> None:
    ours = this_worker()
    host, process, _ = ours.split("/")
    assert not is_gone(ours, 0, ours=ours, now=10**18)
    assert is_gone(f"{host}/{process}/ffffffff", 0, ours=ours, now=0), "the process id of ours, and not we"
    assert is_gone(f"{host}/4194305/ffffffff", 0, ours=ours, now=0), "no such process"
    assert not is_gone(f"{host}/1/ffffffff", 0, ours=ours, now=LEASE_HERE)
    assert is_gone(f"{host}/1/ffffffff", 0, ours=ours, now=LEASE_HERE + 1)
    assert not is_gone("elsewhere/4194305/ffffffff", 0, ours=ours, now=LEASE)
    assert is_gone("elsewhere/4194305/ffffffff", 0, ours=ours, now=LEASE + 1)


def test_the_node_closes_while_something_runs(tmp_path: Path) -> None:
    init_node(tmp_path / "node", name="Agency One", country="ID")
    running = threading.Event()

    def work(progress: Progress) -> object:
        running.set()
        while not progress.cancelled:
            time.sleep(0.01)
        return None

    with open_node(tmp_path / "node", environment={}) as node:
        known(node)
        job = Jobs(node).start(ANALYST.id, "import", "One", work)
        waits = Jobs(node).start(ANALYST.id, "import", "Two", work)
        assert running.wait(20)
    with open_node(tmp_path / "node", environment={}) as node:
        assert Jobs(node).get(ANALYST, job.id).state is State.CANCELLED
        assert Jobs(node).get(ANALYST, waits.id).state is State.CANCELLED


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ConsoleBench]:
    with console(tmp_path / "node") as made:
        yield made


def row(bench: ConsoleBench, person: str, **fields: object) -> str:
    """A job as another worker has written it."""
    ident = str(uuid.uuid4())
    with open_node(bench.home, environment={}) as node:
        at = node.store.clock()
        who = node.people.find(person).id
        values: dict[str, object] = {
            "id": ident, "person": who, "kind": "import", "title": "Import of <b>x</b>", "created": at, "updated": at,
            "finished": None, "done": 0, "total": None, "state": "waiting", "message": "", "result": None,
            "worker": "elsewhere/1/0", **fields,
        }  # fmt: skip
        with node.store.writing() as tx:
            tx.run(f"INSERT INTO jobs ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", *values.values())
    return ident


def test_the_page_of_a_job_that_runs(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    job = row(bench, "analyst-one", state="running", done=1200, total=5000, message="\u202eon <script>")
    html = bench.get(f"/jobs/{job}").text
    seen = Page(html)
    assert seen.headings[0] == "Import of <b>x</b>"
    assert "1,200 of 5,000" in seen.text
    assert '<progress id="job-progress" max="5000" value="1200">' in html
    assert '<noscript><meta http-equiv="refresh"' in html
    assert "<script>" not in html
    assert "\u202e" not in html
    part = bench.get(f"/jobs/{job}", **{"hx-request": "true", "hx-target": "job"})
    assert "<html" not in part.text
    assert 'hx-trigger="every 1s"' in part.text
    assert "hx-refresh" not in part.headers


def test_the_page_of_a_job_that_ended(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    result = msgspec.json.encode({"href": "/find?q=x", "added": 3})
    job = row(bench, "analyst-one", state="done", finished=1_900_000_000_000_000, done=5, total=5, result=result)
    html = bench.get(f"/jobs/{job}").text
    assert ("/find?q=x", "Open the result") in Page(html).links
    assert "refresh" not in html
    assert bench.get(f"/jobs/{job}", **{"hx-request": "true", "hx-target": "job"}).headers["hx-refresh"] == "true"


def test_a_job_can_be_stopped_from_its_page(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    job = row(bench, "analyst-one", state="running")
    assert bench.post(f"/jobs/{job}/cancel", token="").status_code == 403
    assert bench.post(f"/jobs/{job}/cancel").headers["location"] == f"/jobs/{job}"
    assert "Is being stopped" in bench.page(f"/jobs/{job}").text


def test_nobody_sees_the_jobs_of_others_but_administrators(bench: ConsoleBench) -> None:
    job = row(bench, "analyst-one")
    assert bench.get(f"/jobs/{job}").status_code == 303
    bench.sign_in("releaser-one")
    assert "Nothing long was done" in bench.page("/jobs").text
    theirs, none = bench.get(f"/jobs/{job}"), bench.get(f"/jobs/{uuid.uuid4()}")
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert Page(theirs.text).text == Page(none.text).text
    assert bench.post(f"/jobs/{job}/cancel").status_code == 404
    bench.sign_in("administrator-one")
    assert "analyst-one" in bench.page("/jobs").text
    assert bench.page(f"/jobs/{job}").headings == ["Import of <b>x</b>"]


def test_the_list_has_pages(bench: ConsoleBench) -> None:
    bench.sign_in("analyst-one")
    for count in range(53):
        row(bench, "analyst-one", title=f"Job {count}", worker="elsewhere/1/0")
    first = bench.page("/jobs")
    more = next(href for href, words in first.links if words == "More")
    second = bench.page(more)
    shown = [words for page in (first, second) for href, words in page.links if words.startswith("Job ")]
    assert sorted(shown) == sorted(f"Job {count}" for count in range(53))
