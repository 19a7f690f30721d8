"""SQL for objects, collections, keys and receipts, on SQLite and PostgreSQL."""
