"""What alembic runs for each migration: on the connection it is given, in that one's transaction. Any thread."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
context.configure(connection=attributes["connection"], version_table=attributes["version_table"])
context.run_migrations()
