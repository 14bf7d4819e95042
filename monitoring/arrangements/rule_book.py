"""The rules, as handlers, dispatchers and routes know them. Any thread; reading never blocks."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, String, Table, Text

from monitoring.arrangements.config_store import ConfigStore, ConfiguredItem
from monitoring.core.errors import ArrangementRefused
from monitoring.rules.rule import CameraFaultCondition, DownCondition, DriftCondition, Rule
from monitoring.store.tables import metadata
from workers.database.database import Database

rules_table = Table(
    "rules",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("body", Text, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
)
"""Rules that came over HTTP."""

DEFAULT_RULES = (
    Rule(name="stream-down", when=DownCondition(), severity="critical", clip=False),
    Rule(name="camera-fault", when=CameraFaultCondition(), severity="critical"),
    Rule(name="drift", when=DriftCondition(), clip=False),
)
"""What holds when the configuration names no rules."""


class RuleBook(ConfigStore[Rule]):
    """Rules by name."""

    def __init__(self, database: Database, configured: Iterable[Rule] = (), targets: Iterable[str] = ()) -> None:
        """targets: whom alerts can be told."""
        self._targets = frozenset(targets)
        by_name = {rule.name: rule for rule in configured}
        defaults = {} if by_name else {rule.name: rule for rule in DEFAULT_RULES}
        super().__init__(database, rules_table, Rule, ConfiguredItem(configured=by_name, defaults=defaults))

    def put(self, name: str, one: Rule) -> bool:
        """See Kept. Raises ArrangementRefused when it names a target that there is not."""
        for target in one.targets or ():
            if target not in self._targets:
                known = ", ".join(sorted(self._targets)) or "none"
                raise ArrangementRefused(f"targets: there is no target {target}; the configuration has {known}")
        return super().put(name, one)

    def rule(self, name: str) -> Rule | None:
        """The rule of that name as it is now, None when there is none."""
        known = self.known().get(name)
        return None if known is None else known[0]

    def rules(self) -> tuple[Rule, ...]:
        """All rules that are enabled."""
        return tuple(rule for rule, _ in self.known().values() if rule.enabled)
