"""From a request to its reader's view: the key, how often, and the media type. Fails closed."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from litestar import Request

from titian.node import Node
from titian.store.view import PartnerView
from titian.web.errors import NotAcceptable, TooMany, Unauthorized
from titian.web.limits import Buckets, Proxies
from titian.wire.taxii import MEDIA_TYPE, acceptable


def credentials(header: str) -> tuple[str, str | None] | None:
    """Read an ``Authorization`` header: the key, and the name that came with it (RFC 7617, RFC 6750).

    >>> credentials("Bearer abc"), credentials("Basic bmFtZTprZXk="), credentials("Digest x")
    (('abc', None), ('key', 'name'), None)
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip(), None
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, key = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (key, name) if colon else None


def header_lines(request: Request[Any, Any, Any], name: bytes) -> list[str]:
    """Every value of a header, by its name in small letters. For what each request is asked: all headers of one as a
    mapping take longer to make than its key to check."""
    return [value.decode("latin-1") for found, value in request.scope["headers"] if found == name]


class Door:
    """Admit a request, or say why not."""

    def __init__(self, node: Node) -> None:
        settings = node.settings
        self._node = node
        self._requests = Buckets(settings.requests_per_second, settings.requests_burst)
        self._proxies = Proxies(settings.trusted_proxies)
        self._failures = Buckets(settings.failed_logins_per_minute / 60, settings.failed_logins_per_minute)

    def admit(self, request: Request[Any, Any, Any], *, taxii: bool = True) -> PartnerView:
        """Return the reader's view. Raises :class:`Unauthorized`, :class:`TooMany` or, where only ``taxii`` is spoken,
        :class:`NotAcceptable`."""
        view = self._authenticate(request)
        seconds = self._requests.take(view.reader.id)
        if seconds:
            raise TooMany("This key makes too many requests.", seconds)
        accept = header_lines(request, b"accept") if taxii else []
        if accept and not acceptable(", ".join(accept)):
            raise NotAcceptable(f"This endpoint speaks {MEDIA_TYPE} only.")
        request.scope["state"]["reader"] = view.reader.name
        return view

    def _authenticate(self, request: Request[Any, Any, Any]) -> PartnerView:
        given = header_lines(request, b"authorization")
        if not given:
            raise Unauthorized("This node answers only to a key.", advice="Send it as HTTP Basic or Bearer.")
        presented = credentials(given[0])
        view = None if presented is None else self._node.partners.view(*presented)
        if view is not None:
            return view
        # Only wrong keys are held up: many partners may come through one address.
        seconds = self._failures.take(self._proxies.client(request.scope))
        if seconds:
            raise TooMany("Too many wrong keys from this address.", seconds)
        raise Unauthorized("This key opens nothing here.", advice="It may be mistyped, revoked, or another node's.")
