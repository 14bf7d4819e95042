"""Column types and names that SQLite and PostgreSQL share. Pure."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, TypeDecorator, Uuid
from sqlalchemy.types import TypeEngine

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""For each package's MetaData: both databases call an index and a constraint the same, so migrations can name them."""

Serial = BigInteger().with_variant(Integer, "sqlite")
"""For primary keys that count by themselves: SQLite does so with INTEGER alone."""


class CompactUuid(TypeDecorator[uuid.UUID]):
    """A UUID: 16 bytes in SQLite (its own type would take 32 characters in table and index), uuid in PostgreSQL."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """See TypeDecorator."""
        return dialect.type_descriptor(LargeBinary(16) if dialect.name == "sqlite" else Uuid())

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> Any:
        """See TypeDecorator."""
        return value.bytes if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        """See TypeDecorator."""
        return uuid.UUID(bytes=value) if isinstance(value, bytes) else value
