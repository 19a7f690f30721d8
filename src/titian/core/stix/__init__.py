"""STIX 2.1: typed objects, identifiers, timestamps, vocabularies, and the rules of the specification.

Structs are for reading. The bytes of an object, as received, are what is stored and served.
"""

from titian.core.stix.examination import Examined, Violation, examine
from titian.core.stix.identifier import canonical_json, is_identifier, is_type_name, new_id, observable_id
from titian.core.stix.json_text import same_content
from titian.core.stix.rulebook import RuleDescription, describe_rules
from titian.core.stix.timestamp import Timestamp
from titian.core.stix.translation import mirror_errors
from titian.core.stix.vocabulary import META_TYPES, SCO_TYPES, SDO_TYPES, SRO_TYPES

__all__ = [
    "META_TYPES",
    "SCO_TYPES",
    "SDO_TYPES",
    "SRO_TYPES",
    "Examined",
    "RuleDescription",
    "Timestamp",
    "Violation",
    "canonical_json",
    "describe_rules",
    "examine",
    "is_identifier",
    "is_type_name",
    "mirror_errors",
    "new_id",
    "observable_id",
    "same_content",
]
