"""Where a browser thinks that it is: the host it asked for, which passkeys and providers are told."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from titian.web.console.guard import AnyRequest, is_secure


class Place(msgspec.Struct, frozen=True):
    """Where passkeys are for: the host by name, and the origins that a page of it can have."""

    host: str
    origins: tuple[str, ...]


def place_of(request: AnyRequest) -> Place | None:
    """Where a request has come to; ``None`` where no passkey can be for: a numeric address."""
    named = request.headers.get("host", "")
    try:
        host = urlsplit(f"//{named}").hostname or ""
    except ValueError:
        return None
    if not host or ":" in host or _is_number(host):
        return None
    # Browsers keep passkeys to https, but for this machine itself. Whoever ends TLS in front of us says http here.
    plain = (f"http://{named}",) if host == "localhost" or host.endswith(".localhost") else ()
    return Place(host, (f"https://{named}", *plain))


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def origin_of(request: AnyRequest) -> str:
    """The origin that a provider sends somebody back to. Only on this machine itself is that plain http."""
    return f"{'https' if is_secure(request) else 'http'}://{request.headers.get('host', '')}"
