"""What alembic runs for each migration: on the connection it is given, in that one's transaction. Any thread."""

from __future__ import annotations

from alembic import context

from monitoring.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
context.run_migrations()
