"""What the console keeps for people: passkeys, how they want to be spoken to, and what is being worked on for them.
Instants are microseconds since the Unix epoch."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text

from titian.store.schema.base import metadata

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("challenged", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger),
    Column("transports", Text, nullable=False),
    Index("ix_passkeys_person", "person"),
)
"""See :class:`titian.core.passkey.Passkey`; ``transports`` are joined by spaces. ``challenged`` is the instant of the
latest challenge that was answered: no earlier one is taken any more, so none is answered twice."""

preferences = Table(
    "preferences",
    metadata,
    Column("person", ForeignKey("people.id"), primary_key=True),
    Column("language", Text),
    Column("zone", Text),
)
"""The language and time zone that a person has chosen; NULL for what they left to the browser and the node."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("finished", BigInteger),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("result", LargeBinary),
    Column("worker", Text, nullable=False),
    Index("ix_jobs_person", "person", "created"),
    Index("ix_jobs_finished", "finished"),
)
"""Long work that somebody waits for, and what came of it. No backup has it: what was running is not, afterwards."""
