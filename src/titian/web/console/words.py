"""Words of the domain that pages show in the reader's language: types, duties, what the script says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from titian.core.people import Duty


def N_(text: str) -> str:
    """Mark a text for the catalogues; it is translated where it is shown."""
    return text


TYPES: Final = {
    "attack-pattern": N_("Attack pattern"), "campaign": N_("Campaign"), "course-of-action": N_("Course of action"),
    "grouping": N_("Grouping"), "identity": N_("Identity"), "incident": N_("Incident"),
    "indicator": N_("Indicator"), "infrastructure": N_("Infrastructure"), "intrusion-set": N_("Intrusion set"),
    "location": N_("Location"), "malware": N_("Malware"), "malware-analysis": N_("Malware analysis"),
    "note": N_("Note"), "observed-data": N_("Observed data"), "opinion": N_("Opinion"), "report": N_("Report"),
    "threat-actor": N_("Threat actor"), "tool": N_("Tool"), "vulnerability": N_("Vulnerability"),
    "relationship": N_("Relationship"), "sighting": N_("Sighting"), "marking-definition": N_("Marking"),
    "language-content": N_("Translation"), "extension-definition": N_("Extension definition"),
    "artifact": N_("Artifact"), "autonomous-system": N_("Autonomous system"), "directory": N_("Directory"),
    "domain-name": N_("Domain name"), "email-addr": N_("Email address"), "email-message": N_("Email message"),
    "file": N_("File"), "ipv4-addr": N_("IPv4 address"), "ipv6-addr": N_("IPv6 address"),
    "mac-addr": N_("MAC address"), "mutex": N_("Mutex"), "network-traffic": N_("Network traffic"),
    "process": N_("Process"), "software": N_("Software"), "url": N_("URL"), "user-account": N_("User account"),
    "windows-registry-key": N_("Windows registry key"), "x509-certificate": N_("Certificate"),
    "agreement": N_("Agreement"), "dialogue": N_("Dialogue"), "commitment": N_("Commitment"),
    "recall": N_("Recall"), "recall-answer": N_("Answer to a recall"), "consent": N_("Consent"),
    "uav": N_("Drone"), "taxonomy-term": N_("Taxonomy term"),
    "wallet": N_("Wallet"), "transfer": N_("Transfer"), "nft": N_("NFT"), "bank-account": N_("Bank account"),
    "phone-number": N_("Phone number"), "drone": N_("Single drone"), "social-account": N_("Social media account"),
    "media-hash": N_("Hash of a picture or film"), "referral": N_("Referral"),
    "referral-answer": N_("Answer to a referral"),
}  # fmt: skip
"""What the types of STIX 2.1 and of our extensions are called."""

DUTIES: Final = {
    Duty.ANALYST: N_("Analyst"), Duty.RELEASER: N_("Releaser"), Duty.AUDITOR: N_("Auditor"),
    Duty.ADMINISTRATOR: N_("Administrator"),
}  # fmt: skip

SCRIPT: Final = {
    "ok": N_("OK"), "cancel": N_("Cancel"), "close": N_("Close"), "copied": N_("Copied"),
    "copy_failed": N_("Nothing could be copied"), "keys": N_("Keys"), "keys_on": N_("Use keys"),
    "key_search": N_("Find"), "key_help": N_("Show the keys"),
    "request_failed": N_("The node could not answer. Try again."),
    "request_offline": N_("The node cannot be reached."),
}  # fmt: skip
"""What the browser's own script says (see ``frontend/README.md``)."""

GRAPH: Final = {
    "label": N_("Graph of what is linked"), "zoom_in": N_("Nearer"), "zoom_out": N_("Farther"), "fit": N_("Show all"),
    "expand": N_("Expand"), "open": N_("Open"), "path_start": N_("Path from here"), "path_end": N_("Path to here"),
    "path_none": N_("No path leads from one to the other."), "path_found": N_("A path of {steps} steps: {names}"),
    "path_clear": N_("Forget the path"), "selected": N_("Chosen"), "links": N_("Links"), "no_links": N_("No links"),
    "loading": N_("Loading …"), "failed": N_("The graph could not be loaded."),
    "cut": N_("Not everything is shown: there is more."), "shown": N_("{nodes} objects, {links} links"),
    "no_webgl": N_("This browser cannot draw the graph; the table has the same."),
    "layout_done": N_("The graph is laid out."), "expanded": N_("{count} more objects"),
    "nothing_new": N_("Nothing more is linked."),
    "hint": N_("Arrow keys go along links, Enter opens, e expands, p marks the ends of a path."),
    "outgoing": N_("to"), "incoming": N_("from"), "legend": N_("Types"),
}  # fmt: skip
"""What the graph says."""

MAP: Final = {
    "label": N_("Map of the parties and what flows between them"),
    "flow": N_("{from} to {to}: {sent}"), "parties": N_("Parties"),
    "failed": N_("The map could not be loaded."), "none": N_("Nothing has flowed yet."),
}  # fmt: skip
"""What the map says."""


def translated(words: dict[str, str], gettext: Callable[[str], str]) -> dict[str, str]:
    """Some words in a language."""
    return {key: gettext(text) for key, text in words.items()}


def type_name(type_: str, gettext: Callable[[str], str]) -> str:
    """What a type is called; a type that nobody knows is called by itself."""
    known = TYPES.get(type_)
    return type_ if known is None else gettext(known)
