"""The index over what is held. It can be forgotten and made anew. Instants are microseconds since the Unix epoch.

Everything that is searched for is a *term*: a word, a type, a marking, a reference. For each term there are the numbers
of the entries that have it, in chunks of 61,440 entries. A chunk is the unit of writing: what is new goes into the
last one. Each *scope* has terms, numbers and chunks of its own: 0 is what is held, every released collection is one by
itself, so that what a party finds, and how long it takes, does not depend on anything else (law 1).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table

from titian.store.schema.base import ID, metadata

search_state = Table(
    "search_state",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("terms", BigInteger, nullable=False),
    Column("chunks", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
)
"""One row: the last numbers that were given to terms and chunks. ``epoch`` changes when terms go: whoever remembers
numbers of terms forgets them then."""

search_scopes = Table(
    "search_scopes",
    metadata,
    Column("scope", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
)
"""How many numbers of entries were given in each scope; none is given twice."""

search_progress = Table(
    "search_progress",
    metadata,
    Column("collection", Integer, primary_key=True, autoincrement=False),
    Column("upto", BigInteger, nullable=False),
)
"""Up to which ``date_added`` the entries of each collection are indexed."""

search_left = Table(
    "search_left",
    metadata,
    Column("collection", Integer, primary_key=True, autoincrement=False),
    Column("added", BigInteger, primary_key=True, autoincrement=False),
    Column("id_hash", BigInteger, nullable=False),
)
"""Entries that were removed and are not yet taken out of the index. A search takes them out before it looks."""

search_documents = Table(
    "search_documents",
    metadata,
    Column("num", ID, primary_key=True, autoincrement=False),
    Column("collection", Integer, nullable=False),
    Column("added", BigInteger, nullable=False),
    Index("ix_search_documents_entry", "collection", "added", unique=True),
)
"""Which entry each number means. ``num`` is the scope times 2 to the 40 and the number in it."""

search_chunks = Table(
    "search_chunks",
    metadata,
    Column("num", ID, primary_key=True, autoincrement=False),
    Column("scope", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    Column("dirty", Integer, nullable=False),
    Column("swept", BigInteger, nullable=False),
    Index("ix_search_chunks_scope", "scope", "place", unique=True),
)
"""The chunks of each scope, the first at ``place`` 0. One that is ``dirty`` has terms of entries that were removed,
which are being cleared from it, up to the term ``swept``. Chunks of a negative scope are those over the terms of a
scope themselves (their scope is -1 less that scope), by which a part of a word is found."""

search_terms = Table(
    "search_terms",
    metadata,
    Column("num", ID, primary_key=True, autoincrement=False),
    Column("scope", Integer, nullable=False),
    Column("term", LargeBinary, nullable=False),
    Index("ix_search_terms_term", "scope", "term", unique=True),
)
"""Every term of each scope. Words are UTF-8; other terms begin with a control character that says what they are."""

search_postings = Table(
    "search_postings",
    metadata,
    Column("key", ID, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
"""Which entries of a chunk have a term (:mod:`titian.store.search_bits`). ``key`` is the chunk times 2 to the 32 and
the term."""
