"""Release: preview, request, approve, carry out. What is served is what was previewed, or nothing is."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from titian.core.agreement import Agreement
from titian.core.collection import Incoming
from titian.core.collection import timestamp as written
from titian.core.copying import Shown
from titian.core.errors import Forbidden, InvalidInput, NotFound, Refused, TitianError
from titian.core.gate import Gate, HeldGraph, Put, Query, Request, Session, State
from titian.core.mentions import Mention, find_mentions, keeps_secrets
from titian.core.party import Directory
from titian.core.people import Actor, Permission
from titian.core.projection import Projection, project
from titian.core.recall import barred
from titian.core.recall_objects import MESSAGES
from titian.core.release import terms_for
from titian.core.stix import Timestamp, examine
from titian.core.tlp import Tlp
from titian.exchange.choose import Chosen, choose, find
from titian.exchange.seen import Preview as Preview
from titian.exchange.seen import Seen as Seen
from titian.exchange.seen import changed_since, told_by

UNDISCUSSED: Final = frozenset({Tlp.CLEAR, Tlp.GREEN})
"""Levels that may go without a second person, if nothing else asks for one."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a request: itself, and for each party how many objects are new to it."""

    request: Request
    added: dict[str, int] = {}


class Release:
    """The verbs of release. ``identify`` makes identifiers of requests."""

    def __init__(self, gate: Gate, identify: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._gate = gate
        self._identify = identify

    # ── preview ───────────────────────────────────────────────────────────────────────────────────────────

    def preview(
        self,
        references: Sequence[str],
        agreement: str,
        *,
        parties: Sequence[str] | None = None,
        purposes: Sequence[str] | None = None,
        found: Callable[[Seen], None] = lambda _: None,
    ) -> Preview:
        """Show what each party, or some, would see if this were released now. Nothing is written.

        :param found: is called with what one party would see as soon as that is known; in any order.
        """
        with self._gate.reading() as session:
            return self._preview(session, references, agreement, parties, purposes, found)[0]

    def _preview(
        self,
        session: Session,
        references: Sequence[str],
        agreement: str,
        parties: Sequence[str] | None,
        purposes: Sequence[str] | None,
        found: Callable[[Seen], None] = lambda _: None,
    ) -> tuple[Preview, HeldGraph]:
        register = session.register()
        directory, terms = register.directory, register.agreement(agreement)
        chosen = choose(session, references)
        named = [register.party(one).id for one in parties or ()]
        audience = named or audience_of(directory, terms, session)
        seen = tuple(project_for(session, directory, terms, chosen, audience, purposes, found))
        return Preview(terms, chosen.ids, seen, tuple(_needs(session, terms, seen))), chosen.graph

    # ── request and decision ──────────────────────────────────────────────────────────────────────────────

    def request(
        self,
        actor: Actor,
        references: Sequence[str],
        agreement: str,
        *,
        parties: Sequence[str] | None = None,
        purposes: Sequence[str] | None = None,
        override: str | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """Ask for a release. Where nobody else has to approve it, it is carried out at once, in one transaction.

        :param override: why a text that tells what is withheld may go all the same; a second person decides.
        :param reason: why it is asked for, as whoever decides on it reads.
        :raises Refused: when a text blocks it and there is no override, or nothing would go to anybody.
        """
        _allow(actor, Permission.REQUEST_RELEASE)
        with self._gate.writing() as session:
            preview, graph = self._preview(session, references, agreement, parties, purposes)
            if preview.blocked and not override:
                raise Refused(
                    "A text that would go names what is withheld.",
                    advice="`titian preview` shows where. Change the text, or give --override with a reason: a second "
                    "person then decides.",
                )
            if not any(one.projection.released for one in preview.seen):
                raise Refused("Nothing of this would go to anybody.", advice="`titian preview` shows why.")
            request = Request(
                id=self._identify(), agreement=preview.agreement.id, requester=actor.id, requester_name=actor.name,
                created=session.at, state=State.WAITING, chosen=preview.chosen,
                purposes=None if purposes is None else tuple(purposes),
                parties=None if parties is None else tuple(one.party for one in preview.seen),
                previewed={one.party: one.fingerprint for one in preview.seen},
                needs=preview.needs, told=told_by(preview), reason=reason,
                override=override if preview.blocked else None,
            )  # fmt: skip
            session.record(actor.id, "request-release", request.id, override or reason or "", _told(request))
            if request.needs:
                session.keep_request(request)
                return Outcome(request)
            return self._carry_out(session, actor, request, preview.seen, graph)

    def approve(self, actor: Actor, identifier: str, why: str | None = None) -> Outcome:
        """Approve a request and carry it out, in one transaction, if everybody sees exactly what was previewed; ``why``
        is kept with it.

        :raises Forbidden: for the one who asked. :raises Refused: when something has changed since; the request is
            then over, and says what did.
        """
        with self._gate.writing() as session:
            request = self._decidable(session, actor, identifier)
            request = msgspec.structs.replace(request, why=why or request.why)
            if request.until is not None:
                return self._stand(session, actor, request)
            try:
                preview, graph = self._again(session, request)
            except (InvalidInput, NotFound, Refused) as error:
                changed = error.message
            else:
                difference = changed_since(request, preview)
                if difference is None:
                    return self._carry_out(session, actor, request, preview.seen, graph)
                changed = difference
            failed = _decided(request, State.FAILED, actor, session.at, changed)
            session.keep_request(failed)
            session.record(actor.id, "release-failed", request.id, changed, {})
        raise Refused(f"Since the preview something has changed: {changed}", advice="Preview and request it again.")

    def _again(self, session: Session, request: Request) -> tuple[Preview, HeldGraph]:
        return self._preview(session, request.chosen, request.agreement, request.parties, request.purposes)

    def refuse(self, actor: Actor, identifier: str, why: str) -> Request:
        """Refuse a request, with a reason."""
        with self._gate.writing() as session:
            request = self._decidable(session, actor, identifier)
            refused = _decided(request, State.REFUSED, actor, session.at, why)
            session.keep_request(refused)
            session.record(actor.id, "refuse-release", request.id, why, {})
            return refused

    def _decidable(self, session: Session, actor: Actor, identifier: str) -> Request:
        _allow(actor, Permission.DECIDE_RELEASE)
        request = _found(session, identifier)
        if request.state is not State.WAITING:
            raise Refused(f"The request {request.id} is {request.state.value} already.")
        if request.requester == actor.id:
            raise Forbidden("Who asked for a release cannot decide on it.", advice="Another releaser has to.")
        return request

    def _carry_out(
        self, session: Session, actor: Actor, request: Request, seen: Sequence[Seen], graph: HeldGraph
    ) -> Outcome:
        added = {one.party: put(session, request.agreement, one, graph) for one in seen}
        done = _decided(request, State.DONE, actor, session.at, request.why)
        session.keep_request(done)
        session.record(actor.id, "release", request.id, request.override or "", {"added": added, **_told(request)})
        return Outcome(done, added)

    def requests(self, *, waiting_only: bool = True) -> list[Request]:
        """The requests that wait for a decision and the rules that stand, or every one."""
        with self._gate.reading() as session:
            return session.requests({State.WAITING, State.STANDING} if waiting_only else None)

    def find(self, identifier: str) -> Request:
        """One request, by its identifier or the beginning of it. Raises :class:`NotFound`, also for several."""
        with self._gate.reading() as session:
            return _found(session, identifier)

    # ── standing rules ────────────────────────────────────────────────────────────────────────────────────

    def request_standing(self, actor: Actor, query: str, agreement: str, *, until: int, why: str = "") -> Request:
        """Ask that whatever a saved query finds goes to an agreement by itself, until a date: approved once."""
        _allow(actor, Permission.REQUEST_RELEASE)
        with self._gate.writing() as session:
            terms = session.register().agreement(agreement)
            if session.query(query) is None:
                raise NotFound(f"There is no saved query {query!r}.", advice="`titian queries list` shows them.")
            if until <= session.at:
                raise InvalidInput("A standing rule must end in the future.", advice="Give a later --until.")
            request = Request(
                id=self._identify(), agreement=terms.id, requester=actor.id, requester_name=actor.name,
                created=session.at, state=State.WAITING, query=query, until=until, why=why or None,
                needs=("It is a standing rule.",),
            )  # fmt: skip
            session.keep_request(request)
            session.record(actor.id, "request-standing", request.id, why, {"query": query, "until": written(until)})
            return request

    def _stand(self, session: Session, actor: Actor, request: Request) -> Outcome:
        standing = _decided(request, State.STANDING, actor, session.at, request.why)
        session.keep_request(standing)
        session.record(actor.id, "approve-standing", request.id, "", {})
        return Outcome(standing)

    def stop(self, actor: Actor, identifier: str, why: str) -> Request:
        """Stop a standing rule, or take back a request that waits. Whoever may request a release may stop one."""
        _allow(actor, Permission.REQUEST_RELEASE)
        with self._gate.writing() as session:
            request = session.request(identifier)
            if request is None or request.state not in (State.STANDING, State.WAITING):
                raise NotFound(f"There is no rule or request {identifier!r} to stop.",
                               advice="`titian approvals` lists them.")  # fmt: skip
            stopped = msgspec.structs.replace(request, state=State.STOPPED, why=why)
            session.keep_request(stopped)
            session.record(actor.id, "stop", request.id, why, {})
            return stopped

    def run_standing(self) -> list[Outcome]:
        """Carry out the standing rules: what they find goes, but for what a text blocks."""
        outcomes = []
        for rule in self.requests():
            if rule.state is State.STANDING:
                # One whose agreement has ended, say, does not stand in the way of the others.
                with suppress(TitianError), self._gate.writing() as session:
                    outcome = self._run_rule(session, rule)
                    outcomes += [] if outcome is None else [outcome]
        return outcomes

    def _run_rule(self, session: Session, rule: Request) -> Outcome | None:
        if rule.until is not None and rule.until <= session.at:
            session.keep_request(msgspec.structs.replace(rule, state=State.STOPPED, why="Its time was over."))
            session.record(rule.requester, "stop", rule.id, "Its time was over.", {})
            return None
        query = session.query(rule.query or "")
        found = [] if query is None else find(session, query)
        if not found:
            return None
        preview, graph = self._preview(session, found, rule.agreement, None, rule.purposes)
        if preview.blocked:
            told = {mention.id for one in preview.seen for mention in one.mentions}
            shown = {source for one in preview.seen for source, name in one.projection.released.items() if name in told}
            found = [one for one in found if one not in shown]
            if not found:
                return None
            preview, graph = self._preview(session, found, rule.agreement, None, rule.purposes)
        if preview.blocked:
            return None
        added = {one.party: put(session, rule.agreement, one, graph) for one in preview.seen}
        if any(added.values()):
            session.record(rule.requester, "release", rule.id, "standing rule", {"added": added})
        return Outcome(rule, added)

    # ── saved queries ─────────────────────────────────────────────────────────────────────────────────────

    def save_query(self, actor: Actor, query: Query) -> None:
        """Save a query under its name."""
        _allow(actor, Permission.REQUEST_RELEASE)
        with self._gate.writing() as session:
            used = [one for one in session.requests({State.STANDING, State.WAITING}) if one.query == query.name]
            if used and session.query(query.name) != query:
                raise Refused(f"The standing rule {used[0].id} was approved with the query {query.name} as it is.",
                              advice="Save it under another name.")  # fmt: skip
            session.keep_query(query)
            session.record(actor.id, "save-query", query.name, "", msgspec.to_builtins(query))

    def queries(self) -> list[Query]:
        """Every saved query."""
        with self._gate.reading() as session:
            return session.queries()

    def drop_query(self, actor: Actor, name: str) -> None:
        """Remove a saved query; a rule that stands on it finds nothing any more."""
        _allow(actor, Permission.REQUEST_RELEASE)
        with self._gate.writing() as session:
            if not session.drop_query(name):
                raise NotFound(f"There is no saved query {name!r}.")
            session.record(actor.id, "drop-query", name, "", {})


def _allow(actor: Actor, permission: Permission) -> None:
    if not actor.may(permission):
        raise Forbidden(f"{actor.name} may not {permission.value}.", advice="`titian people list` shows who may.")


def _found(session: Session, identifier: str) -> Request:
    """One request, by its identifier or the beginning of it. Raises :class:`NotFound`, also for several."""
    request = session.request(identifier)
    if request is not None:
        return request
    begun = sum(one.id.startswith(identifier) for one in session.requests()) if identifier else 0
    several = f"{begun:,} requests begin with {identifier!r}."
    raise NotFound(several if begun else f"There is no request {identifier!r}.",
                   advice="`titian approvals --all` lists them.")  # fmt: skip


def audience_of(directory: Directory, agreement: Agreement, session: Session) -> list[str]:
    """Return who receives under an agreement now. Raises :class:`Refused` when nobody does."""
    audience = sorted(directory.audience(agreement, session.at))
    if not audience:
        raise Refused(
            f"Nobody receives anything under {agreement.name} from this node.",
            advice="It is not in force, or this node's own party is not in it: `titian agreements show` tells.",
        )
    return audience


def project_for(
    session: Session,
    directory: Directory,
    agreement: Agreement,
    chosen: Chosen,
    parties: Sequence[str],
    purposes: Sequence[str] | None,
    found: Callable[[Seen], None],
) -> list[Seen]:
    """Project one selection for several parties; it is surveyed, and its texts are searched, once for all.

    Where nothing is withheld that a text could name, there is nothing to search for, and the answer is found at once.
    """
    seen: dict[str, Seen] = {}
    searched: dict[str, Projection] = {}

    def see(party: str, projection: Projection, mentions: tuple[Mention, ...]) -> None:
        name = directory.parties[party].name
        seen[party] = Seen(party, name, projection, mentions, fingerprint(projection, chosen.graph))
        found(seen[party])

    for party in parties:
        projection = projected(session, directory, agreement, chosen, party, purposes)
        if keeps_secrets(projection):
            searched[party] = projection
        else:
            see(party, projection, ())
    mentions = find_mentions(chosen.graph, [*searched.values()])
    for (party, projection), told in zip(searched.items(), mentions, strict=True):
        see(party, projection, told)
    return [seen[party] for party in parties]


def projected(
    session: Session,
    directory: Directory,
    agreement: Agreement,
    chosen: Chosen,
    party: str,
    purposes: Sequence[str] | None = None,
) -> Projection:
    """Project one selection for one party, as it stands now: the one gate (law 1)."""
    survey = chosen.survey
    terms = terms_for(
        directory, agreement, party, purposes=None if purposes is None else frozenset(purposes), at=session.at
    )
    shown = session.shown(session.released(agreement.id, party), survey.outside(), survey.facts.keys())
    shown = msgspec.structs.replace(shown, known=session.sent_by(party, survey.named_by(directory.own)))
    return project(
        survey, chosen.graph, terms, key=session.key(), consents=directory.consents, shown=shown,
        support=chosen.support, barred=barred(session.recalls, agreement.id, party, survey.facts),
    )  # fmt: skip


def fingerprint(projection: Projection, graph: HeldGraph) -> dict[str, bytes]:
    """Return a digest of the bytes of each object that goes, by the identifier that it is shown under."""
    found = {name: hashlib.sha256(raw).digest()[:16] for name, raw in projection.additions.items()}
    for source, shown in projection.released.items():
        change = projection.changed.get(source)
        found[shown] = (graph.digest(source) if change is None else change.copy.digest)[:16]
    return found


def put(session: Session, agreement: str, seen: Seen, graph: HeldGraph) -> int:
    """Write a projection into its party's collection, in the place of what was there of the same objects."""
    projection = seen.projection
    if not projection.released:
        return 0
    collection = session.open_released(agreement, seen.party)
    before: Shown = session.shown(collection, projection.released.keys(), projection.released.keys())
    gone = [name for source, name in before.outside.items() if projection.released.get(source, name) != name]
    added = session.put(
        collection,
        Put(
            items=_items(projection, graph), gone=gone,
            copies={source: (change.copy, graph.digest(source)) for source, change in projection.changed.items()},
            ends={projection.released[source]: end for source, end in projection.ends.items()},
        ),
    )  # fmt: skip
    session.set_edge(collection, session.register().directory.next_edge(session.at))
    return added


def _items(projection: Projection, graph: HeldGraph) -> Iterator[Incoming]:
    for source, raw in projection.objects(graph):
        if source in projection.changed or source in projection.additions:
            yield incoming(raw)
        else:
            yield graph.incoming(source, raw, projection.modified(source))


def incoming(raw: bytes) -> Incoming:
    """Return an object of our own making as something to append. Raises :class:`Refused` when it breaks STIX 2.1."""
    seen = examine(raw)
    if seen.violations or seen.id is None or seen.type is None:
        raise Refused(f"{seen.id} would break STIX 2.1: {seen.violations[0].message}")
    version: Timestamp | None = seen.version
    return Incoming(seen.id, seen.type, version.micros if version else None, raw, version.text if version else None)


def _needs(session: Session, agreement: Agreement, seen: Sequence[Seen]) -> Iterator[str]:
    """Why a second person has to approve."""
    if agreement.four_eyes:
        yield f"{agreement.name} asks for two persons for every release."
    for one in seen:
        if one.projection.released and not has_released(session, agreement.id, one.party):
            yield f"It is the first release to {one.name}."
    strict = {level.label for one in seen for level in one.projection.levels if level not in UNDISCUSSED}
    if strict:
        yield f"It holds {' and '.join(sorted(strict))}."
    if any(one.blocked for one in seen):
        yield "A text names what is withheld."


def has_released(session: Session, agreement: str, party: str) -> bool:
    """Whether anything was ever released to a party under an agreement."""
    collection = session.released(agreement, party)
    # Answers to recalls come before anything was released: they do not count.
    return collection is not None and session.serves(collection, besides=MESSAGES)


def _decided(request: Request, state: State, actor: Actor, at: int, why: str | None) -> Request:
    return msgspec.structs.replace(request, state=state, decider=actor.id, decider_name=actor.name, decided=at, why=why)


def _told(request: Request) -> dict[str, object]:
    return {
        "agreement": request.agreement,
        "chosen": len(request.chosen),
        "parties": {party: len(shown) for party, shown in request.previewed.items()},
    }
