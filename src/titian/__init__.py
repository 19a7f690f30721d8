"""Titian: a bridge between agencies for exchanging intelligence under agreements, with proof.

::

    import titian

    with titian.open("~/bssn") as node:
        financing = node.collections.find("Financing")
        report = node.exchange.import_files([Path("bundle.json")], financing, marking="tlp:green")

    with titian.TaxiiClient("https://taxii.example.org/", key=key) as client:
        for page in client.objects("indicators"):
            keep(page.objects)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from titian.core.access import Role
    from titian.core.collection import Collection
    from titian.core.errors import TitianError
    from titian.exchange.carry import ExportReport, ImportReport, PullReport, PushReport
    from titian.exchange.hold import HoldReport, Rejection
    from titian.node import Node
    from titian.node import open_node as open
    from titian.setup import init_node as init
    from titian.wire.taxii_client import TaxiiClient
    from titian.wire.taxii_remote import RemoteCollection

__version__: Final = "0.1.0"

__all__ = [
    "Collection",
    "ExportReport",
    "HoldReport",
    "ImportReport",
    "Node",
    "PullReport",
    "PushReport",
    "Rejection",
    "RemoteCollection",
    "Role",
    "TaxiiClient",
    "TitianError",
    "init",
    "open",
]

_HOMES: Final = {
    "Collection": "titian.core.collection:Collection",
    "ExportReport": "titian.exchange.carry:ExportReport",
    "HoldReport": "titian.exchange.hold:HoldReport",
    "ImportReport": "titian.exchange.carry:ImportReport",
    "Node": "titian.node:Node",
    "PullReport": "titian.exchange.carry:PullReport",
    "PushReport": "titian.exchange.carry:PushReport",
    "Rejection": "titian.exchange.hold:Rejection",
    "RemoteCollection": "titian.wire.taxii_remote:RemoteCollection",
    "Role": "titian.core.access:Role",
    "TaxiiClient": "titian.wire.taxii_client:TaxiiClient",
    "TitianError": "titian.core.errors:TitianError",
    "init": "titian.setup:init_node",
    "open": "titian.node:open_node",
}
"""Where each public name lives. Loaded when it is first used: the command line imports this package too, and
should not wait for what it does not need."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'titian' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
