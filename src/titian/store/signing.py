"""The signing keys of a node: made, rotated, called compromised. Only public halves are in the database."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from titian.core.errors import InvalidInput, NotFound, Refused, Unavailable
from titian.core.people import PROGRAM, Actor
from titian.core.signing import SEED_BYTES, Ed25519Secret, Role, Secret, SigningKey, change, current, witness_name
from titian.store.acts import record
from titian.store.admin import plain
from titian.store.database import Row, Transaction
from titian.store.key_files import SCHEME, KeyFiles
from titian.store.ledger_book import key_changed
from titian.store.store import Store

LONGEST_OVERLAP: Final = 365 * 86_400
"""Seconds that an old key may go on signing beside a new one, at most."""
LONGEST_PLACE: Final = 2000

Told = Callable[[Transaction, SigningKey | None, SigningKey | None, int], None]
"""Is told of a change in its transaction: the old key as it is now, the new one, and when, in microseconds."""
Opener = Callable[[str], Secret]
"""Opens the secret at a place that is no file: a PKCS#11 URI."""

_COLUMNS: Final = "num, role, public, place, created, starts, stops, compromised"


def _no_tokens(place: str) -> Secret:
    raise Unavailable(f"This node opens no tokens, and a signing key lies at {place}.")


class SigningKeys:
    """The log and witness keys of the node whose home is ``home``.

    ``told`` is called in the transaction of each change, so that the change is in every ledger or did not happen.
    ``random`` returns as many random bytes as it is asked for.
    """

    def __init__(
        self,
        store: Store,
        home: Path,
        open_secret: Opener = _no_tokens,
        told: Told = key_changed,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._files = KeyFiles(home, witness_name(store.node.identity))
        self._open_secret = open_secret
        self._told = told
        self._random = random
        self._tokens: dict[tuple[str, bytes], Secret] = {}
        self._lock = threading.Lock()

    # Reading

    def list(self) -> Sequence[SigningKey]:
        """Every key that this node ever signed with, oldest first."""
        with self._store.reading() as tx:
            return read_signing_keys(tx)

    def current(self, role: Role) -> tuple[SigningKey, ...]:
        """The keys of a role that sign now, newest first."""
        return current(self.list(), role, self._store.clock())

    def signers(self, tx: Transaction | None, role: Role, at: int) -> Sequence[Secret]:
        """The secrets that sign for a role at an instant in microseconds, newest first: one at least.

        Read in the transaction ``tx`` if there is one. Raises :class:`Unavailable` when no key signs then, or a file or
        token is not there, :class:`Refused` when one holds another key than it should.
        """
        if tx is None:
            with self._store.reading() as reading:
                keys = current(read_signing_keys(reading), role, at)
        else:
            keys = current(read_signing_keys(tx), role, at)
        if not keys:
            raise Unavailable(f"This node has no {role} key that signs now.",
                              advice="Is the clock right? `titian signing list` shows when each signs.")  # fmt: skip
        return [self._open(key) for key in keys]

    def log_secrets(self, tx: Transaction, at: int) -> Sequence[Secret]:
        """The secrets that sign the checkpoints of this node's ledgers: :meth:`signers` of the log role."""
        return self.signers(tx, Role.LOG, at)

    def _open(self, key: SigningKey) -> Secret:
        if key.place.startswith(SCHEME):
            # Read each time: a file that was taken away or changed is noticed, and it costs next to nothing.
            secret: Secret = self._files.open(key.place, key.role)
        else:
            secret = self._token(key.place, key.public)
        if secret.public != key.public:
            where = self._files.path(key.place) if key.place.startswith(SCHEME) else key.place
            raise Refused(f"{where} holds another key than signing key {key.num} of this node.",
                          advice="Put the right one back; a new key is made by `titian signing rotate`.")  # fmt: skip
        return secret

    def _token(self, place: str, public: bytes | None) -> Secret:
        """A session with a token takes a while to open, so it is kept while it holds the key that it should."""
        with self._lock:
            held = None if public is None else self._tokens.get((place, public))
            if held is None:
                held = self._open_secret(place)
                self._tokens[place, held.public] = held
            return held

    # Changing

    def ensure(self) -> Sequence[SigningKey]:
        """Make a log key and a witness key, each where there has never been one, and return those that were made."""
        held = {key.role for key in self.list()}
        if held == set(Role):
            return []
        with self._store.writing() as tx:
            at = self._store.clock()
            held = {key.role for key in read_signing_keys(tx)}
            made = [self._make(tx, role, None, at) for role in Role if role not in held]
            for key in made:
                self._act(tx, at, PROGRAM, "add-signing-key", None, key)
            return made

    def rotate(self, role: Role, overlap: int, *, by: Actor, place: str | None = None, why: str = "") -> SigningKey:
        """Let a new key sign from now on, and the old one for ``overlap`` seconds more; return the new one.

        Without a ``place`` the key is made in a file of the node's home; with one it must lie there already: a
        ``file:`` or a PKCS#11 URI. Raises :class:`InvalidInput` for an overlap or place that cannot be used,
        :class:`Refused` for a key that this node has or had, :class:`Unavailable` for one that cannot be opened.
        """
        if not 0 <= overlap <= LONGEST_OVERLAP:
            raise InvalidInput(f"The overlap is from 0 to {LONGEST_OVERLAP // 86_400} days.")
        given = self._given(role, place)
        with self._store.writing() as tx:
            at = self._store.clock()
            keys = read_signing_keys(tx)
            if any(at < key.starts for key in keys if key.role is role and key.compromised is None):
                raise Refused(f"The {role} key begins to sign later than now.", advice="Put the clock right first.")
            old = [_stopped(tx, key, at + overlap * 1_000_000) for key in current(keys, role, at)]
            return self._replace(tx, role, old[0] if old else None, given, at, by, "rotate-signing-key", why)

    def compromised(self, num: int, *, by: Actor, why: str, place: str | None = None) -> SigningKey | None:
        """Let a key never sign again, because somebody else may hold it, and make a new one unless another of its role
        signs already: return the new one, or None. ``place`` is as for :meth:`rotate`.

        Raises :class:`NotFound`, :class:`InvalidInput` without a reason, :class:`Refused` when it was said before.
        """
        why = plain("reason", why)
        given = None
        if place is not None:
            with self._store.reading() as tx:
                given = self._given(_numbered(read_signing_keys(tx), num).role, place)
        with self._store.writing() as tx:
            at = self._store.clock()
            old = _numbered(read_signing_keys(tx), num)
            if old.compromised is not None:
                raise Refused(f"Signing key {num} was called compromised before.")
            old = _stopped(tx, old, at, compromised=at)
            if given is None and current(read_signing_keys(tx), old.role, at):
                self._act(tx, at, by, "signing-key-compromised", old, None, why)
                self._told(tx, old, None, at)
                return None
            return self._replace(tx, old.role, old, given, at, by, "signing-key-compromised", why)

    def _given(self, role: Role, place: str | None) -> tuple[str, bytes] | None:
        """Open a key that was brought, before a transaction begins: a token can take its time."""
        if place is None:
            return None
        if len(place) > LONGEST_PLACE or not place.isprintable():
            raise InvalidInput("The place of a key cannot be used.", advice="Write file:… or pkcs11:…")
        if place.startswith(SCHEME):
            public = self._files.open(place, role).public
        elif place.startswith("pkcs11:"):
            public = self._token(place, None).public
        else:
            raise InvalidInput(f"{place!r} is no place for a key.", advice="Write file:… or pkcs11:…")
        return place, public

    def _replace(
        self, tx: Transaction, role: Role, old: SigningKey | None, given: tuple[str, bytes] | None, at: int, by: Actor,
        act: str, why: str,
    ) -> SigningKey:  # fmt: skip
        new = self._make(tx, role, given, at)
        try:
            self._act(tx, at, by, act, old, new, why)
            self._told(tx, old, new, at)
        except BaseException:
            if given is None:
                self._files.remove(new.place)
            raise
        return new

    def _make(self, tx: Transaction, role: Role, given: tuple[str, bytes] | None, at: int) -> SigningKey:
        keys = read_signing_keys(tx)
        num = max((key.num for key in keys), default=0) + 1
        if given is None:
            seed = self._random(SEED_BYTES)
            given = self._files.write(role, num, seed), Ed25519Secret(seed).public
        place, public = given
        if any(key.public == public for key in keys):
            raise Refused(
                "This node has signed with this key already.", advice="Every role and time has a key of its own."
            )
        key = SigningKey(num=num, role=role, public=public, place=place, created=at, starts=at)
        tx.run(
            f"INSERT INTO signing_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
            key.num, key.role.value, key.public, key.place, key.created, key.starts,
        )  # fmt: skip
        return key

    @staticmethod
    def _act(
        tx: Transaction, at: int, by: Actor, act: str, old: SigningKey | None, new: SigningKey | None, why: str = ""
    ) -> None:
        subject = old or new
        record(tx, at=at, person=by.id, act=act, subject=f"signing-key {0 if subject is None else subject.num}",
               why=why, details={**change(old, new), "place": None if new is None else new.place})  # fmt: skip


def read_signing_keys(tx: Transaction) -> list[SigningKey]:
    """Every key that this node ever signed with, oldest first."""
    return [_key(row) for row in tx.all(f"SELECT {_COLUMNS} FROM signing_keys ORDER BY num")]


def _key(row: Row) -> SigningKey:
    return SigningKey(num=row[0], role=Role(row[1]), public=bytes(row[2]), place=row[3], created=row[4], starts=row[5],
                      stops=row[6], compromised=row[7])  # fmt: skip


def _numbered(keys: Sequence[SigningKey], num: int) -> SigningKey:
    for key in keys:
        if key.num == num:
            return key
    raise NotFound(f"There is no signing key {num}.", advice="`titian signing list` shows them.")


def _stopped(tx: Transaction, key: SigningKey, stops: int, compromised: int | None = None) -> SigningKey:
    """End a key, no later than it would have ended anyway."""
    stops = stops if key.stops is None else min(key.stops, stops)
    tx.run("UPDATE signing_keys SET stops = ?, compromised = ? WHERE num = ?", stops, compromised, key.num)
    return msgspec.structs.replace(key, stops=stops, compromised=compromised)
