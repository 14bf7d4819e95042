"""Database URLs as settings take them. Imports no SQLAlchemy: every command reads the settings. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")


def driver_url(text: str) -> str:
    """A database URL with our driver. Raises ValueError; the URL, which may hold a password, is not in its text."""
    scheme, found, rest = text.partition("://")
    if not found:
        raise ValueError("is no database URL, such as postgresql://user:password@host/livesight")
    if scheme in _POSTGRESQL:
        if not urlsplit(text).path.strip("/"):
            raise ValueError("names no database; it ends in the database's name: postgresql://host/livesight")
        return f"postgresql+psycopg://{rest}"
    if scheme != "sqlite":
        raise ValueError(f"a database of the kind {scheme} is not supported; postgresql:// and sqlite:// are")
    if not rest.startswith("/") or rest.strip("/") in ("", ":memory:"):
        raise ValueError("sqlite:// needs a path, such as sqlite:////var/lib/livesight/livesight.db")
    return text
