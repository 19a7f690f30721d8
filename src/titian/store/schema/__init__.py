"""The one schema, for SQLite and PostgreSQL alike. Instants are microseconds since the Unix epoch."""

from titian.store.schema import bridge, console, held, search
from titian.store.schema.base import metadata

TABLES = (held, bridge, search, console)
"""The modules that put their tables into ``metadata``."""

__all__ = ["TABLES", "metadata"]
