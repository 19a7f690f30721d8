"""The projection: what one audience may see of a set of objects, and why all the rest is withheld.

Pure and deterministic: the same objects, terms and key give the same answer, to the byte. Decisions are made on a
:class:`titian.core.survey.Survey`; bytes are read only of what has to be changed, and again when it goes out.

What is withheld takes what cannot stand without it, and every reference to it goes (law 5). An object that had to be
changed is a copy under an identifier of its own (law 4), and so is everything that refers to it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from titian.core.agreement import Consent
from titian.core.copying import Change, Copyist, Shown, inner_first, reachable
from titian.core.marking import HANDLING_EXTENSION, Marking, handling_definition, read_handling, well_known
from titian.core.projected import Projection as Projection
from titian.core.redaction import (
    Path,
    copy_id,
    indispensable,
    parse_selector,
    rename,
    still_has_some,
    write_selector,
)
from titian.core.release import THE_GATE, Case, Decision, Released, Rule, Terms, Withheld
from titian.core.stix import examine
from titian.core.stix.identifier import ID_CONTRIBUTING
from titian.core.survey import Facts, Graph, Held, Survey, references
from titian.core.tlp import Tlp

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_granular: Final = msgspec.json.Decoder(list[dict[str, Any]]).decode
_encode: Final = msgspec.json.Encoder().encode
_FEW: Final = 64
"""References of an object that is quickly looked at again; what has more waits until the others have settled."""


def project(
    survey: Survey,
    graph: Graph,
    terms: Terms,
    *,
    key: bytes,
    rule: Rule = THE_GATE,
    consents: Sequence[Consent] = (),
    shown: Shown | None = None,
    support: Collection[str] = (),
    barred: Mapping[str, Withheld] | None = None,
) -> Projection:
    """Project a selection for one audience.

    :param survey: of ``graph``.
    :param key: the node's secret for identifiers of copies.
    :param consents: what originators have consented to.
    :param shown: what the audience holds already; nothing without.
    :param support: identifiers of objects that nobody chose, such as creators: they go only with what names them.
        Marking definitions are always such.
    :param barred: what may not go whatever the rules say, and why: it was recalled.
    """
    work = _Work(survey, graph, terms, key, rule, consents, shown or Shown(), frozenset(support))
    work.barred = barred or {}
    return work.project()


class _Work:
    """One projection while it is made."""

    def __init__(
        self,
        survey: Survey,
        graph: Graph,
        terms: Terms,
        key: bytes,
        rule: Rule,
        consents: Sequence[Consent],
        shown: Shown,
        support: frozenset[str],
    ) -> None:
        self.survey = survey
        self.facts = survey.facts
        self.graph = graph
        self.terms = terms
        self.key = key
        self.rule = rule
        self.shown = shown
        self.support = support
        self.audience = f"{terms.agreement.id} {terms.recipient.id}"
        self.decisions: dict[tuple[Any, ...], Decision] = {}
        self.consented: dict[str, list[Consent]] = {}
        for consent in consents:
            for identifier in consent.objects:
                self.consented.setdefault(identifier, []).append(consent)
        self.barred: Mapping[str, Withheld] = {}
        self.withheld: dict[str, Withheld] = {}
        self.cuts: dict[str, tuple[Path, ...]] = {}
        self.names: dict[str, str] = {}
        self.additions: dict[str, bytes] = {}
        self.replaced: dict[str, str] = {}
        self.sourceless: set[str] = set()
        self.users: dict[str, list[str]] | None = None
        self.left: dict[str, set[str]] = {}
        self.changed: dict[str, Change] = {}
        self.outside = survey.outside()
        self.copyist = Copyist(
            self.facts, own=terms.own, visible=self._visible, names=self.names, cuts=self.cuts,
            sourceless=self.sourceless, shown=shown,
        )  # fmt: skip

    def project(self) -> Projection:
        """Decide, follow the graph until nothing changes, then make the copies."""
        self._decide_all()
        self._withhold_translations()
        self._name_markings()
        self._follow([*self.withheld, *sorted(ref for ref in self.outside if not self._visible(ref))])
        changed = self.changed = self._copies()
        self._drop_idle_support()
        kept = [i for i in self.facts if i not in self.withheld and i not in self.replaced]
        used = {name for i, name in self.replaced.items() if i not in self.withheld} - set(kept)
        return Projection(
            terms=self.terms,
            released={i: self.names.get(i, i) for i in kept},
            withheld=self.withheld,
            changed={i: change for i, change in changed.items() if i not in self.withheld},
            additions={name: self.additions[name] for name in sorted(used)},
            cuts={i: paths for i, paths in self.cuts.items() if i not in self.withheld},
            sources={
                i: creator
                for i in sorted(self.sourceless - self.withheld.keys())
                if (creator := self.facts[i].creator) is not None
            },
            ends=self._expiries(kept),
            levels=self._levels(kept),
            _make=self._make,
            _facts=self.facts,
        )

    def _drop_idle_support(self) -> None:
        """Withhold definitions and creators that nothing which goes names: they would tell of what does not go."""
        idle = {*self.survey.definitions, *self.support} & self.facts.keys() - self.withheld.keys()
        goes = (facts for i, facts in self.facts.items() if i not in self.withheld and i not in idle)
        for facts in goes:
            waiting = [facts]
            while waiting and idle:
                found = idle.intersection(self._support_of(waiting.pop()))
                idle -= found
                waiting += [self.facts[identifier] for identifier in found]
            if not idle:
                break
        for identifier in [one for one in self.facts if one in idle] if idle else ():
            self.withheld[identifier] = Withheld("unused", "Nothing that goes to this party names it.")

    def _support_of(self, facts: Facts) -> Iterable[str]:
        """What an object names when it goes: its markings, its creator, and what it refers to."""
        change = self.changed.get(facts.id)
        if facts.id in self.replaced:
            return ()
        if change is not None:
            return change.named
        named = (*facts.refs, *facts.marks, *self._part_marks(facts))
        return named if facts.creator is None else (*named, facts.creator)

    def _part_marks(self, facts: Facts) -> Sequence[str]:
        """The markings of the parts that stay in an object."""
        if facts.parts is None:
            return ()
        change = self.changed.get(facts.id)
        if change is not None:
            return change.marks
        return [mark for part in _granular(facts.parts) if (mark := part.get("marking_ref")) is not None]

    # ── deciding ──────────────────────────────────────────────────────────────────────────────────────────

    def _decide_all(self) -> None:
        """Decide on each object. Most are like others before them: what decides on them is the same."""
        like: dict[tuple[Any, ...], tuple[Decision, bool]] = {}
        alone = {*self.survey.definitions, *self.consented, *(i for i, one in self.facts.items() if one.contested)}
        for identifier, facts in self.facts.items():
            case = (facts.marks, facts.creator, facts.received_from, facts.personal)
            known = like.get(case)
            if known is None or facts.parts is not None or identifier in alone:
                known = self._decide(facts), identifier in self.sourceless
                if facts.parts is None and identifier not in alone:
                    like[case] = known
            if known[1]:
                self.sourceless.add(identifier)
            if type(known[0]) is Withheld:
                self.withheld[identifier] = known[0]
        for identifier, why in self.barred.items():
            if identifier in self.facts:
                self.withheld.setdefault(identifier, why)

    def _withhold_translations(self) -> None:
        """Withhold what translates something of which the audience holds a copy, and which is not at hand here: the
        translation could say what was taken out of it."""
        why = Withheld(
            "reference", "What it translates was released in part, and is not in this selection. Choose both."
        )
        copied = {ref for ref, name in self.shown.outside.items() if ref != name and ref not in self.facts}
        for identifier, facts in self.facts.items() if copied else ():
            if facts.type == "language-content" and not copied.isdisjoint(facts.ends):
                self.withheld.setdefault(identifier, why)

    def _decide(self, facts: Facts) -> Decision:
        if facts.contested:
            return Withheld(
                "contradiction",
                "It is held with different markings, none of them the strictest. Where it is yours, mark it anew.",
            )
        if facts.type == "marking-definition" and not facts.marks:
            # It says how others are handled, and goes where they go.
            return Released()
        marking = self.survey.marking(facts.marks)
        decision = self._ask(facts, marking, facts.marks)
        if facts.parts is not None and isinstance(decision, Released):
            decision = self._decide_parts(facts, marking)
        if not marking.names_source and isinstance(decision, Released):
            self.sourceless.add(facts.id)
        return decision

    def _ask(self, facts: Facts, marking: Marking, marks: tuple[str, ...]) -> Decision:
        """Ask the rules, once for each case; the markings' identifiers stand for the marking that they mean."""
        terms, consents = self.terms, self.consented.get(facts.id)
        key = (marks, facts.creator, facts.received_from, facts.personal)
        decision = None if consents else self.decisions.get(key)
        if decision is None:
            originator = facts.originator(terms.own)
            consented = originator is not None and any(
                consent.covers(facts.id, originator, terms.agreement.id, terms.at) for consent in consents or ()
            )
            case = Case(marking=marking, originator=originator, consented=consented, personal=facts.personal)
            decision = self.rule.decide(case, terms)
            if not consents:
                self.decisions[key] = decision
        return decision

    def _decide_parts(self, facts: Facts, whole: Marking) -> Decision:
        """Decide what goes out of an object, and whether it can go without."""
        gone: list[Path] = []
        for part in _granular(facts.parts or b"[]"):
            mark = part.get("marking_ref")
            if mark is None:
                continue
            marking = whole.join(self.survey.marking((mark,)))
            if not marking.names_source and whole.names_source:
                self.sourceless.add(facts.id)
            if isinstance(self._ask(facts, marking, (*facts.marks, mark)), Withheld):
                gone += [parse_selector(selector) for selector in part.get("selectors", ())]
        needed = indispensable(facts.type)
        for path in gone:
            if needed is None or (
                path[0] in needed and (len(path) == 1 or path[0] in ID_CONTRIBUTING.get(facts.type, ()))
            ):
                return Withheld(
                    "granular-marking",
                    f"Its {path[0]} may not go, and without that it cannot stand.",
                )
        if gone:
            self.cuts[facts.id] = tuple(gone)
        return Released()

    # ── following the graph ───────────────────────────────────────────────────────────────────────────────

    def _visible(self, identifier: str) -> bool:
        if identifier in self.facts:
            return identifier not in self.withheld
        return identifier in self.shown.outside or well_known(identifier) is not None

    def _users(self) -> dict[str, list[str]]:
        """Who refers to what, whichever way."""
        if self.users is None:
            self.users = {}
            for facts in self.facts.values():
                for ref in {*facts.refs, *facts.supports()}:
                    self.users.setdefault(ref, []).append(facts.id)
        return self.users

    def _follow(self, begin: Iterable[str]) -> None:
        """Withhold what cannot stand without what is withheld, and so on. Each goes through here once."""
        waiting = deque(begin)
        if not waiting:
            return
        users = self._users()
        while waiting:
            gone = waiting.popleft()
            for user in users.get(gone, ()):
                facts = self.facts[user]
                if user in self.withheld or self.copyist.knows(facts, gone):
                    continue
                lost = gone in facts.ends or gone in facts.marks
                if not lost and facts.parts is not None:
                    lost = self._bears_part(facts, gone)
                if not lost and facts.some:
                    if user not in self.left:
                        self.left[user] = set(facts.some)
                    left = self.left[user]
                    lost = gone in left and len(left) == 1
                    left.discard(gone)
                if lost:
                    self.withheld[user] = self._because(gone)
                    waiting.append(user)

    def _bears_part(self, facts: Facts, mark: str) -> bool:
        """Whether a part that goes bears a marking."""
        gone = {write_selector(path) for path in self.cuts.get(facts.id, ())}
        return any(
            part.get("marking_ref") == mark and not gone.issuperset(part.get("selectors", ()))
            for part in _granular(facts.parts or b"[]")
        )

    def _because(self, gone: str) -> Withheld:
        reason = self.withheld.get(gone)
        if reason is None:
            return Withheld(
                "reference", f"It needs {gone}, which is not in this selection and was not released before."
            )
        return Withheld("reference", f"It needs {gone}, which is withheld ({reason.rule}).")

    # ── copies ────────────────────────────────────────────────────────────────────────────────────────────

    def _copies(self) -> dict[str, Change]:
        """Find what stands without what may not go, and only then make the copies: what falls takes others along."""
        self.names.update(self._renamed_outside())
        self.names.update(self.replaced)
        self._settle()
        changed = self._contagion(self._changed_themselves())
        for identifier in sorted(changed):
            if self.facts[identifier].version is not None:
                self.names[identifier] = copy_id(self.key, self.audience, identifier)
        self._name_unversioned({i for i in changed if i not in self.names})
        made: dict[str, Change] = {}
        for held in self.graph.read(changed) if changed else ():
            made[held.id] = self.copyist.finish(held)[1]
        return made

    def _settle(self) -> None:
        """Withhold what does not stand without what may not go; then only what refers to that is looked at again."""
        pending = self._changed_themselves()
        while pending:
            few = {one for one in pending if len(self.facts[one].refs) <= _FEW} or pending
            pending = pending - few
            before = set(self.withheld)
            for held in self.graph.read(few):
                why = self._falls(held)
                if why is not None:
                    self.withheld[held.id] = why
            fallen = self.withheld.keys() - before
            if fallen:
                self._follow(sorted(fallen))
                users = self._users()
                lost = self.withheld.keys() - before
                pending = {one for one in pending if one not in self.withheld}
                pending |= {user for one in lost for user in users.get(one, ()) if user not in self.withheld}

    def _falls(self, held: Held) -> Withheld | None:
        redacted = self.copyist.redact(held)
        if redacted is None:
            return Withheld("granular-marking", "A granular marking points to what it has not.")
        if self.facts[held.id].some and not still_has_some(redacted[0]):
            return Withheld("redaction", "Without what may not go, too little is left of it.")
        if examine(_encode(redacted[0])).violations:
            return Withheld("redaction", "Without what may not go, too little is left of it.")
        return None

    def _renamed_outside(self) -> Iterator[tuple[str, str]]:
        return ((ref, name) for ref, name in self.shown.outside.items() if ref != name and ref not in self.facts)

    def _name_markings(self) -> None:
        """Put another handling in the place of one that names others besides the recipient (who may not know of them),
        and withhold one of which that cannot be done."""
        for identifier, marking in self.survey.definitions.items():
            if identifier in self.withheld:
                continue
            named = frozenset[str]().union(*marking.releasable_to)
            if named <= self.terms.names | self.terms.ours:
                continue
            for held in self.graph.read([identifier]):
                source = _decode(held.raw)
                said = source["extensions"]
                if "definition_type" in source or said.keys() != {HANDLING_EXTENSION}:
                    self.withheld[identifier] = Withheld("marking", "It names other recipients, and says more besides.")
                    continue
                handling = read_handling(said[HANDLING_EXTENSION])
                ours = tuple(sorted(named & self.terms.names))
                name, definition = handling_definition(msgspec.structs.replace(handling, releasable_to=ours))
                self.replaced[identifier] = name
                self.additions[name] = definition

    def _changed_themselves(self) -> set[str]:
        changed: set[str] = set()
        hidden = bool(self.withheld) or any(not self._visible(ref) for ref in self.outside)
        if not (hidden or self.cuts or self.sourceless):
            return changed
        parted = {i for i in (*self.cuts, *self.sourceless) if i not in self.withheld}
        for identifier, facts in self.facts.items():
            if identifier in self.withheld or identifier in self.names:
                continue
            if (
                identifier in self.cuts
                or self.copyist.loses_source(facts)
                or (hidden and any(not self.copyist.sees(facts, ref) for ref in facts.refs))
                or (facts.type == "language-content" and not parted.isdisjoint(facts.ends))
            ):
                changed.add(identifier)
        return changed

    def _contagion(self, changed: set[str]) -> set[str]:
        """Everything that refers to what bears another identifier is changed as well."""
        waiting = [*changed, *self.names]
        if not waiting:
            return changed
        users = self._users()
        while waiting:
            for user in users.get(waiting.pop(), ()):
                if user not in changed and user not in self.withheld and user not in self.names:
                    changed.add(user)
                    waiting.append(user)
        return changed

    def _make(self, held: Held) -> bytes:
        return self.copyist.finish(held)[0]

    def _name_unversioned(self, unversioned: set[str]) -> None:
        """Name what has no versions after what it says, and so after the names of what it refers to."""
        contents: dict[str, bytes] = {}
        links: dict[str, list[str]] = {}
        for held in self.graph.read(unversioned) if unversioned else ():
            redacted = self.copyist.redact(held)
            assert redacted is not None, "what falls has fallen"
            body = _encode(redacted[0])
            contents[held.id] = hashlib.sha256(_encode(rename(redacted[0], self.names))).digest()
            links[held.id] = sorted(unversioned & set(references(body)) - {held.id})
        for identifier in inner_first(links):
            content = contents[identifier]
            if all(ref in self.names for ref in links[identifier]):
                content += b"".join(self.names[ref].encode() for ref in links[identifier])
            else:
                # A circle: it is named after everything in it.
                content += b"".join(one.encode() + contents[one] for one in sorted(reachable(identifier, links)))
            self.names[identifier] = copy_id(self.key, self.audience, identifier, hashlib.sha256(content).digest())

    def _levels(self, released: Iterable[str]) -> frozenset[Tlp]:
        """The levels of what goes, of its parts too."""
        kept = [self.facts[identifier] for identifier in released]
        marks = {facts.marks for facts in kept}
        marks |= {(mark,) for facts in kept if facts.parts is not None for mark in self._part_marks(facts)}
        return frozenset(level for one in marks if (level := self.survey.marking(one).tlp) is not None)

    def _expiries(self, released: Collection[str]) -> dict[str, int]:
        ends: dict[str, int] = {}
        if not self.survey.any_expiry():
            return ends
        for identifier in released:
            facts = self.facts[identifier]
            expires = self.survey.marking(facts.marks).expires
            for mark in self._part_marks(facts):
                other = self.survey.marking((mark,)).expires
                if other is not None:
                    expires = other if expires is None else min(expires, other)
            if expires is not None:
                ends[identifier] = expires
        return ends
