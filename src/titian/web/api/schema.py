"""The description of the API: OpenAPI 3.1, made from the types of its handlers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from titian import __version__
from titian.core.people import permitting
from titian.web.api.administration import administration_routes
from titian.web.api.agreements import agreement_routes
from titian.web.api.arrivals import arrival_routes
from titian.web.api.caller import KEYS, Needs
from titian.web.api.jobs import job_routes
from titian.web.api.ledgers import ledger_routes
from titian.web.api.matching import matching_routes
from titian.web.api.objects import object_routes
from titian.web.api.paging import paging_for
from titian.web.api.problem import MEDIA_TYPE, Problem
from titian.web.api.recalls import recall_routes
from titian.web.api.referrals import referral_routes
from titian.web.api.releases import release_routes
from titian.web.api.route import NEEDS
from titian.web.api.screening import screening_routes
from titian.web.api.shapes import Wish

PATH: Final = "/api/v1"
_ERRORS: Final = {
    "400": "What was sent cannot be used.", "401": "Nobody is signed in, and no key was sent.",
    "403": "The caller may not do this.", "404": "There is no such thing, or none that the caller may know of.",
    "406": "Only JSON is spoken here.", "409": "It cannot be done now, or exists already.",
    "413": "The body is too large.", "415": "The body has to be JSON.", "429": "Too many requests.",
    "500": "The node failed.", "503": "The node cannot answer now.",
}  # fmt: skip
_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}


def routes() -> list[ControllerRouterHandler]:
    """Every route of the API that is described."""
    return [
        *object_routes(), *agreement_routes(), *release_routes(), *recall_routes(), *arrival_routes(),
        *referral_routes(),
        *ledger_routes(), *administration_routes(), *job_routes(), *screening_routes(),
        *matching_routes(),
    ]  # fmt: skip


def handlers() -> Iterator[tuple[str, str, Needs, HTTPRouteHandler]]:
    """Method, path, who may, and the handler of each route."""
    for handler in routes():
        assert isinstance(handler, HTTPRouteHandler), "every route answers HTTP"
        for path in sorted(handler.paths):
            for method in sorted(handler.http_methods - {"HEAD"}):
                yield str(method), f"{PATH}{path}", handler.opt[NEEDS], handler


def who_may(needs: Needs) -> str:
    """Who may use a route, in words."""
    if needs.opened:
        return "anybody"
    persons = ", ".join(str(duty) for duty in permitting(needs.permission))
    roles = [str(role.value) for role, granted in KEYS.items() if needs.permission in granted]
    if needs.inside:
        roles = [role for role in roles if role == "admin"]
    keys = "" if needs.person or not roles else f"; keys: {', '.join(roles)}"
    return f"persons: {persons}{keys}{'; keys of partners and of one collection' if needs.anyone else ''}"


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The OpenAPI document. Made once, in an application of its own: other routes have no part in it."""
    described = Litestar(
        route_handlers=[],
        path=PATH,
        openapi_config=OpenAPIConfig(
            title="Titian", version=__version__, use_handler_docstrings=True,
            description="The verbs of a Titian node, for programs. Errors are problem details (RFC 9457); lists have "
            "pages, with `next` for `after`. A browser is known by its session and sends X-CSRF-Token with changes; "
            "programs send a key as HTTP Bearer or Basic.",
        ),
        dependencies={
            "paging": Provide(paging_for(b""), sync_to_thread=False),
            # What no request ever asks for: this application only describes.
            **{name: Provide(lambda: None, sync_to_thread=False) for name in ("caller", "node", "live")},
        },
        logging_config=None,
    )  # fmt: skip
    for handler in routes():
        described.register(handler)
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(described.openapi_schema.to_schema()))
    _finish(made)
    return made


def _finish(made: dict[str, Any]) -> None:
    """Say what the types of the handlers do not: errors, who may, how to be known."""
    parts = made["components"]
    parts["schemas"]["Problem"] = _problem()
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key of this node."},
        "basic": {"type": "http", "scheme": "basic", "description": "The name of a key, and the key."},
        "session": {"type": "apiKey", "in": "cookie", "name": "titian-session",
                    "description": "A person's session; changes need the header X-CSRF-Token too."},
    }  # fmt: skip
    made["security"] = [{"bearer": []}, {"basic": []}, {"session": []}]
    made["servers"] = [{"url": "/"}]
    strict = {kind.__name__ for kind in _below(Wish)}
    for name, part in parts["schemas"].items():
        if name in strict:
            part["additionalProperties"] = False
    for method, path, needs, handler in handlers():
        path = path.replace(":str}", "}").replace(":int}", "}")
        operation = made["paths"][path][method.lower()]
        text = inspect.getdoc(handler.fn) or ""
        operation["summary"] = text.partition(". ")[0].partition("\n")[0].rstrip(".")
        operation["description"] = f"{text}\n\nWho may: {who_may(needs)}."
        operation["operationId"] = _identifier(method, path)
        operation["responses"].pop("400", None)
        for status, description in _ERRORS.items():
            if status in {"413", "415"} and "requestBody" not in operation:
                continue
            operation["responses"][status] = {
                "description": description, "content": {MEDIA_TYPE: {"schema": _PROBLEM}},
            }  # fmt: skip


def _identifier(method: str, path: str) -> str:
    words = [word.strip("{}").replace("-", " ").title().replace(" ", "") for word in path.split("/")[3:]]
    return f"{method.lower()}{''.join(words)}"


def _problem() -> dict[str, Any]:
    _, parts = msgspec.json.schema_components([Problem], ref_template="#/components/schemas/Problem/$defs/{name}")
    return {**parts["Problem"], "$defs": {name: part for name, part in parts.items() if name != "Problem"}}


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def groups() -> Sequence[tuple[str, list[tuple[str, str, str, str]]]]:
    """For people: each group with its routes: method, path, what it does, who may."""
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for method, path, needs, handler in handlers():
        shown = path.replace(":str}", "}").replace(":int}", "}")
        text = " ".join((inspect.getdoc(handler.fn) or "").split())
        found.setdefault(next(iter(handler.tags or ["Other"])), []).append((method, shown, text, who_may(needs)))
    return list(found.items())
