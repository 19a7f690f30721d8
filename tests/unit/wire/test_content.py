"""Content as people name it: what becomes of it, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from titian.core.errors import InvalidInput
from titian.core.stix import examine
from titian.wire.content import content_of

PDQ = "a1" * 32


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("https://Video.example/Watch?v=Ab#t=3", "url", {"value": "https://Video.example/Watch?v=Ab#t=3"}),
        ("hxxps://video[.]example/7", "url", {"value": "https://video.example/7"}),
        ("Video.example", "domain-name", {"value": "video.example"}),
        ("198.51.100[.]3", "ipv4-addr", {"value": "198.51.100.3"}),
        ("caller@video.example", "email-addr", {"value": "caller@video.example"}),
        ("AB" * 32, "file", {"hashes": {"SHA-256": "ab" * 32}}),
        (f"PDQ:{PDQ.upper()}", "media-hash", {"algorithm": "pdq", "value": PDQ}),
        ("sha256:" + "0f" * 32, "media-hash", {"algorithm": "sha256", "value": "0f" * 32}),
        ("VideoPort:@bad.channel", "social-account", {"platform": "videoport", "account_login": "bad.channel"}),
        ("videoport:id=77001", "social-account", {"platform": "videoport", "user_id": "77001"}),
    ],
)
def test_it_is_made_the_observable_that_it_names(text: str, kind: str, says: dict[str, Any]) -> None:
    made = content_of(f" {text} ")
    assert {"type": kind, **says}.items() <= made.items()
    examined = examine(msgspec.json.encode(made))
    assert (examined.id, examined.violations) == (made["id"], ())
    assert content_of(text)["id"] == made["id"]


@pytest.mark.parametrize(
    "text", ["", "a film about it", "pdq:xyz", "videoport:", "javascript:alert(1)//x y", "x" * 3000]
)
def test_what_is_no_content_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        content_of(text)
