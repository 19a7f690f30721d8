"""Pages from templates: one environment for each language, strict, always escaping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar.response.base import ASGIResponse
from markupsafe import Markup

from titian.core.people import Permission
from titian.web.cache import COMPRESS_FROM, compress, encoding_for
from titian.web.console.guard import (
    COOKIE,
    FIELD,
    IDLE,
    VISITOR,
    Analyst,
    AnyRequest,
    Visitor,
    cookie_name,
    is_poll,
)
from titian.web.console.language import LANGUAGES, catalogue, name_of
from titian.web.console.property_words import parts_in_words
from titian.web.console.shown import mixed_scripts, shown, visible
from titian.web.console.words import DUTIES, GRAPH, MAP, N_, SCRIPT, TYPES, translated, type_name
from titian.web.static_files import has, static

_TEXTS: Final = 4096
"""Texts of a language that are remembered as they are written into pages."""
_VISIT: Final = 86_400
"""Seconds that the cookie of somebody who is not signed in lasts."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page: nothing inline, nothing of a third party."""

NAVIGATION: Final[tuple[tuple[str, str, Permission, str], ...]] = (
    ("/", N_("Today"), Permission.READ, "waiting"),
    ("/find", N_("Find"), Permission.READ, ""),
    ("/screening", N_("Screening"), Permission.READ, ""),
    ("/matching", N_("Private matching"), Permission.READ, ""),
    ("/write", N_("Write"), Permission.WRITE, ""),
    ("/release", N_("Release"), Permission.PREVIEW, "approvals"),
    ("/recalls", N_("Recalls"), Permission.READ, "recalls"),
    ("/referrals", N_("Referrals"), Permission.READ, ""),
    ("/inbox", N_("Inbox"), Permission.READ, "quarantined"),
    ("/agreements", N_("Agreements"), Permission.READ, ""),
    ("/ledger-view", N_("Ledger"), Permission.READ, ""),
    ("/admin", N_("Administration"), Permission.READ, ""),
)
"""Path, name, what one must be allowed to do, and the live count beside it: the main navigation."""


@lru_cache(maxsize=len(LANGUAGES))
def environment(tag: str) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=PackageLoader("titian.web.console"),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=400,
    )
    made.install_gettext_translations(catalogue(tag), newstyle=True)  # type: ignore[attr-defined]
    said = catalogue(tag).gettext
    spoken = _spoken(said)
    made.globals.update(
        gettext=spoken,
        _=spoken,
        static=static,
        has_static=has,
        languages=[(one, name_of(one)) for one in LANGUAGES],
        Permission=Permission,
        type_name=partial(type_name, gettext=said),
        duty=lambda one: said(DUTIES[one]) if one in DUTIES else str(one),
        script_words=lambda: translated(SCRIPT, said),
        graph_words=lambda: translated(GRAPH, said) | {f"type.{name}": said(text) for name, text in TYPES.items()},
        map_words=lambda: translated(MAP, said),
    )
    made.filters["shown"] = partial(shown, lookalike=said(N_("look-alike letters")), more=said(N_("show all")))
    made.filters["visible"] = visible
    made.filters["parts"] = partial(parts_in_words, gettext=said)
    made.tests["spoofing"] = lambda text: bool(mixed_scripts(str(text)))
    return made


def _spoken(said: Callable[[str], str]) -> Callable[..., Markup]:
    """What templates call for a text, as Jinja's own does it: the text is markup, what is filled in is escaped. A page
    has some hundred texts with nothing to fill in, each of which is looked up and read for places once."""

    @lru_cache(maxsize=_TEXTS)
    def plain(text: str) -> Markup:
        return Markup(said(text)) % {}  # noqa: S704 - a text of the catalogues

    def gettext(text: str, /, **values: Any) -> Markup:
        return Markup(said(text)) % values if values else plain(text)  # noqa: S704 - as above

    return gettext


def headers() -> dict[str, str]:
    """What every page carries: it is for this reader alone, and nobody keeps it."""
    return {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": POLICY,
        "cache-control": "no-store",
        "vary": "cookie, accept-language, accept-encoding, hx-request",
        # Not no-referrer: with that, a browser says `Origin: null` of a form of our own.
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }


def page(
    request: AnyRequest,
    visitor: Visitor,
    template: str,
    *,
    status: int = 200,
    fragments: Mapping[str, str] | None = None,
    **values: Any,
) -> ASGIResponse:
    """A page. With ``fragments`` (element id → block of the template), htmx gets only the block that it swaps in."""
    read = environment(visitor.language).get_template(template)
    analyst = visitor if isinstance(visitor, Analyst) else None
    how = visitor.formats
    context: dict[str, Any] = {
        "visitor": visitor,
        "analyst": analyst,
        "path": request.scope["path"],
        "node_name": visitor.node_name,
        "navigation": [
            (path, visitor.gettext(name), count)
            for path, name, wanted, count in NAVIGATION
            if analyst is not None and analyst.may(wanted)
        ],
        "csrf_field": partial(_csrf_field, visitor),
        "csrf_token": visitor.csrf,
        "instant": how.instant, "day": how.day, "ago": how.ago, "number": how.number, "span": how.span,
        **values,
    }  # fmt: skip
    target = request.headers.get("hx-target", "") if request.headers.get("hx-request") == "true" else ""
    block = (fragments or {}).get(target)
    if block is None:
        body = read.render(context)
    else:
        whole = read.new_context(context)
        body = "".join(read.blocks[block](whole))
    return answer(request, body.encode(), status=status, visitor=visitor)


def answer(request: AnyRequest, body: bytes, *, status: int, visitor: Visitor) -> ASGIResponse:
    """The response for a page's bytes, compressed where the browser takes that."""
    said = headers()
    encoding = encoding_for(request.headers.get("accept-encoding", ""))
    if encoding is not None and len(body) >= COMPRESS_FROM:
        body = compress(body, encoding)
        said["content-encoding"] = encoding
    response = ASGIResponse(body=body, status_code=status, headers=said)
    if isinstance(visitor, Analyst):
        if not is_poll(request):
            keep_session(response, visitor.session.token, secure=visitor.secure)
    elif visitor.fresh:
        set_cookie(response, VISITOR, visitor.fresh, secure=visitor.secure, seconds=_VISIT)
    return response


def redirect(path: str) -> ASGIResponse:
    """Go on to a path of this node with GET: what follows every form that was taken in."""
    return ASGIResponse(status_code=303, headers={"location": path, "cache-control": "no-store"})


def keep_session(response: ASGIResponse, token: str, *, secure: bool, seconds: int = IDLE) -> None:
    """Set the session's cookie: strict, for this host, unreadable for scripts, and gone after an idle hour."""
    set_cookie(response, COOKIE, token, secure=secure, seconds=seconds)


def set_cookie(response: ASGIResponse, name: str, value: str, *, secure: bool, seconds: int) -> None:
    """Set a cookie of the console; ``seconds`` 0 removes it."""
    named = cookie_name(name, secure=secure)
    parts = [f"{named}={value}", "Path=/", f"Max-Age={seconds}", "HttpOnly", "SameSite=Strict"]
    if secure:
        parts.append("Secure")
    response.headers.add("set-cookie", "; ".join(parts))


def _csrf_field(visitor: Visitor) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, visitor.csrf())
