"""What a node holds, and who may have it. Instants are microseconds since the Unix epoch.

The bytes of a collection lie in *segments*: runs of up to 64 kB of its objects in the order of ``date_added``,
joined by commas, so that a page of a thousand objects is read in about twenty rows instead of a thousand and
goes out without being parsed. ``entries`` says where each object lies in its segment.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from titian.store.schema.base import ID, metadata

node = Table(
    "node",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("identity", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""One row: who this node is, and the secret that signs page tokens and keys the index of identifiers."""

collections = Table(
    "collections",
    metadata,
    Column("num", ID, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("alias", Text, unique=True),
    Column("description", Text),
    Column("readable", Boolean, nullable=False),
    Column("writable", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("last_added", BigInteger, nullable=False),
    Column("kind", Text, nullable=False, server_default="own"),
    Column("agreement", Text),
    Column("party", Text),
    Column("opens", BigInteger),
    Column("closes", BigInteger),
    Column("expiry", BigInteger),
    Column("taken", BigInteger, nullable=False, server_default="0"),
    Index("ix_collections_agreement", "agreement", "party"),
)
"""``last_added`` only grows, also when entries are deleted: the next ``date_added`` is later than it.

``kind`` is that of :class:`titian.core.collection.Kind`. A released collection is what one ``party`` sees under one
``agreement``, open to it from ``opens`` until before ``closes``; a received one holds what came from ``party``.
``expiry`` is when the next of its entries ends (law 9), ``taken`` counts what was taken back from it. A received one
with an ``agreement`` is where its party puts what it sends back under that agreement.
"""

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("collection", ForeignKey("collections.num")),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Column("party", Text),
)
"""``party`` is whose key it is; without one it is the node's own organisation's."""

types = Table(
    "types",
    metadata,
    Column("num", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
)
"""The STIX object types that were ever held, numbered: entries carry the number."""

entries = Table(
    "entries",
    metadata,
    Column("collection", Integer, primary_key=True, autoincrement=False),
    Column("added", BigInteger, primary_key=True, autoincrement=False),
    Column("id_hash", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("type", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("versioned", Boolean, nullable=False),
    Column("text", Text),
    Column("digest", LargeBinary, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("segment", BigInteger, nullable=False),
    Column("start", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Index("ix_entries_id", "id_hash", "collection"),
    Index("ix_entries_type", "collection", "type", "added"),
    sqlite_with_rowid=False,
)
"""A collection's log: one row for each version of each object in it.

``text`` is the version as it is written in the object, where it is not the usual form with milliseconds.
``rank``: 1 = latest version here, 2 = first version here, 3 = both, 0 = neither. ``id_hash`` is a keyed 64-bit hash
of ``id``: an index of a third of the size of one over the text, which is what an insert at a million objects pays
for. Nothing is shared between collections: what one holds must not be told to a writer of another (law 1).
"""

segments = Table(
    "segments",
    metadata,
    Column("num", ID, primary_key=True, autoincrement=False),
    Column("collection", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("latest", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("digests", LargeBinary),
    Index("ix_segments_collection", "collection", "last"),
)
"""``latest`` counts the entries that are the latest version: equal to ``count``, the segment goes out whole.
``digests`` has SHA-256 of each object in it, one behind the other: of a page that is handed over, only these are hashed
again. NULL in segments that were written before there was this column."""

statuses = Table(
    "statuses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("collection", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("finished", BigInteger),
    Column("resource", LargeBinary, nullable=False),
    Column("body", LargeBinary),
    Column("lease", BigInteger, nullable=False),
    Index("ix_statuses_finished", "finished"),
)
"""What became of requests to add objects; ``body`` holds the request of one that is still pending, ``lease`` until
when a worker has it in hand."""

status_parts = Table(
    "status_parts",
    metadata,
    Column("status", Text, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Column("lines", LargeBinary, nullable=False),
)
"""The lines of a pending request, a part for each batch: what is written already is not written again."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("num", ID, primary_key=True),
    Column("collection", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("arrival", BigInteger),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("decided", BigInteger),
    Column("decider", Text),
    Column("why", Text),
    Index("ix_quarantine_id", "id"),
    Index("ix_quarantine_state", "state", "num"),
)
"""What arrived and was not accepted, with its bytes: nothing is overwritten and nothing is lost. ``state`` is
waiting, accepted or rejected; ``arrival`` the page that it came with, where a subscription brought it."""

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", LargeBinary, nullable=False),
    Column("written", BigInteger, nullable=False),
)
"""Where each pull from a partner goes on."""

expiries = Table(
    "expiries",
    metadata,
    Column("collection", Integer, primary_key=True, autoincrement=False),
    Column("expires", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),
)
"""Which objects of a collection end, and when. Only those that do have a row."""

copies = Table(
    "copies",
    metadata,
    Column("collection", Integer, primary_key=True, autoincrement=False),
    Column("source", Text, primary_key=True),
    Column("shown", Text, nullable=False),
    Column("version", BigInteger),
    Column("digest", LargeBinary, nullable=False),
    Column("origin", LargeBinary, nullable=False),
    Index("ix_copies_shown", "collection", "shown"),
    Index("ix_copies_source", "source"),
)
"""The redacted copies in a released collection: of which object, under which identifier, what they say, and the
digest of the bytes that each was made from. A row stays when its copy is taken back, so that a later copy of the same
object is a later version."""

requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agreement", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("requester", Text, nullable=False),
    Column("decided", BigInteger),
    Column("decider", Text),
    Column("body", LargeBinary, nullable=False),
    Index("ix_requests_state", "state", "created"),
)
"""Requests to release, and standing rules; ``body`` is what was asked for and what the preview showed."""

queries = Table(
    "queries",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Saved queries."""

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("full_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password", Text),
    Column("totp", LargeBinary),
    Column("totp_step", BigInteger, nullable=False),
    Column("issuer", Text),
    Column("subject", Text),
    Column("created", BigInteger, nullable=False),
    Column("disabled", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("locked_until", BigInteger),
    Index("uq_people_subject", "issuer", "subject", unique=True),
)
"""Accounts. ``password`` is an argon2id hash in PHC form, ``totp_step`` the last time step whose code was used; who
signs in over OpenID Connect is known by ``issuer`` and ``subject`` alone, never by an address."""

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("seen", BigInteger),
    Index("ix_sessions_person", "person"),
)
"""Who is signed in: SHA-256 of the token that they hold, which is never stored. ``seen`` is when a page was asked for
last, of a session in a browser; of others there is none."""

acts = Table(
    "acts",
    metadata,
    Column("num", ID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("person", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("details", LargeBinary, nullable=False),
    Index("ix_acts_subject", "subject"),
    Index("ix_acts_act", "act", "num"),
    Index("ix_acts_person", "person", "num"),
)
"""Who did what, when, to what, and why. Rows are added in the transaction of the act, and never changed."""
