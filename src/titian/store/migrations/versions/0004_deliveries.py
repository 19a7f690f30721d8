"""What deliveries need: how far each journal is taken in, and the digests of what lies in a segment."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "journals",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_journals")),
    )
    op.add_column("segments", sa.Column("digests", sa.LargeBinary(), nullable=True))
