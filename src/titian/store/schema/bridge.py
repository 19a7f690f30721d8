"""What passes between nodes, and the ledgers that remember it. Instants are microseconds since the Unix epoch."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from titian.store.schema.base import ID, metadata

ledgers = Table(
    "ledgers",
    metadata,
    Column("num", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("origin", Text, nullable=False, unique=True),
    Column("agreement", Text, unique=True),
    Column("created", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sealed", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("checkpoint", LargeBinary),
    Column("signed", BigInteger),
    Column("halted", Text),
    Column("closed", BigInteger),
)
"""The ledgers of this node: one for each ``agreement``, and the private one, which has none.

``size`` counts the entries, ``sealed`` those of them that the last ``checkpoint`` covers, with the ``root`` that it
has. ``halted`` says why nothing is signed until a person decides (law 10). One that is ``closed`` was given up after
a restore: another one goes on for its agreement, which it no longer names.
"""

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("ledger", Integer, primary_key=True, autoincrement=False),
    Column("num", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("party", Text),
    Column("salt", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("ix_ledger_entries_party", "ledger", "party", "num"),
)
"""What the leaves of a ledger commit to. ``num`` counts from 0; ``party`` is whom an entry is opened to, the empty
text stands for every party of the agreement, NULL for nobody outside."""

ledger_tiles = Table(
    "ledger_tiles",
    metadata,
    Column("ledger", Integer, primary_key=True, autoincrement=False),
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("num", BigInteger, primary_key=True, autoincrement=False),
    Column("width", SmallInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
"""Tiles as they are served (C2SP tlog-tiles); level -1 holds the entry bundles."""

cosignatures = Table(
    "cosignatures",
    metadata,
    Column("ledger", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("line", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""The last cosignatures of each witness under checkpoints of ours; ``key`` is its verifier key."""

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("num", Integer, primary_key=True, autoincrement=False),
    Column("role", Text, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("place", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("starts", BigInteger, nullable=False),
    Column("stops", BigInteger),
    Column("compromised", BigInteger),
)
"""The keys that this node signs with: ``role`` is log or witness, ``place`` where the secret half lies, a file in the
node's home or a PKCS#11 URI. Only the public half is here."""

witnesses = Table(
    "witnesses",
    metadata,
    Column("key", Text, primary_key=True),
    Column("party", Text),
    Column("url", Text),
    Column("created", BigInteger, nullable=False),
    Column("removed", BigInteger),
)
"""Whose cosignatures this node takes under its checkpoints: verifier keys; ``url`` is where a C2SP witness takes
submissions, if it does."""

peers = Table(
    "peers",
    metadata,
    Column("party", Text, primary_key=True),
    Column("card", LargeBinary, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("adder", Text, nullable=False),
    Column("checked", Boolean, nullable=False),
)
"""The cards of other nodes: which keys they sign and open with. One that is not ``checked`` was taken as it came."""

peer_ledgers = Table(
    "peer_ledgers",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("party", Text),
    Column("agreement", Text),
    Column("url", Text),
    Column("keys", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("checkpoint", LargeBinary),
    Column("seen", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("broken", Text),
)
"""What this node remembers of the ledgers of others: the verifier keys that it trusts, the last head that it verified
and cosigned, up to where it has read what is opened to it, and what it found out (``broken``)."""

peer_entries = Table(
    "peer_entries",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("num", BigInteger, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
"""Entries of others' ledgers that were opened to this node and proved to be in them."""

evidence = Table(
    "evidence",
    metadata,
    Column("num", ID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("origin", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_evidence_origin", "origin"),
)
"""Proofs that a ledger, ours or another's, is not what it was: kept for ever, to be shown to a third."""

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("collection", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("next_try", BigInteger, nullable=False),
    Column("lease", BigInteger, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("terms", LargeBinary, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
"""Standing subscriptions: ``terms`` is what was asked for, ``state`` how it goes, ``secret`` the partner's key. Who
has a pull in hand holds it until ``lease``."""

arrivals = Table(
    "arrivals",
    metadata,
    Column("num", ID, primary_key=True),
    Column("subscription", Text, nullable=False),
    Column("collection", Integer, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("party", Text, nullable=False),
    Column("remote", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("judged", BigInteger),
    Column("origin", Text),
    Column("entry", BigInteger),
    Column("raw", LargeBinary),
    Index("ix_arrivals_judged", "subscription", "judged"),
    Index("ix_arrivals_digest", "digest"),
)
"""Pages as they arrived, before anything was judged; ``raw`` goes once every object of it is held or in quarantine.
``first`` and ``last`` are the sender's ``date_added``; ``entry`` is the delivery record in its ledger ``origin``."""

provenance = Table(
    "provenance",
    metadata,
    Column("collection", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("arrival", BigInteger, nullable=False),
)
"""Which arrival brought the entries of a collection from one ``date_added`` to another."""

recalls = Table(
    "recalls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("outgoing", Boolean, nullable=False),
    Column("agreement", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("deadline", BigInteger),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_recalls_state", "outgoing", "state"),
)
"""Recalls, those that this node made and those that it received; ``body`` has the rest."""

recall_answers = Table(
    "recall_answers",
    metadata,
    Column("recall", Text, primary_key=True),
    Column("party", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("answered", BigInteger),
    Column("body", LargeBinary, nullable=False),
)
"""Each recipient of a recall that this node made, and what it answered."""

flags = Table(
    "flags",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recall", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Received objects that their sender has recalled and that are still held: they go to nobody."""

bundles = Table(
    "bundles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("outgoing", Boolean, nullable=False),
    Column("agreement", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("num", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Index("ix_bundles_stream", "outgoing", "agreement", "party", "num"),
)
"""Sealed bundles that went out and came in, numbered for each agreement and party from 1."""

journals = Table(
    "journals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("upto", BigInteger, nullable=False),
)
"""The files of the delivery journal (:mod:`titian.store.journal`), and up to which byte each is taken in; below 0
that of one whose owner is gone, and which is being deleted. Empty on PostgreSQL."""

match_offers = Table(
    "match_offers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ours", Boolean, nullable=False),
    Column("agreement", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("data", LargeBinary),
    Column("secret", LargeBinary),
    Column("made", LargeBinary),
    Column("looked", LargeBinary),
    Index("ix_match_offers_party", "party", "kind"),
)
"""Offers of private matching, to partners and (not ``ours``) from them. ``data`` is what the partner gets, ``secret``
what only we have; ``made`` says of which objects it was made, and ``looked`` how they stood when that was checked last.
All four go when the offer is over."""

match_runs = Table(
    "match_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ours", Boolean, nullable=False),
    Column("offer", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("serving", LargeBinary),
    Column("outcome", LargeBinary),
    Index("ix_match_runs_party", "ours", "party", "kind", "begun"),
)
"""Runs of private matching: those in which a partner asked, with how far they have come (``serving``, after ``step``
messages), and those in which we asked (``ours``), with what came of it."""
