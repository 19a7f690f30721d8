"""What the properties of objects are called in the reader's language, and the words of their values that we know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from titian.web.console.words import N_

PROPERTIES: Final = {
    "id": N_("Identifier"), "spec_version": N_("STIX version"), "created": N_("Created"), "modified": N_("Modified"),
    "created_by_ref": N_("Created by"), "lang": N_("Language"), "confidence": N_("Confidence"),
    "revoked": N_("Revoked"), "labels": N_("Labels"), "defanged": N_("Written safely"),
    "external_references": N_("Sources"), "extensions": N_("Extensions"), "object_marking_refs": N_("Markings"),
    "granular_markings": N_("Markings of parts"),
    "name": N_("Name"), "description": N_("Description"), "aliases": N_("Also called"), "x_mitre_aliases":
    N_("Also called"), "display_name": N_("Shown name"), "value": N_("Value"), "kill_chain_phases": N_("Phases"),
    "kill_chain_name": N_("Kill chain"), "phase_name": N_("Phase"), "first_seen": N_("First seen"),
    "last_seen": N_("Last seen"), "objective": N_("Objective"), "context": N_("Context"),
    "object_refs": N_("Objects"), "object_ref": N_("Object"), "roles": N_("Roles"), "identity_class": N_("Class"),
    "sectors": N_("Sectors"), "contact_information": N_("Contact"), "pattern": N_("Pattern"),
    "pattern_type": N_("Pattern language"), "pattern_version": N_("Version of the pattern language"),
    "valid_from": N_("Valid from"), "valid_until": N_("Valid until"), "indicator_types": N_("Kinds"),
    "infrastructure_types": N_("Kinds"), "malware_types": N_("Kinds"), "report_types": N_("Kinds"),
    "threat_actor_types": N_("Kinds"), "tool_types": N_("Kinds"), "incident_types": N_("Kinds"),
    "goals": N_("Goals"), "resource_level": N_("Resources"), "sophistication": N_("Skill"),
    "primary_motivation": N_("First motive"), "secondary_motivations": N_("Other motives"),
    "personal_motivations": N_("Personal motives"), "latitude": N_("Latitude"), "longitude": N_("Longitude"),
    "precision": N_("Precision in metres"), "region": N_("Region"), "country": N_("Country"),
    "administrative_area": N_("Province or state"), "city": N_("City"), "street_address": N_("Street"),
    "postal_code": N_("Postal code"), "is_family": N_("A family"), "operating_system_refs": N_("Operating systems"),
    "architecture_execution_envs": N_("Architectures"), "implementation_languages": N_("Written in"),
    "capabilities": N_("Capabilities"), "sample_refs": N_("Samples"), "sample_ref": N_("Sample"),
    "product": N_("Product"), "version": N_("Version"), "host_vm_ref": N_("Virtual machine"),
    "operating_system_ref": N_("Operating system"), "installed_software_refs": N_("Installed software"),
    "configuration_version": N_("Version of the configuration"), "modules": N_("Modules"),
    "analysis_engine_version": N_("Version of the engine"), "analysis_definition_version":
    N_("Version of the definitions"), "submitted": N_("Submitted"), "analysis_started": N_("Analysis began"),
    "analysis_ended": N_("Analysis ended"), "result_name": N_("Name of the result"), "result": N_("Result"),
    "analysis_sco_refs": N_("Found"), "abstract": N_("Abstract"), "content": N_("Content"), "authors": N_("Authors"),
    "first_observed": N_("First observed"), "last_observed": N_("Last observed"),
    "number_observed": N_("Times observed"), "objects": N_("Objects"),
    "opinion": N_("Opinion"), "explanation": N_("Explanation"),
    "published": N_("Published"), "tool_version": N_("Version"), "relationship_type": N_("Relation"),
    "source_ref": N_("From"), "target_ref": N_("To"), "start_time": N_("From when"), "stop_time": N_("Until when"),
    "sighting_of_ref": N_("Sighted"), "count": N_("Times"), "observed_data_refs": N_("Observed data"),
    "where_sighted_refs": N_("Sighted by"), "summary": N_("A summary"), "object_modified": N_("Version translated"),
    "contents": N_("Translations"), "definition_type": N_("Kind of definition"), "definition": N_("Definition"),
    "schema": N_("Schema"), "extension_types": N_("Kinds of extension"), "extension_properties":
    N_("Added properties"), "extension_type": N_("Kind of extension"), "source_name": N_("Source"), "url": N_("URL"),
    "external_id": N_("Identifier there"), "hashes": N_("Hashes"),
    "mime_type": N_("MIME type"), "payload_bin": N_("Content in base64"), "encryption_algorithm": N_("Encryption"),
    "decryption_key": N_("Key to decrypt it"), "number": N_("Number"), "rir": N_("Internet registry"),
    "path": N_("Path"), "path_enc": N_("Encoding of the path"), "ctime": N_("Created"), "mtime": N_("Modified"),
    "atime": N_("Accessed"), "contains_refs": N_("Contains"), "resolves_to_refs": N_("Resolves to"),
    "belongs_to_ref": N_("Belongs to"), "belongs_to_refs": N_("Belongs to"), "is_multipart": N_("Several parts"),
    "date": N_("Date"), "content_type": N_("Kind of content"), "from_ref": N_("From"), "sender_ref": N_("Sender"),
    "to_refs": N_("To"), "cc_refs": N_("Copy to"), "bcc_refs": N_("Hidden copy to"), "message_id":
    N_("Message identifier"), "subject": N_("Subject"), "received_lines": N_("Received lines"),
    "additional_header_fields": N_("Other headers"), "body": N_("Text"), "body_multipart": N_("Parts"),
    "raw_email_ref": N_("Whole message"), "size": N_("Size in bytes"), "name_enc": N_("Encoding of the name"),
    "magic_number_hex": N_("Magic number"), "parent_directory_ref": N_("Directory"), "content_ref": N_("Content"),
    "start": N_("Began"), "end": N_("Ended"), "is_active": N_("Active"), "src_ref": N_("From"), "dst_ref": N_("To"),
    "src_port": N_("From port"), "dst_port": N_("To port"), "protocols": N_("Protocols"), "src_byte_count":
    N_("Bytes sent"), "dst_byte_count": N_("Bytes received"), "src_packets": N_("Packets sent"), "dst_packets":
    N_("Packets received"), "ipfix": N_("IPFIX"), "src_payload_ref": N_("What was sent"), "dst_payload_ref":
    N_("What was received"), "encapsulates_refs": N_("Carries"), "encapsulated_by_ref": N_("Carried by"),
    "is_hidden": N_("Hidden"), "pid": N_("Process number"), "created_time": N_("Began"), "cwd": N_("Working directory"),
    "command_line": N_("Command line"), "environment_variables": N_("Environment"), "opened_connection_refs":
    N_("Connections"), "creator_user_ref": N_("User"), "image_ref": N_("Program"), "parent_ref": N_("Parent"),
    "child_refs": N_("Children"), "cpe": N_("CPE"), "swid": N_("SWID"), "languages": N_("Languages"),
    "vendor": N_("Vendor"), "user_id": N_("User identifier"), "credential": N_("Credential"), "account_login":
    N_("Login"), "account_type": N_("Kind of account"), "is_service_account": N_("Service account"),
    "is_privileged": N_("Privileged"), "can_escalate_privs": N_("Can become privileged"), "is_disabled": N_("Disabled"),
    "account_created": N_("Account created"), "account_expires": N_("Account ends"), "credential_last_changed":
    N_("Credential changed"), "account_first_login": N_("First login"), "account_last_login": N_("Last login"),
    "key": N_("Key"), "values": N_("Values"), "modified_time": N_("Modified"), "number_of_subkeys": N_("Subkeys"),
    "is_self_signed": N_("Self-signed"), "serial_number": N_("Serial number"), "signature_algorithm": N_("Signature"),
    "issuer": N_("Issuer"), "validity_not_before": N_("Valid from"), "validity_not_after": N_("Valid until"),
    "subject_public_key_algorithm": N_("Public key algorithm"), "subject_public_key_modulus": N_("Modulus"),
    "subject_public_key_exponent": N_("Exponent"), "x509_v3_extensions": N_("Extensions of the certificate"),
    "party_refs": N_("Parties"), "purposes": N_("Purposes"), "topics": N_("Topics"), "ceiling": N_("Ceiling"),
    "onward": N_("Onward"), "dialogue_ref": N_("Dialogue"), "four_eyes": N_("Two persons for each release"),
    "meetings": N_("Meetings"), "place": N_("Place"), "title": N_("Title"), "originator_ref": N_("Originator"),
    "agreement_ref": N_("Agreement"), "reason": N_("Reason"), "deadline": N_("To be answered until"),
    "replaced_by_refs": N_("Replaced by"), "response": N_("Answer"), "passed_on": N_("Passed on to"),
    "recall_ref": N_("Recall"), "alias": N_("Alias"), "kind": N_("Kind"), "releasable_to": N_("Releasable to"),
    "expires": N_("Ends"), "attribution": N_("Naming of the source"), "text": N_("Text"),
    "address": N_("Address"), "network": N_("Network"), "hash": N_("Transaction"),
    "index": N_("Position in the transaction"), "currency": N_("Currency"), "at": N_("At"), "contract": N_("Contract"),
    "token_id": N_("Token"), "iban": N_("IBAN"), "bank_code": N_("Code of the bank"), "bic": N_("BIC"),
    "institution": N_("Institution"), "holder": N_("Holder"), "registration": N_("Registration"),
    "remote_id": N_("Remote ID"), "manufacturer": N_("Manufacturer"), "model": N_("Model"),
    "operator_id": N_("Number of the operator"), "platform": N_("Platform"), "algorithm": N_("Algorithm"),
    "media_type": N_("Media type"), "quality": N_("Quality"), "file_ref": N_("File"), "births": N_("Born"),
    "countries": N_("Countries"), "documents": N_("Documents"), "names": N_("Other names"), "script": N_("Script"),
    "registrations": N_("Registrations"), "register": N_("Register"), "content_refs": N_("Content"),
    "addressed_ref": N_("Addressed to"), "designations": N_("Designated by"), "legal_basis": N_("Legal basis"),
    "state": N_("State"), "history": N_("History"), "by_ref": N_("By"), "referral_ref": N_("Referral"),
    "reference": N_("Reference"), "source": N_("Source"),
    "determination": N_("Determination"), "investigation_status": N_("Investigation"), "impact": N_("Impact"),
}  # fmt: skip
"""Property of STIX 2.1, or of an extension of ours, to its name."""

RULES: Final = {
    "agreement": N_("not in force"), "audience": N_("not in the audience"),
    "unknown-marking": N_("marking not understood"), "unmarked": N_("no TLP"), "tlp-ceiling": N_("above the ceiling"),
    "tlp-audience": N_("not in the circle of its TLP"), "releasable-to": N_("not releasable to them"),
    "purpose": N_("other purpose"), "not-yet": N_("not yet"), "expired": N_("expired"),
    "attribution": N_("naming of the source"), "originator-community": N_("outside the originator's community"),
    "originator-consent": N_("no consent of the originator"), "personal-data": N_("personal data"),
    "no-rule": N_("no rule allows it"), "reference": N_("cannot stand without what is withheld"),
    "unused": N_("nothing that goes needs it"), "recalled": N_("recalled"),
}  # fmt: skip
"""Rules of release to what they are about, shortly."""

EVENTS: Final = {
    "created": N_("created"), "modified": N_("modified"), "added": N_("came here"), "first-seen": N_("first seen"),
    "last-seen": N_("last seen"), "valid-from": N_("valid from"), "valid-until": N_("valid until"),
    "published": N_("published"), "sighted": N_("sighted"), "mentioned": N_("mentioned"),
    "translated": N_("translated"), "act": N_("act of a person"), "released": N_("released"),
    "recalled": N_("recalled"),
}  # fmt: skip
"""Kinds of events in the time line of an object."""

ACTS: Final = {
    "request-release": N_("asked for a release"), "release": N_("released"), "release-failed": N_("a release failed"),
    "refuse-release": N_("refused a release"), "approve-standing": N_("approved a standing rule"),
    "mark": N_("marked"), "sight": N_("sighted"), "recall": N_("recalled"), "withdraw-recall": N_("took a recall back"),
    "answer-recall": N_("answered a recall"), "dismiss-recall": N_("dismissed a recall"),
    "recall-received": N_("a recall arrived"), "recall-answered": N_("a recall was answered"),
    "recall-withdrawn": N_("a recall was taken back"), "retention": N_("its time was over"),
    "stop": N_("stopped a rule or a request"),
}  # fmt: skip
"""Acts on an object; others are shown by their own name."""


def parts_in_words(paths: Iterable[str], gettext: Callable[[str], str]) -> str:
    """What parts of an object are called, each once, with how many there are where it is several.

    >>> parts_in_words(["object_refs.[0]", "object_refs.[3]", "description"], str)
    'Objects (2), Description'
    """
    found = Counter(path.partition(".")[0] for path in paths)
    labels = Counter[str]()
    for name, count in found.items():
        labels[property_label(name, gettext)] += count
    return ", ".join(f"{label} ({count})" if count > 1 else label for label, count in labels.items())


def property_label(name: str, gettext: Callable[[str], str]) -> str:
    """What a property is called; one that nobody knows is called by itself."""
    known = PROPERTIES.get(name)
    return name if known is None else gettext(known)
