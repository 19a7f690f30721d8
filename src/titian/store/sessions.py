"""The sessions that are open: shown to their people, and ended by them."""

from __future__ import annotations

import hashlib

import msgspec

from titian.core.errors import NotFound
from titian.core.login import IDLE, SEEN_EVERY
from titian.core.people import Actor
from titian.store.acts import record
from titian.store.store import Store


class OpenSession(msgspec.Struct, frozen=True):
    """A session as its person sees it: ``handle`` names it without opening it; instants in microseconds. ``here`` says
    that it is the one that asks."""

    handle: str
    created: int
    expires: int
    here: bool


class Sessions:
    """Who is signed in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, person: str, token: str = "") -> list[OpenSession]:
        """The sessions of a person, by id, that are open, the newest first; ``token`` is that of the one that asks."""
        here = token_digest(token)
        with self._store.reading() as tx:
            rows = tx.all(
                "SELECT digest, created, expires FROM sessions WHERE person = ? AND expires > ? "
                "AND (seen IS NULL OR seen > ?) ORDER BY created DESC",
                person, self._store.clock(), self._store.clock() - IDLE,
            )  # fmt: skip
        return [OpenSession(_handle(bytes(row[0])), row[1], row[2], bytes(row[0]) == here) for row in rows]

    def watch(self, token: str) -> None:
        """From now on this is a session in a browser: it is over as soon as nobody was seen for :data:`IDLE`."""
        with self._store.writing() as tx:
            tx.run("UPDATE sessions SET seen = ? WHERE digest = ?", self._store.clock(), token_digest(token))

    def see(self, token: str) -> None:
        """Somebody is there, in a session in a browser. It is written once in :data:`SEEN_EVERY`."""
        at, digest = self._store.clock(), token_digest(token)
        with self._store.reading() as tx:
            row = tx.one("SELECT seen FROM sessions WHERE digest = ?", digest)
        if row is None or row[0] is None or not SEEN_EVERY <= at - row[0] < IDLE:
            return
        with self._store.writing() as tx:
            tx.run("UPDATE sessions SET seen = ? WHERE digest = ? AND seen = ?", at, digest, row[0])

    def end(self, actor: Actor, handle: str) -> None:
        """End a session of the person who acts. Raises :class:`NotFound`."""
        with self._store.writing() as tx:
            rows = tx.all("SELECT digest FROM sessions WHERE person = ?", actor.id)
            found = [bytes(row[0]) for row in rows if _handle(bytes(row[0])) == handle]
            if not found:
                raise NotFound("There is no such session.", advice="It may have ended by itself.")
            tx.run("DELETE FROM sessions WHERE digest = ?", found[0])
            record(tx, at=self._store.clock(), person=actor.id, act="end-session", subject=actor.id)

    def end_others(self, actor: Actor, token: str) -> int:
        """End every session of the person who acts but the one that asks; how many there were."""
        with self._store.writing() as tx:
            ended = tx.run("DELETE FROM sessions WHERE person = ? AND digest <> ?", actor.id, token_digest(token))
            if ended:
                record(tx, at=self._store.clock(), person=actor.id, act="end-session", subject=actor.id,
                       details={"sessions_ended": ended})  # fmt: skip
        return ended


def token_digest(token: str) -> bytes:
    """What is kept of a token. It has 160 random bits: there is nothing to guess slowly, so a fast digest is enough."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _handle(digest: bytes) -> str:
    # A digest of the digest: what is shown is no part of what a token is compared with.
    return hashlib.sha256(b"titian session handle\x00" + digest).hexdigest()[:16]
