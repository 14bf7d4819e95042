"""Who may change which rule: a rule concerns streams, those it names or all. Pure.

Names of rules are shared by everybody: whoever asks for one that others have learns that it is taken, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.arrangements.config_store import Allow
from monitoring.core.errors import ArrangementUnknown
from monitoring.rules.rule import Rule
from workers.access.principal import Principal, StreamScope
from workers.errors import Forbidden


def applies(rule: Rule, scope: StreamScope) -> bool:
    """Whether a rule concerns a stream in the scope: it names one, or none, which is all."""
    return not rule.streams or any(stream in scope for stream in rule.streams)


def may_put(principal: Principal, new: Rule) -> Allow[Rule]:
    """Raises Forbidden unless the new rule, and all that had its name, concern streams in the scope only."""
    scope = principal.scope("rules")

    def allow(affected: Sequence[Rule | None]) -> None:
        if not _covered(new, scope):
            raise Forbidden(
                f"rule {new.name}: this needs the role operator on every stream of the rule (action rules); "
                "one that names no streams concerns all"
            )
        if not all(_covered(rule, scope) for rule in affected):
            raise Forbidden(f"rule {new.name}: the name is taken by a rule for other streams, too; choose another name")

    return allow


def may_delete(principal: Principal, name: str) -> Allow[Rule]:
    """Raises ArrangementUnknown where the principal may not see the rule, Forbidden where it concerns other streams."""
    scope = principal.scope("rules")
    seen = StreamScope((*principal.scope("events").patterns, *scope.patterns))

    def allow(affected: Sequence[Rule | None]) -> None:
        if all(_covered(rule, scope) for rule in affected):
            return
        if not any(rule is not None and applies(rule, seen) for rule in affected):
            raise ArrangementUnknown(f"there is no rule {name}")
        raise Forbidden(f"rule {name}: this needs the role operator on every stream of the rule (action rules)")

    return allow


def _covered(rule: Rule | None, scope: StreamScope) -> bool:
    """Whether all streams of a rule are in the scope; of a stored one that cannot be read nobody knows which."""
    if scope.everything:
        return True
    return rule is not None and bool(rule.streams) and all(stream in scope for stream in rule.streams)
