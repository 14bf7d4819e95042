"""The tables of accounts. Pure.

Whoever adds some does it here or in a file beside with the same `metadata`, and in a migration (api/auth/migrations).
Times are wall clocks in nanoseconds. Ids are ULIDs. What proves who one is, a session's id, a key, a link, is stored as
its SHA-256 only: it is random enough that nobody finds it by trying, and whoever reads the database cannot use it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from workers.database.dialects import NAMING_CONVENTION

metadata = MetaData(naming_convention={**NAMING_CONVENTION, "fk": "fk_%(table_name)s_%(column_0_name)s"})

users = Table(
    "users",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False, unique=True),  # the name as it is compared: case does not matter
    Column("password_hash", String(255)),  # argon2's own form; null: signs in at a provider only
    Column("oidc_issuer", String(500)),
    Column("oidc_subject", String(255)),
    Column("refused_ns", BigInteger),  # when the provider ended its last session there; null: it has one, or had none
    Column("disabled", Boolean, nullable=False),
    Column("grants", Text, nullable=False),  # JSON, as api/auth/grants.py has it
    Column("created_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    Column("password_ns", BigInteger),  # when the password was set
    Column("signed_in_ns", BigInteger),  # the last time
    UniqueConstraint("oidc_issuer", "oidc_subject"),
)
"""People."""

user_sessions = Table(
    "user_sessions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),  # of what the cookie holds
    Column("id", String(26), nullable=False, unique=True),  # names it where it is listed, logged or ended
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_ns", BigInteger, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),  # within a minute
    Column("ends_ns", BigInteger, nullable=False, index=True),  # whatever it is used for
    Column("address", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
)
"""Who is signed in. A session that ends is deleted."""

setup_links = Table(
    "setup_links",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("created_ns", BigInteger, nullable=False),
    Column("ends_ns", BigInteger, nullable=False),
)
"""The link with which the first admin is made: one row at most, none once there is an account."""

service_accounts = Table(
    "service_accounts",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False, unique=True),
    Column("disabled", Boolean, nullable=False),
    Column("grants", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)
"""Programs that use the API."""

service_keys = Table(
    "service_keys",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("account_id", String(26), ForeignKey("service_accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(128), nullable=False),
    Column("prefix", String(16), nullable=False),  # how a key begins, by which its owner knows it again
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_ns", BigInteger, nullable=False),
    Column("ends_ns", BigInteger),  # null: not by itself
    Column("used_ns", BigInteger),
    Column("revoked_ns", BigInteger),
)
"""Their keys."""

oidc_sessions = Table(
    "oidc_sessions",
    metadata,
    Column(
        "session_id", String(26), ForeignKey("user_sessions.id", ondelete="CASCADE"), primary_key=True, nullable=False
    ),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("sid", String(255), index=True),  # of the provider's session
    Column("sealed", Text, nullable=False),  # its tokens, as api/auth/oidc/seal.py makes them
    Column("checked_ns", BigInteger, nullable=False, index=True),  # when the provider last said that it lasts
    Column("tried_ns", BigInteger, nullable=False),  # when it was last asked
)
"""Sessions that began at a provider."""
