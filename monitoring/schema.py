"""All tables of all parts: what the migrations must lead to. Pure. Parts with a file of tables import it here."""

from __future__ import annotations

from monitoring.alerts import tables as _alerts  # noqa: F401 - declares its tables
from monitoring.arrangements import rule_book as _rule_book  # noqa: F401 - declares its table
from monitoring.arrangements import scenes as _scenes  # noqa: F401 - declares its table
from monitoring.report import history as _history  # noqa: F401 - declares its table
from monitoring.store.tables import metadata

__all__ = ["metadata"]
