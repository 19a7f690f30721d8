"""What ``titian demo`` tells: a report of an Indonesian agency on real things, and what each partner sees of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from titian.core.agreement import Purpose
from titian.core.collection import timestamp
from titian.core.marking import Handling
from titian.core.people import Actor
from titian.core.stix import observable_id
from titian.core.tlp import TLP_IDS, Tlp
from titian.exchange.agreement_file import AgreementDraft, PartyDraft, read_agreement_file
from titian.exchange.mark import Wish
from titian.exchange.public_agreements import public_agreements
from titian.node import Node

_YEAR: Final = 365 * 86_400 * 1_000_000

REPORTS: Final = "Reports"
"""The collection in which the agency keeps what it writes itself."""
ACCOUNT: Final = "winter-collection-2026"
"""The name of an account, which is withheld, and which the first draft of the report names."""
FIRST_DRAFT: Final = (
    "Small drones are bought with cryptocurrency that a page collects as if for charity. "
    f"The account {ACCOUNT} recruits for it."
)
SECOND_DRAFT: Final = (
    "Small drones are bought with cryptocurrency that a page collects as if for charity. Accounts on social media "
    "recruit for it."
)
REAL: Final = {
    "uav": ("Evo II", "Bayraktar TB2"),
    "taxonomy-term": ("Tumbler", "Unhosted wallet", "Crypto ATM"),
    "attack-pattern": ("Social Media Accounts",),
}
"""What the report refers to among what the MISP galaxies know: objects by type and name."""


class Story(msgspec.Struct, frozen=True):
    """The objects of the story, by the name that they bear in it, and the identifiers of the report, of the channel
    that turns out to be somebody else's, and of the campaign that a partner sees."""

    report: str
    channel: str
    campaign: str
    names: dict[str, str]


def find_real(objects: Iterable[bytes]) -> dict[str, str]:
    """Return identifiers of the real objects that the report refers to, by name."""
    wanted = {name: kind for kind, names in REAL.items() for name in names}
    found: dict[str, str] = {}
    for raw in objects:
        head = _named(raw)
        if head.name in wanted and head.type == wanted[head.name]:
            found.setdefault(head.name, head.id)
    return found


class _Named(msgspec.Struct):
    id: str
    type: str
    name: str = ""


_named: Final = msgspec.json.Decoder(_Named).decode


class Writer:
    """Writes objects of one creator at one instant, with identifiers that are the same in every run."""

    def __init__(self, own: str, at: int) -> None:
        self.own = own
        self.at = timestamp(at)[:23] + "Z"
        self.made: dict[str, dict[str, Any]] = {}

    def written(self) -> list[bytes]:
        """What was written, as bytes."""
        return [msgspec.json.encode(one) for one in self.made.values()]

    def domain(self, kind: str, called: str, **properties: Any) -> str:
        """Write an object that has versions; its identifier."""
        identifier = f"{kind}--{uuid.uuid5(uuid.UUID(self.own[10:]), called)}"
        self.made[called] = {
            "type": kind, "spec_version": "2.1", "id": identifier, "created_by_ref": self.own,
            "created": self.at, "modified": self.at, **properties,
        }  # fmt: skip
        return identifier

    def observable(self, kind: str, called: str, **properties: Any) -> str:
        """Write an observable; its identifier."""
        identifier = observable_id(kind, properties)
        self.made[called] = {"type": kind, "spec_version": "2.1", "id": identifier, **properties}
        return identifier

    def relationship(self, called: str, kind: str, source: str, target: str) -> str:
        """Write that one object relates to another; its identifier."""
        return self.domain("relationship", called, relationship_type=kind, source_ref=source, target_ref=target)


def write_story(node: Node, actor: Actor, real: dict[str, str]) -> Story:
    """Write the report and what it is about, and mark it: not everything for everybody."""
    at = node.agreements.now()
    writer = Writer(node.record.identity, at)
    page = writer.domain(
        "indicator", "Page collecting money", name="Page collecting money", valid_from=writer.at,
        pattern="[domain-name:value = 'winter-relief.example']", pattern_type="stix",
    )  # fmt: skip
    channel = writer.domain(
        "indicator", "Channel that recruits", name="Channel that recruits", valid_from=writer.at,
        description="Found by a source inside the channel.",
        pattern="[url:value = 'https://chat.example/winter']", pattern_type="stix",
        granular_markings=[{"marking_ref": TLP_IDS[Tlp.RED], "selectors": ["description"]}],
    )  # fmt: skip
    campaign = writer.domain("campaign", "Winter collection", name="Winter collection")
    account = writer.observable("user-account", "Account that recruits", account_login=ACCOUNT)
    note = writer.domain(
        "note", "How it became known", abstract="How it became known", content="From a source inside.",
        object_refs=[campaign],
    )  # fmt: skip
    links = [
        writer.relationship("page indicates campaign", "indicates", page, campaign),
        writer.relationship("channel indicates campaign", "indicates", channel, campaign),
        *(writer.relationship(f"campaign uses {name}", "uses", campaign, real[name]) for name in real),
    ]
    report = writer.domain(
        "report", "Report", name="Drones paid with cryptocurrency", published=writer.at, description=FIRST_DRAFT,
        object_refs=[page, channel, campaign, account, note, *real.values(), *links],
    )  # fmt: skip
    into = node.collections.add(REPORTS, description="What this agency writes itself")
    node.exchange.hold(writer.written(), into, source="demo")
    money = Handling(releasable_to=("ID", "JP"), purposes=(Purpose.TERRORIST_FINANCING,), expires=timestamp(at + _YEAR))
    for ids, wish in (
        ([report, channel, account, *links], Wish(tlp=Tlp.GREEN)),
        ([campaign], Wish(tlp=Tlp.AMBER)),
        ([note], Wish(tlp=Tlp.RED)),
        ([page], Wish(tlp=Tlp.AMBER, handling=money)),
    ):
        node.mark.mark(actor, ids, wish)
    names = {one["id"]: called for called, one in writer.made.items()}
    return Story(report, channel, campaign, names | {identifier: name for name, identifier in real.items()})


def rewrite(node: Node, report: str) -> None:
    """Write the report anew, without the name of the account."""
    collection = node.collections.find(REPORTS)
    raw = next(raw for raw in node.exchange.objects(collection) if _named(raw).id == report)
    source = msgspec.json.decode(raw)
    source |= {"description": SECOND_DRAFT, "modified": timestamp(node.agreements.now() + 1000)[:23] + "Z"}
    node.exchange.hold([msgspec.json.encode(source)], collection, source="demo")


def identifiers(objects: Iterable[bytes]) -> list[str]:
    """Return the identifiers of objects."""
    return [_named(raw).id for raw in objects]


def public_parties() -> dict[str, PartyDraft]:
    """Return the parties that the shipped agreements name, by alias."""
    drafts = (read_agreement_file(text.encode()) for text in public_agreements().values())
    return {
        party.alias: party
        for draft in drafts
        if isinstance(draft, AgreementDraft)
        for party in draft.new_parties
        if party.alias is not None
    }
