"""Bring a database to this version's schema, with Alembic. Kept apart: serving needs only the number."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from titian.store.database import Database

_SCRIPTS: Final = Path(__file__).with_name("migrations")


def engine_url(url: str) -> str:
    """Return the address as SQLAlchemy wants it, with the driver that we use."""
    parsed = make_url(url)
    if parsed.get_backend_name() in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def migrate(database: Database) -> None:
    """Run every migration that is not yet in the database; each is one transaction."""
    engine = create_engine(engine_url(database.url))
    try:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
