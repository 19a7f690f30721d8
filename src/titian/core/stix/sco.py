"""STIX Cyber-observable Objects (STIX 2.1 section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from titian.core.stix.common import Hashes, Identifiers, PartType, StixObject, Texts
from titian.core.stix.object_rules import (
    NOT_ACTIVE_AFTER_END,
    at_least_one,
    in_order,
    needs,
    not_both,
    only_if,
)
from titian.core.stix.observable_rules import (
    DOMAIN_NAME_FORM,
    EMAIL_ADDRESS_FORM,
    IPV4_FORM,
    IPV6_FORM,
    URL_FORM,
    random_id,
    versioned_observable,
)
from titian.core.stix.rules import (
    BINARY,
    CPE,
    IDENTIFIER,
    LANGUAGE,
    MAC_ADDRESS,
    REGISTRY_KEY,
    SPEC_VERSION,
    between,
    each,
    one_of,
    refers_to,
)
from titian.core.stix.sco_parts import (
    ArchiveExtension,
    ArtifactRef,
    Count,
    EmailMimePart,
    FileOrDirectoryRefs,
    HeaderFields,
    Hex,
    HttpRequestExtension,
    IcmpExtension,
    NtfsExtension,
    NumberOrTextDictionary,
    PdfExtension,
    RasterImageExtension,
    SocketExtension,
    TcpExtension,
    TextDictionary,
    UnixAccountExtension,
    WindowsPeBinaryExtension,
    WindowsProcessExtension,
    WindowsRegistryValue,
    WindowsServiceExtension,
    X509V3Extensions,
)
from titian.core.stix.timestamp import Timestamp

EmailAddressRef = Annotated[str, IDENTIFIER, refers_to("email-addr")]
EmailAddressRefs = Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("email-addr"))]
UserRef = Annotated[str, IDENTIFIER, refers_to("user-account")]
DirectoryRef = Annotated[str, IDENTIFIER, refers_to("directory")]
MacAddressRefs = Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("mac-addr"))]
AsRefs = Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("autonomous-system"))]
TrafficRef = Annotated[str, IDENTIFIER, refers_to("network-traffic")]
TrafficRefs = Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("network-traffic"))]
EndpointRef = Annotated[str, IDENTIFIER, refers_to("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name")]
Port = Annotated[int, between(0, 65_535)]
_RESOLVED = refers_to("ipv4-addr", "ipv6-addr", "domain-name")
_PROCESS = refers_to("process")


class Observable(StixObject, frozen=True, kw_only=True):
    """What all observables share; alone, the header of a custom one (STIX 2.1 section 3.2)."""

    spec_version: Annotated[str, SPEC_VERSION] | None = None
    defanged: bool | None = None


class Artifact(Observable, frozen=True, kw_only=True, tag="artifact"):
    """Bytes, or where to find them (STIX 2.1 section 6.1)."""

    CLAUSE = "6.1"
    RULES = (
        at_least_one("payload_bin", "url", clause="6.1"),
        not_both("payload_bin", "url", clause="6.1"),
        needs("url", "hashes", clause="6.1"),
        needs("decryption_key", "encryption_algorithm", clause="6.1"),
        versioned_observable("artifact"),
        random_id("artifact"),
    )

    mime_type: str | None = None
    payload_bin: Annotated[str, BINARY] | None = None
    url: str | None = None
    hashes: Hashes | None = None
    encryption_algorithm: Annotated[str, one_of("encryption-algorithm-enum")] | None = None
    decryption_key: str | None = None


class AutonomousSystem(Observable, frozen=True, kw_only=True, tag="autonomous-system"):
    """An autonomous system of the internet (STIX 2.1 section 6.2)."""

    CLAUSE = "6.2"
    RULES = (versioned_observable("autonomous-system"),)

    number: int
    name: str | None = None
    rir: str | None = None


class Directory(Observable, frozen=True, kw_only=True, tag="directory"):
    """A directory of a file system (STIX 2.1 section 6.3)."""

    CLAUSE = "6.3"
    RULES = (needs("path_enc", "path", clause="3.1"), versioned_observable("directory"))

    path: str
    path_enc: str | None = None
    ctime: Timestamp | None = None
    mtime: Timestamp | None = None
    atime: Timestamp | None = None
    contains_refs: FileOrDirectoryRefs | None = None


class DomainName(Observable, frozen=True, kw_only=True, tag="domain-name"):
    """A domain name (STIX 2.1 section 6.4)."""

    CLAUSE = "6.4"
    RULES = (DOMAIN_NAME_FORM, versioned_observable("domain-name"))

    value: str
    resolves_to_refs: Annotated[tuple[str, ...], each(IDENTIFIER), each(_RESOLVED)] | None = None


class EmailAddress(Observable, frozen=True, kw_only=True, tag="email-addr"):
    """An e-mail address (STIX 2.1 section 6.5)."""

    CLAUSE = "6.5"
    RULES = (EMAIL_ADDRESS_FORM, versioned_observable("email-addr"))

    value: str
    display_name: str | None = None
    belongs_to_ref: UserRef | None = None


class EmailMessage(Observable, frozen=True, kw_only=True, tag="email-message"):
    """An e-mail message (STIX 2.1 section 6.6)."""

    CLAUSE = "6.6"
    RULES = (
        only_if("body", "is_multipart", False, clause="6.6"),
        only_if("body_multipart", "is_multipart", True, clause="6.6"),
        versioned_observable("email-message"),
        random_id("email-message"),
    )

    is_multipart: bool
    date: Timestamp | None = None
    content_type: str | None = None
    from_ref: EmailAddressRef | None = None
    sender_ref: EmailAddressRef | None = None
    to_refs: EmailAddressRefs | None = None
    cc_refs: EmailAddressRefs | None = None
    bcc_refs: EmailAddressRefs | None = None
    message_id: str | None = None
    subject: str | None = None
    received_lines: Texts | None = None
    additional_header_fields: HeaderFields | None = None
    body: str | None = None
    body_multipart: tuple[EmailMimePart, ...] | None = None
    raw_email_ref: ArtifactRef | None = None


class File(Observable, frozen=True, kw_only=True, tag="file"):
    """A file (STIX 2.1 section 6.7)."""

    CLAUSE = "6.7"
    RULES = (
        at_least_one("hashes", "name", clause="6.7"),
        needs("name_enc", "name", clause="3.1"),
        versioned_observable("file"),
    )
    EXTENSIONS: ClassVar[Mapping[str, PartType]] = {
        "archive-ext": ArchiveExtension,
        "ntfs-ext": NtfsExtension,
        "pdf-ext": PdfExtension,
        "raster-image-ext": RasterImageExtension,
        "windows-pebinary-ext": WindowsPeBinaryExtension,
    }

    hashes: Hashes | None = None
    size: Count | None = None
    name: str | None = None
    name_enc: str | None = None
    magic_number_hex: Hex | None = None
    mime_type: str | None = None
    ctime: Timestamp | None = None
    mtime: Timestamp | None = None
    atime: Timestamp | None = None
    parent_directory_ref: DirectoryRef | None = None
    contains_refs: Identifiers | None = None
    content_ref: ArtifactRef | None = None


class IPv4Address(Observable, frozen=True, kw_only=True, tag="ipv4-addr"):
    """One or more IPv4 addresses in CIDR notation (STIX 2.1 section 6.8)."""

    CLAUSE = "6.8"
    RULES = (IPV4_FORM, versioned_observable("ipv4-addr"))

    value: str
    resolves_to_refs: MacAddressRefs | None = None
    belongs_to_refs: AsRefs | None = None


class IPv6Address(Observable, frozen=True, kw_only=True, tag="ipv6-addr"):
    """One or more IPv6 addresses in CIDR notation (STIX 2.1 section 6.9)."""

    CLAUSE = "6.9"
    RULES = (IPV6_FORM, versioned_observable("ipv6-addr"))

    value: str
    resolves_to_refs: MacAddressRefs | None = None
    belongs_to_refs: AsRefs | None = None


class MacAddress(Observable, frozen=True, kw_only=True, tag="mac-addr"):
    """A MAC address (STIX 2.1 section 6.10)."""

    CLAUSE = "6.10"
    RULES = (versioned_observable("mac-addr"),)

    value: Annotated[str, MAC_ADDRESS]


class Mutex(Observable, frozen=True, kw_only=True, tag="mutex"):
    """A mutual exclusion object (STIX 2.1 section 6.11)."""

    CLAUSE = "6.11"
    RULES = (versioned_observable("mutex"),)

    name: str


class NetworkTraffic(Observable, frozen=True, kw_only=True, tag="network-traffic"):
    """Traffic from a source to a destination (STIX 2.1 section 6.12)."""

    CLAUSE = "6.12"
    RULES = (
        at_least_one("src_ref", "dst_ref", clause="6.12"),
        in_order("start", "end", clause="6.12"),
        NOT_ACTIVE_AFTER_END,
        versioned_observable("network-traffic"),
    )
    EXTENSIONS: ClassVar[Mapping[str, PartType]] = {
        "http-request-ext": HttpRequestExtension,
        "icmp-ext": IcmpExtension,
        "socket-ext": SocketExtension,
        "tcp-ext": TcpExtension,
    }

    protocols: Texts
    start: Timestamp | None = None
    end: Timestamp | None = None
    is_active: bool | None = None
    src_ref: EndpointRef | None = None
    dst_ref: EndpointRef | None = None
    src_port: Port | None = None
    dst_port: Port | None = None
    src_byte_count: Count | None = None
    dst_byte_count: Count | None = None
    src_packets: Count | None = None
    dst_packets: Count | None = None
    ipfix: NumberOrTextDictionary | None = None
    src_payload_ref: ArtifactRef | None = None
    dst_payload_ref: ArtifactRef | None = None
    encapsulates_refs: TrafficRefs | None = None
    encapsulated_by_ref: TrafficRef | None = None


class Process(Observable, frozen=True, kw_only=True, tag="process"):
    """A program in execution (STIX 2.1 section 6.13)."""

    CLAUSE = "6.13"
    RULES = (
        at_least_one(
            "is_hidden",
            "pid",
            "created_time",
            "cwd",
            "command_line",
            "environment_variables",
            "opened_connection_refs",
            "creator_user_ref",
            "image_ref",
            "parent_ref",
            "child_refs",
            "extensions",
            clause="6.13",
        ),
        random_id("process"),
    )
    EXTENSIONS: ClassVar[Mapping[str, PartType]] = {
        "windows-process-ext": WindowsProcessExtension,
        "windows-service-ext": WindowsServiceExtension,
    }

    is_hidden: bool | None = None
    pid: int | None = None
    created_time: Timestamp | None = None
    cwd: str | None = None
    command_line: str | None = None
    environment_variables: TextDictionary | None = None
    opened_connection_refs: TrafficRefs | None = None
    creator_user_ref: UserRef | None = None
    image_ref: Annotated[str, IDENTIFIER, refers_to("file")] | None = None
    parent_ref: Annotated[str, IDENTIFIER, _PROCESS] | None = None
    child_refs: Annotated[tuple[str, ...], each(IDENTIFIER), each(_PROCESS)] | None = None


class Software(Observable, frozen=True, kw_only=True, tag="software"):
    """A software product (STIX 2.1 section 6.14)."""

    CLAUSE = "6.14"
    RULES = (versioned_observable("software"),)

    name: str
    cpe: Annotated[str, CPE] | None = None
    swid: str | None = None
    languages: Annotated[tuple[str, ...], each(LANGUAGE)] | None = None
    vendor: str | None = None
    version: str | None = None


class Url(Observable, frozen=True, kw_only=True, tag="url"):
    """A uniform resource locator (STIX 2.1 section 6.15)."""

    CLAUSE = "6.15"
    RULES = (URL_FORM, versioned_observable("url"))

    value: str


class UserAccount(Observable, frozen=True, kw_only=True, tag="user-account"):
    """An account of a person, system or service (STIX 2.1 section 6.16)."""

    CLAUSE = "6.16"
    RULES = (
        at_least_one(
            "user_id",
            "credential",
            "account_login",
            "account_type",
            "display_name",
            "is_service_account",
            "is_privileged",
            "can_escalate_privs",
            "is_disabled",
            "account_created",
            "account_expires",
            "credential_last_changed",
            "account_first_login",
            "account_last_login",
            "extensions",
            clause="6.16",
        ),
        versioned_observable("user-account"),
        random_id("user-account"),
    )
    EXTENSIONS: ClassVar[Mapping[str, PartType]] = {"unix-account-ext": UnixAccountExtension}

    user_id: str | None = None
    credential: str | None = None
    account_login: str | None = None
    account_type: str | None = None
    display_name: str | None = None
    is_service_account: bool | None = None
    is_privileged: bool | None = None
    can_escalate_privs: bool | None = None
    is_disabled: bool | None = None
    account_created: Timestamp | None = None
    account_expires: Timestamp | None = None
    credential_last_changed: Timestamp | None = None
    account_first_login: Timestamp | None = None
    account_last_login: Timestamp | None = None


class WindowsRegistryKey(Observable, frozen=True, kw_only=True, tag="windows-registry-key"):
    """A key of the Windows registry (STIX 2.1 section 6.17)."""

    CLAUSE = "6.17"
    RULES = (
        at_least_one("key", "values", "modified_time", "creator_user_ref", "number_of_subkeys", clause="6.17"),
        versioned_observable("windows-registry-key"),
        random_id("windows-registry-key"),
    )

    key: Annotated[str, REGISTRY_KEY] | None = None
    values: tuple[WindowsRegistryValue, ...] | None = None
    modified_time: Timestamp | None = None
    creator_user_ref: UserRef | None = None
    number_of_subkeys: int | None = None


class X509Certificate(Observable, frozen=True, kw_only=True, tag="x509-certificate"):
    """An X.509 certificate (STIX 2.1 section 6.18)."""

    CLAUSE = "6.18"
    RULES = (
        at_least_one(
            "is_self_signed",
            "hashes",
            "version",
            "serial_number",
            "signature_algorithm",
            "issuer",
            "validity_not_before",
            "validity_not_after",
            "subject",
            "subject_public_key_algorithm",
            "subject_public_key_modulus",
            "subject_public_key_exponent",
            "x509_v3_extensions",
            clause="6.18",
        ),
        versioned_observable("x509-certificate"),
        random_id("x509-certificate"),
    )

    is_self_signed: bool | None = None
    hashes: Hashes | None = None
    version: str | None = None
    serial_number: str | None = None
    signature_algorithm: str | None = None
    issuer: str | None = None
    validity_not_before: Timestamp | None = None
    validity_not_after: Timestamp | None = None
    subject: str | None = None
    subject_public_key_algorithm: str | None = None
    subject_public_key_modulus: str | None = None
    subject_public_key_exponent: int | None = None
    x509_v3_extensions: X509V3Extensions | None = None
