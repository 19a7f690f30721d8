"""Bring a database to this version's schema, with Alembic. Kept apart: serving needs only the number."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from titian.core.errors import Refused, Unavailable
from titian.store.database import Database

_SCRIPTS: Final = Path(__file__).with_name("migrations")
_DIALECTS: Final = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}


def engine_for(database: Database) -> Engine:
    """An SQLAlchemy engine over connections of our own: an address means here what it means everywhere else."""
    return create_engine(_DIALECTS[database.kind], creator=database.connect, poolclass=NullPool)


def migrate(database: Database, to: str = "head") -> None:
    """Run every migration that is not yet in the database, up to the one numbered ``to``, in one transaction.

    Raises :class:`Refused` for a schema of a newer version, :class:`Unavailable` when the database does not answer.
    """
    engine = engine_for(database)
    try:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, to)
    except CommandError as error:
        raise Refused(f"The schema of the database is not one of this version: {error}.",
                      advice="A newer schema needs a newer Titian.") from error  # fmt: skip
    except SQLAlchemyError as error:
        raise Unavailable(f"The database could not be set up: {str(error).partition(chr(10))[0]}.") from error
    finally:
        engine.dispose()
