"""A session with one TAXII 2.1 server: asking, understanding a no, and finding the API root (section 4)."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from titian.core.errors import InvalidInput, PeerRefused, PeerUntrusted, Unavailable
from titian.wire.outbound import Origin, Outbound, Reply, parse_url
from titian.wire.taxii import MEDIA_TYPE
from titian.wire.taxii_reply import (
    BAD_JSON,
    ApiRoot,
    Discovery,
    convert,
    read_mapping,
    read_resource,
)

_DISCOVERY: Final = "/taxii2/"
_ADVICE: Final = {
    401: "Check the key, and the name if the server wants HTTP Basic.",
    403: "The key is known but has no right to this.",
    404: "Check the address and the identifier; servers also answer so to hide what a key may not see.",
    413: "Send smaller batches.",
}


class Session:
    """Requests to one origin, whose answers are checked and whose API root is found when it is needed."""

    def __init__(self, http: Outbound, url: httpx.URL) -> None:
        """Prepare a session for ``url``: a server, its discovery, an API root, or something below one."""
        if url.query:
            raise InvalidInput("The URL of a TAXII server has no query (?).")
        self.http = http
        self._url = url
        self._origin = Origin.of(url)
        self._root: str | None = None
        self._root_resource: ApiRoot | None = None

    def __repr__(self) -> str:
        return f"Session({f'{self._origin}{self._url.path}'!r})"

    def discovery(self) -> Discovery:
        """Return the discovery resource (section 4.1)."""
        return read_resource(self.ask("GET", _DISCOVERY), Discovery)

    def advertised(self, found: Discovery) -> list[str]:
        """Return the API roots in ``found`` as URLs, the default first, without those of a forbidden form."""
        return [url for url in map(self._root_url, _default_first(found)) if url is not None]

    def api_root(self) -> ApiRoot:
        """Return the API root resource (section 4.2)."""
        root = self.root()
        if self._root_resource is None:
            self._root_resource = read_resource(self.ask("GET", root), ApiRoot)
        return self._root_resource

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        most: int | None = None,
        once: bool = False,
    ) -> Reply:
        """Return the answer to a request for ``path`` if it is a success, else raise what it means."""
        return self.checked(self.answer(method, path, query, most=most, once=once))

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
        most: int | None = None,
        once: bool = False,
    ) -> Reply:
        """Return the answer to a request for ``path``, whatever its status."""
        text = f"{self._origin}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Accept": MEDIA_TYPE} | ({"Content-Type": MEDIA_TYPE} if content is not None else {})
        most = most or self.http.limits.resource_bytes
        return self.http.request(method, text, headers=headers, content=content, most=most, once=once)

    def checked(self, reply: Reply) -> Reply:
        """Return ``reply`` if it is a success, else raise what it means."""
        if 200 <= reply.status < 300:
            return reply
        title = self.http.quote(_error_title(reply))
        said = f"{reply.place} answers {reply.status}" + (f": {title.rstrip('.')}." if title else ".")
        if reply.status in (408, 425, 429) or reply.status >= 500:
            wait = self.http.quote(reply.headers.get("retry-after", ""))
            wait += " seconds" if wait.isdigit() else ""
            raise Unavailable(said, advice=f"Try again after {wait}." if wait else "Try again later.")
        raise PeerRefused(said, advice=_ADVICE.get(reply.status))

    def root(self) -> str:
        """Return the path of the API root, from the URL that was given or through discovery."""
        if self._root is None:
            path = self._url.path.partition("/collections/")[0].removesuffix("/collections")
            path = path.rstrip("/") + "/"
            self._root = self._discovered() if path in ("/", _DISCOVERY) else self._tried(path)
        return self._root

    def _discovered(self) -> str:
        reply = self.answer("GET", _DISCOVERY)
        if reply.status == 404:
            raise PeerRefused(
                f"{reply.place} answers 404: there is no TAXII 2.1 discovery.",
                advice="Give the URL of the API root instead.",
            )
        return self._chosen(read_resource(self.checked(reply), Discovery), reply.place)

    def _tried(self, path: str) -> str:
        """Return ``path`` if it is an API root; if it turns out to be a discovery, what that leads to."""
        reply = self.ask("GET", path)
        found = read_mapping(reply)
        if "api_roots" in found:
            return self._chosen(convert(found, Discovery, reply.place), reply.place)
        if not found.keys() & {"versions", "max_content_length"}:
            raise PeerUntrusted(
                f"{reply.place} is neither a TAXII 2.1 API root nor a discovery.",
                advice=f"Give {self._origin}/ to let the server say where its API roots are.",
            )
        self._root_resource = convert(found, ApiRoot, reply.place)
        return path

    def _chosen(self, found: Discovery, place: str) -> str:
        urls = self.advertised(found)
        for url in urls:
            if Origin.of(httpx.URL(url)) == self._origin:
                return httpx.URL(url).path.rstrip("/") + "/"
        elsewhere = self.http.quote(", ".join(urls[:5]))
        if elsewhere:
            raise PeerUntrusted(
                f"{place} names API roots on other hosts only: {elsewhere}.",
                advice="If you trust them, use their URL; the key is not sent there by itself.",
            )
        raise PeerRefused(
            f"{place} names no API root that can be used.",
            advice="Check the key (some servers list roots only to those they know), or give the root's URL.",
        )

    def _root_url(self, given: str) -> str | None:
        """Return an advertised API root as a URL, `None` if section 4.1.1 forbids its form.

        A root on our own host is taken at the origin that was asked, whatever scheme or port is advertised:
        servers behind a proxy often do not know their own.
        """
        if not given.startswith(("/", "https://", "http://")) or given.startswith("//") or ".." in given:
            return None
        try:
            url = parse_url(str(self._origin) + given if given.startswith("/") else given)
        except InvalidInput:
            return None
        if url.query:
            return None
        origin = Origin.of(url)
        origin = self._origin if origin.host == self._origin.host else origin
        return f"{origin}{url.path.rstrip('/')}/"


def _default_first(found: Discovery) -> list[str]:
    roots = [found.default] if found.default else []
    return list(dict.fromkeys(roots + list(found.api_roots)))


def _error_title(reply: Reply) -> str:
    """Return what the error message says (section 3.6.1), whatever media type it claims to have."""
    try:
        found = msgspec.json.decode(reply.body)
    except BAD_JSON:
        return ""
    if not isinstance(found, dict):
        return ""
    texts = [found.get("title"), found.get("description")]
    return ": ".join(text for text in texts if isinstance(text, str) and text)
