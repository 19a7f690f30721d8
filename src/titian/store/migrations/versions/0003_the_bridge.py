"""What the bridge needs: ledgers, subscriptions, recalls, bundles."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    _ledgers()
    _others()
    _exchange()
    _quarantine()


def _ledgers() -> None:
    op.create_table(
        "cosignatures",
        sa.Column("ledger", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger", "key", "size", name=op.f("pk_cosignatures")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("ledger", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("num", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("party", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger", "num", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_party", "ledger_entries", ["ledger", "party", "num"], unique=False)
    op.create_table(
        "ledger_tiles",
        sa.Column("ledger", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("num", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("width", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger", "level", "num", "width", name=op.f("pk_ledger_tiles")),
    )
    op.create_table(
        "ledgers",
        sa.Column("num", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.LargeBinary(), nullable=True),
        sa.Column("signed", sa.BigInteger(), nullable=True),
        sa.Column("halted", sa.Text(), nullable=True),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("num", name=op.f("pk_ledgers")),
        sa.UniqueConstraint("agreement", name=op.f("uq_ledgers_agreement")),
        sa.UniqueConstraint("id", name=op.f("uq_ledgers_id")),
        sa.UniqueConstraint("origin", name=op.f("uq_ledgers_origin")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("num", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("starts", sa.BigInteger(), nullable=False),
        sa.Column("stops", sa.BigInteger(), nullable=True),
        sa.Column("compromised", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("num", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "witnesses",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_witnesses")),
    )


def _others() -> None:
    op.create_table(
        "peers",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("card", sa.LargeBinary(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("adder", sa.Text(), nullable=False),
        sa.Column("checked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("party", name=op.f("pk_peers")),
    )
    op.create_table(
        "evidence",
        sa.Column("num", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("num", name=op.f("pk_evidence")),
    )
    op.create_index("ix_evidence_origin", "evidence", ["origin"], unique=False)
    op.create_table(
        "peer_entries",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("num", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "num", name=op.f("pk_peer_entries")),
    )
    op.create_table(
        "peer_ledgers",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=True),
        sa.Column("agreement", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.LargeBinary(), nullable=True),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("broken", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_peer_ledgers")),
    )


def _exchange() -> None:
    op.create_table(
        "arrivals",
        sa.Column("num", _ID, nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("collection", sa.Integer(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("remote", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("judged", sa.BigInteger(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("num", name=op.f("pk_arrivals")),
    )
    op.create_index("ix_arrivals_digest", "arrivals", ["digest"], unique=False)
    op.create_index("ix_arrivals_judged", "arrivals", ["subscription", "judged"], unique=False)
    op.create_table(
        "bundles",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("outgoing", sa.Boolean(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("num", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundles")),
    )
    op.create_index("ix_bundles_stream", "bundles", ["outgoing", "agreement", "party", "num"], unique=False)
    op.create_table(
        "flags",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recall", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flags")),
    )
    op.create_table(
        "provenance",
        sa.Column("collection", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("collection", "last", name=op.f("pk_provenance")),
    )
    op.create_table(
        "recall_answers",
        sa.Column("recall", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answered", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("recall", "party", name=op.f("pk_recall_answers")),
    )
    op.create_table(
        "recalls",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("outgoing", sa.Boolean(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recalls")),
    )
    op.create_index("ix_recalls_state", "recalls", ["outgoing", "state"], unique=False)
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("collection", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("next_try", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )


def _quarantine() -> None:
    op.add_column("quarantine", sa.Column("arrival", sa.BigInteger(), nullable=True))
    op.add_column("quarantine", sa.Column("state", sa.Text(), server_default="waiting", nullable=False))
    op.add_column("quarantine", sa.Column("decided", sa.BigInteger(), nullable=True))
    op.add_column("quarantine", sa.Column("decider", sa.Text(), nullable=True))
    op.add_column("quarantine", sa.Column("why", sa.Text(), nullable=True))
    op.add_column("collections", sa.Column("taken", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ix_quarantine_state", "quarantine", ["state", "num"], unique=False)
    # ### end Alembic commands ###
