"""What screening is handed: a log of what is held."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from titian.core.screening import Batch, HeldObject, Scope
from titian.core.search import Viewer


class Log(Protocol):
    """What is held, as far as a viewer sees it."""

    def scopes(self, viewer: Viewer) -> Sequence[Scope]:
        """What a viewer's questions are answered from, and where the logs of each end now."""
        ...

    def since(self, scope: int, upto: Mapping[str, int], most: int) -> Batch:
        """What came into a scope behind ``upto``, about ``most`` objects of it."""
        ...

    def held(self, viewer: Viewer, numbers: Collection[int]) -> Mapping[int, HeldObject]:
        """What the viewer sees now of some objects, by their numbers."""
        ...
