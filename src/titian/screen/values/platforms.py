"""The platforms whose accounts are known: how names are written there, and where they stand in a URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

Match = Callable[[str], "re.Match[str] | None"]
Rule = tuple[str, str, Match]
"""A platform, what is found (``name``, ``id``, …), and a match of paths whose first group it is."""


class Part(NamedTuple):
    """What a name or number is made of; whether letter case matters, and a character that does not."""

    form: Match
    case: bool = False
    without: str = ""


class Platform(NamedTuple):
    """A platform. ``numbers`` says that digits alone are its number of an account and no name."""

    title: str
    parts: Mapping[str, Part]
    aliases: tuple[str, ...] = ()
    numbers: bool = False


def _part(form: str, *, case: bool = False, without: str = "") -> Part:
    return Part(re.compile(form).fullmatch, case, without)


_ID: Final = _part(r"-?\d{1,20}")
_WORD: Final = _part(r"[\w.-]{1,64}")
_CODE: Final = _part(r"\+?[A-Za-z0-9_-]{2,64}", case=True)

PLATFORMS: Final[Mapping[str, Platform]] = {
    "x": Platform("X", {"name": _part(r"[A-Za-z0-9_]{1,15}"), "id": _ID}, ("twitter",)),
    "telegram": Platform(
        "Telegram",
        {"name": _part(r"[A-Za-z][A-Za-z0-9_]{3,31}"), "id": _ID, "invite": _part(r"[A-Za-z0-9_-]{8,64}", case=True)},
        ("tg",),
        numbers=True,
    ),
    "facebook": Platform(
        "Facebook",
        {"name": _part(r"[A-Za-z0-9.]{2,50}", without="."), "id": _ID, "group": _part(r"[A-Za-z0-9.]{2,60}")},
        ("fb",),
        numbers=True,
    ),
    "instagram": Platform("Instagram", {"name": _part(r"[A-Za-z0-9._]{1,30}"), "id": _ID}, ("ig", "insta")),
    "threads": Platform("Threads", {"name": _part(r"[A-Za-z0-9._]{1,30}"), "id": _ID}),
    "youtube": Platform(
        "YouTube",
        {"name": _part(r"[\w.\u00b7-]{2,60}"), "id": _part(r"UC[A-Za-z0-9_-]{22}", case=True)},
        ("yt",),
    ),
    "tiktok": Platform("TikTok", {"name": _part(r"[A-Za-z0-9._]{2,24}"), "id": _ID}),
    "vk": Platform(
        "VK",
        {"name": _part(r"[A-Za-z][A-Za-z0-9_.]{1,31}", without="."), "id": _ID, "group": _ID},
        ("vkontakte",),
        numbers=True,
    ),
    "ok": Platform("Odnoklassniki", {"name": _WORD, "id": _ID, "group": _ID}, ("odnoklassniki",), numbers=True),
    "reddit": Platform("Reddit", {"name": _part(r"[A-Za-z0-9_-]{3,20}"), "group": _part(r"[A-Za-z0-9_]{2,24}")}),
    "github": Platform("GitHub", {"name": _part(r"[A-Za-z0-9-]{1,39}"), "id": _ID}),
    "gitlab": Platform("GitLab", {"name": _WORD, "id": _ID}),
    "linkedin": Platform("LinkedIn", {"name": _part(r"[\w%-]{3,120}"), "company": _part(r"[\w%-]{2,120}"), "id": _ID}),
    "discord": Platform(
        "Discord",
        {"name": _part(r"[A-Za-z0-9._]{2,32}"), "id": _ID, "invite": _CODE, "server": _ID},
        numbers=True,
    ),
    "whatsapp": Platform("WhatsApp", {"name": _part(r"\+?\d{6,15}", without="+"), "invite": _CODE, "id": _ID}),
    "bluesky": Platform(
        "Bluesky",
        {"name": _part(r"[A-Za-z0-9.-]{3,253}"), "id": _part(r"did:[a-z]+:[A-Za-z0-9._:%-]+", case=True)},
        ("bsky",),
    ),
    "snapchat": Platform("Snapchat", {"name": _part(r"[A-Za-z][A-Za-z0-9._-]{2,15}")}),
    "twitch": Platform("Twitch", {"name": _part(r"[A-Za-z0-9_]{3,25}"), "id": _ID}),
    "pinterest": Platform("Pinterest", {"name": _part(r"[A-Za-z0-9_]{3,30}")}),
    "medium": Platform("Medium", {"name": _part(r"[A-Za-z0-9._-]{1,50}")}),
    "tumblr": Platform("Tumblr", {"name": _part(r"[A-Za-z0-9-]{1,32}")}),
    "livejournal": Platform("LiveJournal", {"name": _part(r"[A-Za-z0-9_-]{1,15}")}),
    "steam": Platform("Steam", {"name": _part(r"[A-Za-z0-9_-]{2,32}"), "id": _ID}, numbers=True),
    "soundcloud": Platform("SoundCloud", {"name": _part(r"[A-Za-z0-9_-]{3,25}"), "id": _ID}),
    "rumble": Platform("Rumble", {"name": _part(r"[A-Za-z0-9_-]{2,50}")}),
    "gab": Platform("Gab", {"name": _part(r"[A-Za-z0-9_]{1,30}")}),
    "odysee": Platform("Odysee", {"name": _part(r"[\w-]{1,64}")}),
    "patreon": Platform("Patreon", {"name": _part(r"[A-Za-z0-9_-]{1,64}"), "id": _ID}),
    "line": Platform("LINE", {"name": _part(r"@?[A-Za-z0-9._-]{2,32}", without="@")}),
    "skype": Platform("Skype", {"name": _part(r"[A-Za-z][A-Za-z0-9.,_-]{5,63}|live:[A-Za-z0-9._-]{2,64}")}),
    "wechat": Platform("WeChat", {"name": _part(r"[A-Za-z][A-Za-z0-9_-]{5,19}")}, ("weixin",)),
    "viber": Platform("Viber", {"name": _part(r"\+?\d{6,15}", without="+")}),
    "signal": Platform("Signal", {"name": _part(r"\+?[A-Za-z0-9_.]{3,40}")}),
    "session": Platform("Session", {"name": _part(r"05[0-9a-fA-F]{64}")}),
    "threema": Platform("Threema", {"name": _part(r"[*A-Za-z0-9]{8}")}),
    "wire": Platform("Wire", {"name": _part(r"[a-z0-9_.-]{2,64}")}),
    "matrix": Platform("Matrix", {"name": _part(r"[a-z0-9._=/+-]{1,128}:[a-zA-Z0-9.:-]{3,128}")}),
    "rocketchat": Platform("Rocket.Chat", {"name": _WORD}),
    "nostr": Platform("Nostr", {"name": _part(r"npub1[02-9ac-hj-np-z]{58}")}),
}  # fmt: skip
"""Platforms by our name of them; ``aliases`` are written without spaces and marks."""

NOT_NAMES: Final = frozenset(
    {
        "about", "accounts", "add", "addstickers", "ads", "api", "app", "apps", "c", "channel",
        "communities", "compose", "contact", "dialog", "directory", "events", "explore",
        "feed", "games", "gaming", "group", "groups", "hashtag",
        "help", "home", "i", "in", "intent", "invite", "iv", "jobs", "joinchat", "legal", "live", "login", "logout",
        "marketplace", "messages", "notifications", "p", "pages", "people", "photo", "photos", "privacy", "proxy", "r",
        "reel", "reels", "search", "settings", "share", "shorts", "signup", "socks", "stories", "story.php", "tags",
        "tos", "tv", "u", "user", "users", "video", "videos", "watch", "wall", "permalink.php", "sharer", "playlist",
        "profile.php", "plugins", "tag", "topics", "trending", "embed", "results", "post", "posts", "away.php", "im",
    }
)  # fmt: skip
"""What stands in the place of a name and is none: the platforms' own pages."""


def _rules(platform: str, *rules: tuple[str, str]) -> tuple[Rule, ...]:
    return tuple((platform, part, re.compile(path).match) for part, path in rules)


_END: Final = r"(?=[/?#]|\Z)"
_AT_ROOT: Final = rf"/([^/?#@]+){_END}"
_AT_SIGN: Final = rf"/@([^/?#]+){_END}"
_X: Final = _rules(
    "x",
    ("id", r"/i/user/(\d+)"),
    ("id", r"/intent/(?:user|follow)\?(?:.*&)?user_id=(\d+)"),
    ("name", r"/intent/(?:user|follow)\?(?:.*&)?screen_name=(\w+)"),
    ("name", rf"/@?([^/?#]+){_END}"),
)
_TELEGRAM: Final = _rules(
    "telegram",
    ("invite", r"/(?:joinchat/|\+|%2B)([A-Za-z0-9_-]{8,})"),
    ("id", r"/c/(\d+)"),
    ("name", rf"/s/([^/?#]+){_END}"),
    ("name", _AT_ROOT),
)
_FACEBOOK: Final = _rules(
    "facebook",
    ("id", r"/(?:profile|story|permalink)\.php\?(?:.*&)?id=(\d+)"),
    ("group", r"/groups/([^/?#]+)"),
    ("id", r"/(?:people|pages)/[^/?#]+/(\d+)"),
    ("id", rf"/(\d{{6,}}){_END}"),
    ("id", rf"/[^/?#]*-(\d{{9,}}){_END}"),
    ("name", _AT_ROOT),
)
_YOUTUBE: Final = _rules(
    "youtube", ("id", r"/channel/(UC[A-Za-z0-9_-]{22})"), ("name", _AT_SIGN), ("name", rf"/(?:c|user)/([^/?#]+){_END}")
)
_VK: Final = _rules(
    "vk",
    ("id", rf"/id(\d+){_END}"),
    ("group", rf"/(?:club|public|event)(\d+){_END}"),
    ("id", r"/wall(\d+)_"),
    ("name", _AT_ROOT),
)
_REDDIT: Final = _rules("reddit", ("name", r"/u(?:ser)?/([^/?#]+)"), ("group", r"/r/([^/?#]+)"))
_DISCORD: Final = _rules(
    "discord", ("id", r"/users/(\d+)"), ("server", r"/channels/(\d+)"), ("invite", r"/invite/([A-Za-z0-9-]+)")
)

HOSTS: Final[Mapping[str, tuple[Rule, ...]]] = {
    **dict.fromkeys(("x.com", "twitter.com"), _X),
    **dict.fromkeys(("t.me", "telegram.me", "telegram.dog", "tgstat.com"), _TELEGRAM),
    **dict.fromkeys(("facebook.com", "fb.com", "fb.me", "de-de.facebook.com", "id-id.facebook.com"), _FACEBOOK),
    **dict.fromkeys(("vk.com", "vk.ru", "vkontakte.ru"), _VK),
    **dict.fromkeys(("discord.com", "discordapp.com"), _DISCORD),
    **dict.fromkeys(("youtube.com", "youtube-nocookie.com"), _YOUTUBE),
    "m.me": _rules("facebook", ("name", _AT_ROOT)),
    "instagram.com": _rules("instagram", ("name", rf"/stories/([^/?#]+){_END}"), ("name", _AT_ROOT)),
    **dict.fromkeys(("threads.net", "threads.com"), _rules("threads", ("name", _AT_SIGN))),
    "tiktok.com": _rules("tiktok", ("name", _AT_SIGN)),
    "ok.ru": _rules("ok", ("id", r"/profile/(\d+)"), ("group", r"/group/(\d+)"), ("name", _AT_ROOT)),
    **dict.fromkeys(("reddit.com", "old.reddit.com"), _REDDIT),
    "github.com": _rules("github", ("name", _AT_ROOT)),
    "gitlab.com": _rules("gitlab", ("name", _AT_ROOT)),
    "linkedin.com": _rules("linkedin", ("name", r"/in/([^/?#]+)"), ("company", r"/(?:company|school)/([^/?#]+)")),
    **dict.fromkeys(("discord.gg", "dsc.gg"), _rules("discord", ("invite", r"/([A-Za-z0-9-]+)"))),
    "wa.me": _rules("whatsapp", ("name", r"/\+?(\d{6,15})")),
    "api.whatsapp.com": _rules("whatsapp", ("name", r"/send/?\?(?:.*&)?phone=(?:%2B)?(\d{6,15})")),
    "chat.whatsapp.com": _rules("whatsapp", ("invite", r"/(?:invite/)?([A-Za-z0-9]{10,})")),
    "bsky.app": _rules("bluesky", ("id", r"/profile/(did:[^/?#]+)"), ("name", r"/profile/([^/?#]+)")),
    "snapchat.com": _rules("snapchat", ("name", r"/add/([^/?#]+)"), ("name", _AT_SIGN)),
    "twitch.tv": _rules("twitch", ("name", _AT_ROOT)),
    "pinterest.com": _rules("pinterest", ("name", _AT_ROOT)),
    "medium.com": _rules("medium", ("name", _AT_SIGN)),
    "tumblr.com": _rules("tumblr", ("name", rf"/(?:blog/(?:view/)?)?([^/?#@]+){_END}")),
    "steamcommunity.com": _rules("steam", ("id", r"/profiles/(\d+)"), ("name", r"/id/([^/?#]+)")),
    "soundcloud.com": _rules("soundcloud", ("name", _AT_ROOT)),
    "rumble.com": _rules("rumble", ("name", r"/(?:c|user)/([^/?#]+)")),
    "gab.com": _rules("gab", ("name", _AT_ROOT)),
    "odysee.com": _rules("odysee", ("name", r"/@([^/?#:]+)")),
    "patreon.com": _rules("patreon", ("name", rf"/(?:c/)?([^/?#]+){_END}")),
    "line.me": _rules("line", ("name", r"/(?:R/)?ti/p/(?:~|%40|@)([^/?#]+)")),
    "matrix.to": _rules("matrix", ("name", r"/?#/(?:@|%40)([^/?#]+)")),
}  # fmt: skip
"""The hosts of profiles, without ``www.``, ``m.``, ``mobile.`` and ``web.``, and their rules in order."""
