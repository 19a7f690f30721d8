"""Pages of lists: a signed cursor says where the next one begins, for the same question by the same caller."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from litestar.di import NamedDependency
from litestar.params import Parameter
from msgspec import Meta

from titian.core.errors import InvalidFilter
from titian.web.api.caller import CALLER
from titian.web.console.guard import AnyRequest

T = TypeVar("T")
U = TypeVar("U")
MOST: Final = 200
_SIGNATURE: Final = 16

Limit = Annotated[int, Parameter(ge=1, le=MOST, description=f"Items on a page: 1 to {MOST}.")]
After = Annotated[
    str | None,
    Parameter(max_length=8000, description="The `next` of the page before, with the same parameters otherwise."),
]


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page. ``next`` is null on the last."""

    items: list[T]
    next: Annotated[str | None, Meta(description="Send it as `after` for the next page; null on the last.")] = None


class Cursors:
    """Make and read cursors: stateless, signed, and bound to who asks and for what."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(b"titian api cursor" + secret).digest()

    def make(self, value: str, bound_to: Sequence[str]) -> str:
        """A cursor that stands for a value."""
        raw = value.encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(self._sign(raw, bound_to) + raw).decode().rstrip("=")

    def read(self, cursor: str, bound_to: Sequence[str]) -> str:
        """The value. Raises :class:`InvalidFilter` for a cursor that was made for another question."""
        try:
            data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        signature, raw = data[:_SIGNATURE], data[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._sign(raw, bound_to)):
            raise InvalidFilter(
                "The value of after was not made for this request.",
                advice="Send it with the parameters of the first request, or begin again without it.",
            )
        return raw.decode("utf-8", "surrogatepass")

    def _sign(self, raw: bytes, bound_to: Sequence[str]) -> bytes:
        parts = [one.encode("utf-8", "replace") for one in bound_to]
        message = b"".join(len(one).to_bytes(4, "big") + one for one in (raw, *parts))
        return hmac.digest(self._key, message, "sha256")[:_SIGNATURE]


class Paging(msgspec.Struct, frozen=True):
    """Where a page begins and how long it is. ``begin`` is the value of the cursor, empty for the first page."""

    limit: int
    begin: str
    bound_to: tuple[str, ...]
    cursors: Cursors

    def page(self, items: Iterable[T], following: str | None) -> Page[T]:
        """A page of what was read so; ``following`` is where the next begins, empty or None on the last."""
        return Page(items=list(items), next=self.cursors.make(following, self.bound_to) if following else None)

    def cut(self, items: Iterable[T], key: Callable[[T], Sequence[Any]], *, newest_first: bool = False) -> list[T]:
        """What of a list lies on this page, and one more where there is one; ``key`` orders it, and is unique."""
        ordered = sorted(items, key=lambda one: list(key(one)), reverse=newest_first)
        if self.begin:
            after = msgspec.json.decode(self.begin, type=list[Any])
            behind = [list(key(one)) < after if newest_first else list(key(one)) > after for one in ordered]
            ordered = [one for one, is_behind in zip(ordered, behind, strict=True) if is_behind]
        return ordered[: self.limit + 1]

    def listed(
        self, items: Iterable[T], key: Callable[[T], Sequence[Any]], show: Callable[[T], U], *,
        newest_first: bool = False,
    ) -> Page[U]:  # fmt: skip
        """A page of a list that is at hand as a whole."""
        found = self.cut(items, key, newest_first=newest_first)
        more = len(found) > self.limit
        found = found[: self.limit]
        last = msgspec.json.encode(list(key(found[-1]))).decode() if more else None
        return self.page((show(one) for one in found), last)


Paged = NamedDependency[Paging]
"""How a handler asks for its paging."""


def paging_for(secret: bytes) -> Callable[..., Paging]:
    """What provides the paging of a request."""
    cursors = Cursors(secret)

    def provide_paging(request: AnyRequest, limit: Limit = 50, after: After = None) -> Paging:
        caller = request.scope["state"][CALLER]
        asked = sorted((name, value) for name, value in request.query_params.multi_items()
                       if name not in {"limit", "after"})  # fmt: skip
        bound_to = (caller.actor.id, request.scope["path"], repr(asked))
        return Paging(limit, "" if not after else cursors.read(after, bound_to), bound_to, cursors)

    return provide_paging
