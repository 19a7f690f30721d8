"""How a route is declared: its path, its group in the documentation, and who may use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from titian.core.people import Permission
from titian.web.api.caller import Needs

Declared = Callable[[Callable[..., Any]], HTTPRouteHandler]
NEEDS = "needs"
"""Under which name a handler's ``opt`` says who may use it."""


def reads(path: str, group: str, needs: Needs = Needs(), **how: Any) -> Declared:  # noqa: B008 (frozen)
    """A route that changes nothing."""
    return get(path, tags=[group], opt={NEEDS: needs}, **({"sync_to_thread": True} | how))


def acts(path: str, group: str, needs: Needs, *, status: int = 200, **how: Any) -> Declared:
    """A route that does something."""
    return post(path, tags=[group], opt={NEEDS: needs}, sync_to_thread=True, status_code=status, **how)


def removes(path: str, group: str, needs: Needs, **how: Any) -> Declared:
    """A route that takes something away."""
    return delete(path, tags=[group], opt={NEEDS: needs}, sync_to_thread=True, status_code=200, **how)


def person(permission: Permission) -> Needs:
    """Only a person with this permission."""
    return Needs(permission=permission, person=True)


def also(kind: Any, description: str) -> ResponseSpec:
    """Another answer of a route."""
    return ResponseSpec(data_container=kind, description=description, generate_examples=False)
