"""Makes the parts of monitoring and says in which order they work. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitoring.alerts.routes import alert_routes
from monitoring.alerts.service import Alerts
from monitoring.arrangement_routes import rule_routes, scene_routes
from monitoring.conditions import DriftAlarm, Fault
from monitoring.parts import Built, Shared
from monitoring.rereading import Rereading
from monitoring.rule_book import RuleBook
from monitoring.rules import Rules
from monitoring.scenes import Scenes
from monitoring.tracks import Events


def assemble(shared: Shared) -> Built:
    """All parts. Handlers: what happened, then drift and camera faults, then the rules, which look at both."""
    settings = shared.settings
    scenes = Scenes(shared.database, settings.scenes)
    rules = RuleBook(shared.database, settings.rules, (target.name for target in settings.alerts.targets))
    events = Events(settings.events, scenes)
    alerts = Alerts(shared, rules.rule)
    return Built(
        handlers=[events, Rules(rules, events, _Unwatched())],
        keepers=[alerts],
        helpers=[Rereading((scenes, rules), settings.reread_s), alerts],
        routers=[scene_routes(scenes), rule_routes(rules), alert_routes(alerts, shared.database)],
    )


class _Unwatched:
    """Nobody looks for faults and drift."""

    def faults(self, stream_id: str) -> Mapping[str, Fault]:
        return {}

    def drifts(self, stream_id: str) -> Sequence[DriftAlarm]:
        return ()
