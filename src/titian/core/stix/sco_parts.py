"""The types inside observables, and the extensions that STIX 2.1 section 6 predefines."""

from __future__ import annotations

from typing import Annotated

from titian.core.stix.common import Dictionary, Hashes, Part, Texts
from titian.core.stix.object_rules import at_least_one
from titian.core.stix.rules import (
    DICTIONARY_KEY,
    HEX,
    IDENTIFIER,
    NOT_NEGATIVE,
    SECONDS,
    each,
    one_of,
    refers_to,
)
from titian.core.stix.timestamp import Timestamp

Hex = Annotated[str, HEX]
Count = Annotated[int, NOT_NEGATIVE]
FileRefs = Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("file"))]
FileOrDirectoryRefs = Annotated[tuple[str, ...], each(IDENTIFIER), each(refers_to("file", "directory"))]
ArtifactRef = Annotated[str, IDENTIFIER, refers_to("artifact")]
TextDictionary = Annotated[dict[str, str], DICTIONARY_KEY]
HeaderFields = Annotated[dict[str, str | tuple[str, ...]], DICTIONARY_KEY]
NumberOrTextDictionary = Annotated[dict[str, int | str], DICTIONARY_KEY]


class EmailMimePart(Part, frozen=True, kw_only=True):
    """One component of a multi-part body (STIX 2.1 section 6.6.2)."""

    CLAUSE = "6.6.2"
    RULES = (at_least_one("body", "body_raw_ref", clause="6.6.2"),)

    body: str | None = None
    body_raw_ref: Annotated[str, IDENTIFIER, refers_to("artifact", "file")] | None = None
    content_type: str | None = None
    content_disposition: str | None = None


class ArchiveExtension(Part, frozen=True, kw_only=True):
    """archive-ext (STIX 2.1 section 6.7.2)."""

    CLAUSE = "6.7.2"

    contains_refs: FileOrDirectoryRefs
    comment: str | None = None


class AlternateDataStream(Part, frozen=True, kw_only=True):
    """An NTFS alternate data stream (STIX 2.1 section 6.7.3)."""

    CLAUSE = "6.7.3"

    name: str
    hashes: Hashes | None = None
    size: Count | None = None


class NtfsExtension(Part, frozen=True, kw_only=True):
    """ntfs-ext (STIX 2.1 section 6.7.3)."""

    CLAUSE = "6.7.3"
    RULES = (at_least_one("sid", "alternate_data_streams", clause="6.7.3"),)

    sid: str | None = None
    alternate_data_streams: tuple[AlternateDataStream, ...] | None = None


class PdfExtension(Part, frozen=True, kw_only=True):
    """pdf-ext (STIX 2.1 section 6.7.4)."""

    CLAUSE = "6.7.4"
    RULES = (at_least_one("version", "is_optimized", "document_info_dict", "pdfid0", "pdfid1", clause="6.7.4"),)

    version: str | None = None
    is_optimized: bool | None = None
    document_info_dict: TextDictionary | None = None
    pdfid0: str | None = None
    pdfid1: str | None = None


class RasterImageExtension(Part, frozen=True, kw_only=True):
    """raster-image-ext (STIX 2.1 section 6.7.5)."""

    CLAUSE = "6.7.5"
    RULES = (at_least_one("image_height", "image_width", "bits_per_pixel", "exif_tags", clause="6.7.5"),)

    image_height: int | None = None
    image_width: int | None = None
    bits_per_pixel: int | None = None
    exif_tags: NumberOrTextDictionary | None = None


_PE_SIZES = (
    "size_of_code size_of_initialized_data size_of_uninitialized_data size_of_image size_of_headers "
    "size_of_stack_reserve size_of_stack_commit size_of_heap_reserve size_of_heap_commit"
)
_PE_NUMBERS = (
    "major_linker_version minor_linker_version address_of_entry_point base_of_code base_of_data image_base "
    "section_alignment file_alignment major_os_version minor_os_version major_image_version "
    "minor_image_version major_subsystem_version minor_subsystem_version number_of_rva_and_sizes"
)
_PE_HEXES = "magic_hex win32_version_value_hex checksum_hex subsystem_hex dll_characteristics_hex loader_flags_hex"


class WindowsPeOptionalHeader(Part, frozen=True, kw_only=True):
    """The optional header of a portable executable (STIX 2.1 section 6.7.6)."""

    CLAUSE = "6.7.6"
    RULES = (at_least_one(*_PE_SIZES.split(), *_PE_NUMBERS.split(), *_PE_HEXES.split(), "hashes", clause="6.7.6"),)

    magic_hex: Hex | None = None
    major_linker_version: int | None = None
    minor_linker_version: int | None = None
    size_of_code: Count | None = None
    size_of_initialized_data: Count | None = None
    size_of_uninitialized_data: Count | None = None
    address_of_entry_point: int | None = None
    base_of_code: int | None = None
    base_of_data: int | None = None
    image_base: int | None = None
    section_alignment: int | None = None
    file_alignment: int | None = None
    major_os_version: int | None = None
    minor_os_version: int | None = None
    major_image_version: int | None = None
    minor_image_version: int | None = None
    major_subsystem_version: int | None = None
    minor_subsystem_version: int | None = None
    win32_version_value_hex: Hex | None = None
    size_of_image: Count | None = None
    size_of_headers: Count | None = None
    checksum_hex: Hex | None = None
    subsystem_hex: Hex | None = None
    dll_characteristics_hex: Hex | None = None
    size_of_stack_reserve: Count | None = None
    size_of_stack_commit: Count | None = None
    size_of_heap_reserve: Count | None = None
    size_of_heap_commit: Count | None = None
    loader_flags_hex: Hex | None = None
    number_of_rva_and_sizes: int | None = None
    hashes: Hashes | None = None


class WindowsPeSection(Part, frozen=True, kw_only=True):
    """A section of a portable executable (STIX 2.1 section 6.7.6)."""

    CLAUSE = "6.7.6"

    name: str
    size: Count | None = None
    entropy: float | None = None
    hashes: Hashes | None = None


class WindowsPeBinaryExtension(Part, frozen=True, kw_only=True):
    """windows-pebinary-ext (STIX 2.1 section 6.7.6)."""

    CLAUSE = "6.7.6"
    RULES = (
        at_least_one(
            "imphash",
            "machine_hex",
            "number_of_sections",
            "time_date_stamp",
            "pointer_to_symbol_table_hex",
            "number_of_symbols",
            "size_of_optional_header",
            "characteristics_hex",
            "file_header_hashes",
            "optional_header",
            "sections",
            clause="6.7.6",
        ),
    )

    pe_type: str
    imphash: str | None = None
    machine_hex: Hex | None = None
    number_of_sections: Count | None = None
    time_date_stamp: Annotated[Timestamp, SECONDS] | None = None
    pointer_to_symbol_table_hex: Hex | None = None
    number_of_symbols: Count | None = None
    size_of_optional_header: Count | None = None
    characteristics_hex: Hex | None = None
    file_header_hashes: Hashes | None = None
    optional_header: WindowsPeOptionalHeader | None = None
    sections: tuple[WindowsPeSection, ...] | None = None


class HttpRequestExtension(Part, frozen=True, kw_only=True):
    """http-request-ext (STIX 2.1 section 6.12.2)."""

    CLAUSE = "6.12.2"

    request_method: str
    request_value: str
    request_version: str | None = None
    request_header: HeaderFields | None = None
    message_body_length: int | None = None
    message_body_data_ref: ArtifactRef | None = None


class IcmpExtension(Part, frozen=True, kw_only=True):
    """icmp-ext (STIX 2.1 section 6.12.3)."""

    CLAUSE = "6.12.3"

    icmp_type_hex: Hex
    icmp_code_hex: Hex


class SocketExtension(Part, frozen=True, kw_only=True):
    """socket-ext (STIX 2.1 section 6.12.4)."""

    CLAUSE = "6.12.4"

    address_family: Annotated[str, one_of("network-socket-address-family-enum")]
    is_blocking: bool | None = None
    is_listening: bool | None = None
    options: Annotated[dict[str, int], DICTIONARY_KEY] | None = None
    socket_type: Annotated[str, one_of("network-socket-type-enum")] | None = None
    socket_descriptor: Count | None = None
    socket_handle: int | None = None


class TcpExtension(Part, frozen=True, kw_only=True):
    """tcp-ext (STIX 2.1 section 6.12.5)."""

    CLAUSE = "6.12.5"
    RULES = (at_least_one("src_flags_hex", "dst_flags_hex", clause="6.12.5"),)

    src_flags_hex: Hex | None = None
    dst_flags_hex: Hex | None = None


class WindowsProcessExtension(Part, frozen=True, kw_only=True):
    """windows-process-ext (STIX 2.1 section 6.13.2)."""

    CLAUSE = "6.13.2"
    RULES = (
        at_least_one(
            "aslr_enabled",
            "dep_enabled",
            "priority",
            "owner_sid",
            "window_title",
            "windows_title",
            "startup_info",
            "integrity_level",
            clause="6.13.2",
        ),
    )

    aslr_enabled: bool | None = None
    dep_enabled: bool | None = None
    priority: str | None = None
    owner_sid: str | None = None
    window_title: str | None = None
    # The errata of 2025 spell it so; both are read.
    windows_title: str | None = None
    startup_info: Dictionary | None = None
    integrity_level: Annotated[str, one_of("windows-integrity-level-enum")] | None = None


class WindowsServiceExtension(Part, frozen=True, kw_only=True):
    """windows-service-ext (STIX 2.1 section 6.13.3)."""

    CLAUSE = "6.13.3"
    RULES = (
        at_least_one(
            "service_name",
            "descriptions",
            "display_name",
            "group_name",
            "start_type",
            "service_dll_refs",
            "service_type",
            "service_status",
            clause="6.13.3",
        ),
    )

    service_name: str | None = None
    descriptions: Texts | None = None
    display_name: str | None = None
    group_name: str | None = None
    start_type: Annotated[str, one_of("windows-service-start-type-enum")] | None = None
    service_dll_refs: FileRefs | None = None
    service_type: Annotated[str, one_of("windows-service-type-enum")] | None = None
    service_status: Annotated[str, one_of("windows-service-status-enum")] | None = None


class UnixAccountExtension(Part, frozen=True, kw_only=True):
    """unix-account-ext (STIX 2.1 section 6.16.2)."""

    CLAUSE = "6.16.2"
    RULES = (at_least_one("gid", "groups", "home_dir", "shell", clause="6.16.2"),)

    gid: int | None = None
    groups: Texts | None = None
    home_dir: str | None = None
    shell: str | None = None


class WindowsRegistryValue(Part, frozen=True, kw_only=True):
    """A value of a registry key (STIX 2.1 section 6.17.2)."""

    CLAUSE = "6.17.2"
    RULES = (at_least_one("name", "data", "data_type", clause="6.17.2"),)

    name: str | None = None
    data: str | None = None
    data_type: Annotated[str, one_of("windows-registry-datatype-enum")] | None = None


_X509_TEXTS = (
    "basic_constraints name_constraints policy_constraints key_usage extended_key_usage "
    "subject_key_identifier authority_key_identifier subject_alternative_name issuer_alternative_name "
    "subject_directory_attributes crl_distribution_points inhibit_any_policy certificate_policies "
    "policy_mappings"
)


class X509V3Extensions(Part, frozen=True, kw_only=True):
    """The X.509 v3 extensions of a certificate; not a STIX extension (STIX 2.1 section 6.18.2)."""

    CLAUSE = "6.18.2"
    RULES = (
        at_least_one(
            *_X509_TEXTS.split(),
            "private_key_usage_period_not_before",
            "private_key_usage_period_not_after",
            clause="6.18.2",
        ),
    )

    basic_constraints: str | None = None
    name_constraints: str | None = None
    policy_constraints: str | None = None
    key_usage: str | None = None
    extended_key_usage: str | None = None
    subject_key_identifier: str | None = None
    authority_key_identifier: str | None = None
    subject_alternative_name: str | None = None
    issuer_alternative_name: str | None = None
    subject_directory_attributes: str | None = None
    crl_distribution_points: str | None = None
    inhibit_any_policy: str | None = None
    private_key_usage_period_not_before: Timestamp | None = None
    private_key_usage_period_not_after: Timestamp | None = None
    certificate_policies: str | None = None
    policy_mappings: str | None = None
