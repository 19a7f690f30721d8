"""Content as people name it, made the observable that a referral is about: an address, an account, a hash."""

from __future__ import annotations

import re
from typing import Any, Final

from titian.core.errors import InvalidInput
from titian.core.extension_objects import MEDIA_HASH, SOCIAL_ACCOUNT, make_observable
from titian.core.stix import observable_id
from titian.wire.indicators import recognise, refang

_MEDIA: Final = re.compile(r"(pdq|tmk|vpdq|md5|sha1|sha256|sha512):(\S+)", re.IGNORECASE).fullmatch
_ACCOUNT: Final = re.compile(r"([A-Za-z][A-Za-z0-9.-]{0,31}):(?:(id)=|@)?([^\s/:@][^\s/:]{0,127})").fullmatch


def content_of(text: str) -> dict[str, Any]:
    """Return the observable that a text names, identifier included, without markings.

    ``platform:name`` and ``platform:id=number`` are accounts, ``pdq:hash`` and its like the hash of a picture or film.

    :raises InvalidInput: for what is none of them.

    >>> content_of("hxxps://video[.]example/watch/7")["value"], content_of("videoport:@bad.channel")["account_login"]
    ('https://video.example/watch/7', 'bad.channel')
    """
    text = text.strip()
    media, account = _MEDIA(text), _ACCOUNT(text)
    if media is not None:
        return make_observable(MEDIA_HASH, {"algorithm": media[1], "value": media[2]})
    try:
        value = recognise(refang(text))
    except InvalidInput:
        value = None
    if value is not None:
        seen = value.observable
        kind = str(seen["type"])
        rest = {name: one for name, one in seen.items() if name != "type"}
        return {"type": kind, "spec_version": "2.1", "id": observable_id(kind, rest), **rest}
    if account is not None:
        name = "user_id" if account[2] else "account_login"
        return make_observable(SOCIAL_ACCOUNT, {"platform": account[1], name: account[3]})
    raise InvalidInput(
        f"{text[:80]!r} is no content that a platform can be asked about.",
        advice="Give a URL, an account as platform:name, a hash, or the identifier of an observable that is held.",
    )
