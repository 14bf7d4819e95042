"""The rules of all streams: built in, configured, or set over HTTP. Any thread; reading never blocks."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, String, Table, Text

from monitoring.arrangements.config_store import Allow, ConfigStore, ItemKind, allow_all
from monitoring.core.errors import ArrangementRefused
from monitoring.core.known_people import KnownPeople
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
"""Rules that were set over HTTP."""

MOST_RULES = 200

DEFAULT_RULES = (
    Rule(name="stream-down", when=DownCondition(), severity="critical", clip=False),
    Rule(name="camera-fault", when=CameraFaultCondition(), severity="critical"),
    Rule(name="drift", when=DriftCondition(), clip=False),
)
"""The rules when the configuration has none."""


class RuleStore(ConfigStore[Rule]):
    """Rules by name."""

    noun = "rule"
    setting = "monitoring.max_rules"

    def __init__(
        self,
        database: Database,
        configured: Iterable[Rule] = (),
        targets: Iterable[str] = (),
        most: int = MOST_RULES,
        people: KnownPeople | None = None,
    ) -> None:
        """targets: the names of the alert targets that rules may use. most: rules that are stored.

        people: whom rules may name, by id; None: anybody.
        """
        self._people = people
        self._targets = frozenset(targets)
        by_name = {rule.name: rule for rule in configured}
        defaults = {} if by_name else {rule.name: rule for rule in DEFAULT_RULES}
        super().__init__(database, ItemKind(rules_table, Rule, most), by_name, defaults)

    def check(self, item: Rule) -> None:
        """Raises ArrangementRefused when the rule names an unknown target, or somebody who is not known."""
        for target in item.targets or ():
            if target not in self._targets:
                known = ", ".join(sorted(self._targets)) or "none"
                raise ArrangementRefused(f"targets: there is no target {target}; the configuration has {known}")

        for person in getattr(item.when, "people", ()):
            if self._people is not None and person not in self._people.ids(person):
                raise ArrangementRefused(
                    f"when.people: nobody who is known has the id {person}; `GET /v1/people` lists their ids"
                )

    def put(self, name: str, item: Rule, allow: Allow[Rule] = allow_all) -> bool:
        """See ConfigStore. Raises as `check`."""
        self.check(item)
        return super().put(name, item, allow)

    def rules(self) -> tuple[Rule, ...]:
        """All enabled rules."""
        return tuple(rule for rule, _ in self.items().values() if rule.enabled)
