"""What finding needs: the index over what is held, and what was removed since it was last in step."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "search_state",
        sa.Column("one", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("terms", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_search_state")),
    )
    op.create_table(
        "search_scopes",
        sa.Column("scope", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_search_scopes")),
    )
    op.create_table(
        "search_progress",
        sa.Column("collection", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("collection", name=op.f("pk_search_progress")),
    )
    op.create_table(
        "search_left",
        sa.Column("collection", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("added", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id_hash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("collection", "added", name=op.f("pk_search_left")),
    )
    op.create_table(
        "search_documents",
        sa.Column("num", _ID, autoincrement=False, nullable=False),
        sa.Column("collection", sa.Integer(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("num", name=op.f("pk_search_documents")),
    )
    op.create_index("ix_search_documents_entry", "search_documents", ["collection", "added"], unique=True)
    op.create_table(
        "search_chunks",
        sa.Column("num", _ID, autoincrement=False, nullable=False),
        sa.Column("scope", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("dirty", sa.Integer(), nullable=False),
        sa.Column("swept", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("num", name=op.f("pk_search_chunks")),
    )
    op.create_index("ix_search_chunks_scope", "search_chunks", ["scope", "place"], unique=True)
    op.create_table(
        "search_terms",
        sa.Column("num", _ID, autoincrement=False, nullable=False),
        sa.Column("scope", sa.Integer(), nullable=False),
        sa.Column("term", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("num", name=op.f("pk_search_terms")),
    )
    op.create_index("ix_search_terms_term", "search_terms", ["scope", "term"], unique=True)
    op.create_table(
        "search_postings",
        sa.Column("key", _ID, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_search_postings")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Sets are read and written as a whole; compressing them costs more than it saves.
        op.execute("ALTER TABLE search_postings ALTER COLUMN data SET STORAGE EXTERNAL")
