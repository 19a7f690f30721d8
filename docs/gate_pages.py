"""The pages of the reference on what leaves a node: the rules of release, and our extensions of STIX 2.1."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from observable_pages import observable_sections
from prose import cell, prose

from titian.core import extensions, projection, recall, release
from titian.core.agreement import Agreement, Consent, Onward, Purpose
from titian.core.directory_objects import Dialogue, Meeting, Statement
from titian.core.directory_writing import Stamp, write_agreement, write_consent, write_dialogue, write_party
from titian.core.marking import HANDLING_EXTENSION, Attribution, Handling, handling_definition
from titian.core.party import Party, PartyKind
from titian.core.recall_objects import (
    AnswerMessage,
    Reason,
    RecallAnswerObject,
    RecallMessage,
    RecallObject,
    Response,
    write_answer,
    write_recall,
)
from titian.core.tlp import Tlp

# Release rules


def withheld(source: str) -> Iterator[tuple[str, str]]:
    """Each rule that a piece of source withholds by, and the sentence it gives; what differs is `…`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Withheld":
            yield ast.literal_eval(node.args[0]), sentence(node.args[1])


def sentence(node: ast.expr) -> str:
    """A string of the source, with `…` in the place of each value."""
    if not isinstance(node, ast.JoinedStr):
        return str(ast.literal_eval(node))
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


FOLLOWED = {
    "reference": "A relationship or a sighting has lost one of its ends, a report all it is about, an object its "
    "marking definition, or a type that Titian does not know one of its single references. What is lost is withheld, "
    "or is neither in the selection nor with the recipient already.",
    "contradiction": "Several collections hold different contents of it, and none is marked as strictly as all of them "
    "together. (Where one is, that one counts.)",
    "granular-marking": "A granular marking forbids a property that is required, that the identifier is made of, or "
    "that belongs to a type Titian does not know; or it points to nothing.",
    "redaction": "What is left of the object would break STIX 2.1.",
    "marking": "A marking definition names recipients besides this one, who may not know of them, and says more than "
    "a handling does, so no other can stand in its place.",
    "recalled": "It was recalled from this recipient, in this version or a later one.",
    "flagged": "Who sent it has recalled it, and it is still held: until a person has answered, nobody has it.",
    "unused": "A marking definition or a creator that nothing which goes names. It would tell of what does not go. "
    "A preview leaves these out.",
}
"""What each rule of the projection means."""


def release_rules() -> str:
    """Every rule of release and of projection, with what it says to an analyst."""
    intro = """
        Nothing leaves a node under an agreement but through these. `titian preview` names the rule in brackets
        behind the sentence, and in the field `rule` of its JSON. The rules are asked in this order and the first that
        withholds gives the reason; without rules nothing would go. In a sentence, `…` stands for a name, a level or
        a date. Why they are as they are: [received objects](../decisions/0011-received-objects.md), [redacted
        copies](../decisions/0012-redacted-copies.md), [texts](../decisions/0016-texts-that-name.md).
    """
    gate = [
        f"| `{name}` | {prose(inspect.getdoc(rule) or '')} | {said} |"
        for rule in map(type, release.THE_GATE.rules)  # type: ignore[attr-defined]
        for name, said in reasons_of(inspect.getsource(rule))
    ]
    found = dict(reasons_of(inspect.getsource(projection))) | dict(reasons_of(inspect.getsource(recall)))
    if found.keys() != FOLLOWED.keys():
        raise SystemExit(f"Say in docs/generate.py what these mean: {', '.join(found.keys() ^ FOLLOWED.keys())}.")
    follows = [f"| `{name}` | {cell(FOLLOWED[name])} | {found[name]} |" for name in FOLLOWED]
    head = "| rule | what has to hold | what it says |\n|---|---|---|\n"
    what = "| rule | when it withholds | what it says |\n|---|---|---|\n"
    return "\n\n".join(
        [
            "# Release rules", cell(intro), "## Of one object", head + "\n".join(cell_rows(gate)),
            "## Of the graph", cell(FOLLOWING), what + "\n".join(cell_rows(follows)), TOLD,
        ]
    )  # fmt: skip


FOLLOWING = """
    What was decided of one object has effects on others. The projection follows references until nothing changes, in
    time linear in the number of references, circles and all.
"""
TOLD = """## What changes in what goes

- A reference to what is withheld or not held is taken out, in lists, dictionaries, keys and extensions; an identifier
  inside a text is replaced by `[withheld]`. What is empty then goes too.
- A property that its granular marking withholds is taken out, and its translations with it.
- Where the source may not be named (`attribution` *must-not*), `created_by_ref` becomes the releasing party, or goes
  where that is us, and external references other than to public catalogues go.
- A handling that names other recipients is replaced by one that names this one only.
- An object that was changed goes as a copy under an identifier of its own, and so does what refers to it.

## What blocks
A text that names what is withheld from this recipient blocks the release: `titian preview` ends with status 3,
`titian release` refuses without `--override`, and an override wants a second person.

## What asks for a second person
The agreement (`four_eyes`), the first release to a party under it, anything above TLP:GREEN, an override, a standing
rule."""


def reasons_of(source: str) -> list[tuple[str, str]]:
    """Each rule of a piece of source once, with all its sentences, in the order in which they stand there."""
    said: dict[str, list[str]] = {}
    for name, reason in withheld(source):
        said.setdefault(name, []).append(reason)
    return [(name, "<br>".join(dict.fromkeys(map(cell, each)))) for name, each in said.items()]


def cell_rows(rows: list[str]) -> list[str]:
    """Rows of a table, each on one line."""
    return [re.sub(r"\s*\n\s*", " ", row) for row in rows]


# Extensions

US, PARTNER = "identity--88d571a9-b5a0-4836-bd3b-df828eb88fec", "identity--9ea9a35c-55db-40cd-8f69-bc5dee6d0133"
AGREED, TALKS = "agreement--91b95460-4880-4e76-8bb7-59c053d6d3e5", "dialogue--0b4e7a52-5d0c-4f3f-8f4b-6a3f5f0f6d21"
BEGUN = 1_767_225_600_000_000
STAMP = Stamp(by=US, at=BEGUN)

MEANINGS: dict[str, dict[str, str]] = {
    "party": {
        "extension_type": "Always `property-extension`.",
        "kind": f"What kind of party it is: {', '.join(f'`{one}`' for one in PartyKind)}. A community has members, "
        "and receives nothing itself.",
        "alias": "A short name to type, up to 64 lower-case letters, digits, `-` and `_`.",
        "country": "ISO 3166-1 alpha-2.",
        "ceiling": "Of a community only: the strictest TLP that it takes for its members, whatever an agreement "
        "allows.",
    },
    "agreement": {
        "name": "What it is called.",
        "alias": "A short name to type.",
        "party_refs": "Who is bound by it: parties and communities, by their identities. Without any it never holds.",
        "purposes": f"What may be done with what goes: {', '.join(f'`{one}`' for one in Purpose)}. Without any it "
        "never holds.",
        "topics": "What it is about, in words. Nothing is decided by them.",
        "ceiling": f"The strictest TLP that goes under it: {', '.join(f'`{one.value}`' for one in Tlp)}.",
        "onward": f"Whether the clients of a party receive: {', '.join(f'`{one}`' for one in Onward)}. Default `none`.",
        "languages": "Languages of RFC 5646 that the parties read.",
        "valid_from": "From when it holds.",
        "valid_until": "Until before when; without it, until somebody ends it.",
        "dialogue_ref": "The dialogue that it came of.",
        "four_eyes": "Whether every release under it wants a second person. Default `false`.",
    },
    "dialogue": {
        "name": "What it is called.",
        "alias": "A short name to type.",
        "party_refs": "Who talks with each other.",
        "meetings": "A list of dictionaries with `date` (YYYY-MM-DD), `place` and `title`.",
        "commitments": "What was promised: by whom, what, until which day, and on which day it was kept.",
    },
    "consent": {
        "originator_ref": "The party whose objects they are.",
        "object_refs": "Which objects may go on.",
        "agreement_ref": "Under which agreement.",
        "valid_until": "Until before when; without it, for good.",
    },
    "recall": {
        "object_refs": "What is to be given back, under the identifiers that the recipient knows.",
        "agreement_ref": "The agreement under which it was released.",
        "reason": f"Why: {', '.join(f'`{one.value}`' for one in Reason)}.",
        "deadline": "By when an answer is asked for.",
        "description": "Why, in words.",
        "replaced_by_refs": "What takes its place.",
    },
    "recall-answer": {
        "recall_ref": "The recall that it answers.",
        "response": f"What was done: {', '.join(f'`{one.value}`' for one in Response)}.",
        "description": "Why, in words; a refusal has to say.",
        "passed_on": "To how many others it had gone on from there.",
        "object_refs": "Those that it is about; all of the recall without.",
    },
    "handling": {
        "releasable_to": "Who may have it: parties and communities by identity, countries by ISO 3166-1 alpha-2. "
        "An empty list names nobody. Of several such markings on one object, each has to name the recipient.",
        "purposes": f"What it may be used for: {', '.join(f'`{one}`' for one in Purpose)}.",
        "expires": "From when on nobody may see it any more.",
        "attribution": f"Whether its source may be named: {', '.join(f'`{one.value}`' for one in Attribution)}.",
    },
}
"""What each property means, by the anchor of its extension."""


def extension_pages() -> dict[str, tuple[str, Any, str, bytes]]:
    """For each anchor: the identifier, the struct of its properties, what it is, an example."""
    party = Party(id=PARTNER, name="Agency B", kind=PartyKind.AGENCY, alias="agency-b", country="SG")
    agreement = Agreement(
        id=AGREED, name="Talks on terrorist financing", parties=frozenset({US, PARTNER}), ceiling=Tlp.AMBER,
        purposes=frozenset({"terrorist-financing"}), topics=("money for drones",), starts=BEGUN, dialogue=TALKS,
        four_eyes=True,
    )  # fmt: skip
    dialogue = Dialogue(
        id=TALKS, name="Talks on terrorist financing", parties=agreement.parties,
        meetings=(Meeting(date="2026-03-01", place="Jakarta", title="First meeting"),),
        statements=(Statement(source="Agency A", title="Joint statement of 1 March 2026"),),
    )  # fmt: skip
    consent = Consent(
        id="consent--c2c9d8f4-3c84-4a8e-9a5f-3f0a8ce2a7f5", originator=PARTNER, agreement=AGREED,
        objects=frozenset({"indicator--38402391-d15d-4abb-9b3c-61e2d9130a77"}),
    )  # fmt: skip
    _, handling = handling_definition(
        Handling(
            releasable_to=("JP", PARTNER), purposes=("terrorist-financing",), expires="2030-01-01T00:00:00.000Z",
            attribution=Attribution.MUST_NOT,
        )
    )  # fmt: skip
    asked = RecallMessage(
        id="recall--6f6a1c1e-8f0e-4b7e-9f57-2a8b1c9d4e10", by=US, created=BEGUN, version=BEGUN, agreement=AGREED,
        objects=("indicator--38402391-d15d-4abb-9b3c-61e2d9130a77",), reason=Reason.FALSE_POSITIVE,
        deadline=BEGUN + 86_400_000_000, why="It is a relief organisation.",
    )  # fmt: skip
    said = AnswerMessage(
        id="recall-answer--0d5b4b0c-9a5e-4f0e-8a63-5e4c7f1b2a33", by=PARTNER, created=BEGUN, version=BEGUN,
        recall=asked.id, response=Response.APPLIED, passed_on=0,
    )  # fmt: skip
    return {
        "party": (
            extensions.PARTY_EXTENSION, extensions.PartyWords,
            "A property extension of `identity`. An identity without it is no party.", write_party(party, STAMP),
        ),
        "agreement": (
            extensions.AGREEMENT_EXTENSION, extensions.AgreementObject,
            "A domain object of its own type, `agreement`.", write_agreement(agreement, "talks", STAMP),
        ),
        "dialogue": (
            extensions.DIALOGUE_EXTENSION, extensions.DialogueObject,
            "A domain object of its own type, `dialogue`. What was stated in public stands in `external_references`.",
            write_dialogue(dialogue, STAMP),
        ),
        "consent": (
            extensions.CONSENT_EXTENSION, extensions.ConsentObject,
            "A domain object of its own type, `consent`.", write_consent(consent, STAMP),
        ),
        "recall": (
            extensions.RECALL_EXTENSION, RecallObject,
            "A domain object of its own type, `recall`, written for one recipient. A revoked one asks for nothing.",
            write_recall(asked),
        ),
        "recall-answer": (
            extensions.RECALL_ANSWER_EXTENSION, RecallAnswerObject,
            "A domain object of its own type, `recall-answer`, written for who recalled. A later version changes the "
            "answer.", write_answer(said),
        ),
        "handling": (
            HANDLING_EXTENSION, Handling,
            "A property extension of `marking-definition`. The identifier of a handling is a UUIDv5 of its content, "
            "so the same handling is the same object on every node. Each of its properties may be absent, and is "
            "then left open; one that says more than this reaches nobody.", handling,
        ),
    }  # fmt: skip


def extension_reference() -> str:
    """Every extension of ours: what it is for, its properties, an example."""
    intro = f"""
        What STIX 2.1 lacks for a bridge between agencies, as `extension-definition` objects (STIX 2.1 section 7.3)
        created by `{extensions.PROJECT_ID}`. `agreement`, `dialogue`, `consent`, `recall` and `recall-answer` are
        read strictly: an object with a property that is not listed here, or of STIX's common properties, does not
        count, since what is not understood could be the restriction that matters.
    """
    memberships = f"""
        Being a member or a client needs no extension. It is a `relationship` from the one to the other, of type
        `{extensions.MEMBER_OF}` (to a community) or `{extensions.CLIENT_OF}` (to a party), with `start_time` and
        `stop_time` where it is for a time. One that is marked TLP:RED, or not understandably, is hidden: it counts
        here and is shown to nobody. `{extensions.WITHDRAWS_FROM}` leads from a party to an agreement of another that
        it leaves, at `start_time`.
    """
    sections = [part for anchor, page in extension_pages().items() for part in extension_section(anchor, *page)]
    parts = [*sections, *observable_sections(), "## Membership", cell(memberships)]
    return "\n\n".join(["# Extensions", cell(intro), *parts])


def extension_section(anchor: str, identifier: str, struct: Any, what: str, example: bytes) -> Iterator[str]:
    """The section of one extension; each property of its struct needs a meaning."""
    definition = msgspec.json.decode(extensions.EXTENSION_DEFINITIONS[identifier])
    yield f"## {definition['name']}"
    yield f"`{identifier}` ({', '.join(definition['extension_types'])}). {definition['description']} {cell(what)}"
    common = set(extensions.AgreementObject.__struct_fields__) & set(extensions.DialogueObject.__struct_fields__)
    common -= {"name", "alias", "party_refs"}
    rows = [
        f"| `{field.name}` | {type_of(field.type)} | {'yes' if field.required else ''} | "
        f"{cell(MEANINGS[anchor][field.name])} |"
        for field in msgspec.structs.fields(struct)
        if field.name not in common or field.name in MEANINGS[anchor]
    ]
    yield "\n".join(["| property | type | required | meaning |", "|---|---|---|---|", *rows])
    yield f"```json\n{msgspec.json.format(example, indent=2).decode()}\n```"


def type_of(kind: Any) -> str:
    """A type in the words of STIX."""
    text = str(kind)
    word = next(
        (
            word
            for part, word in (("MeetingPart", "dictionary"), ("Attribution", "string"), ("str", "string"),
                               ("bool", "boolean"), ("int", "integer"))
            if part in text
        ),
        text,
    )  # fmt: skip
    return f"list of {word}" if "tuple" in text else word
