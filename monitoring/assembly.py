"""Makes the parts of monitoring and says in which order they work. Pure."""

from __future__ import annotations

from monitoring.alerts.routes import alert_routes
from monitoring.alerts.service import Alerts
from monitoring.arrangements.reloader import Reloader
from monitoring.arrangements.routes import rule_routes, scene_routes
from monitoring.arrangements.rule_book import RuleBook
from monitoring.arrangements.scenes import Scenes
from monitoring.core.ports import Assembly, MonitoringContext
from monitoring.drift.drift import Drift, cards_of
from monitoring.drift.routes import drift_routes
from monitoring.events.tracks import TrackEvents
from monitoring.report.history import DriftHistory
from monitoring.report.routes import report_routes
from monitoring.rules.rules import Rules


def assemble(shared: MonitoringContext) -> Assembly:
    """All parts. Handlers: what happened, then drift and camera faults, then the rules, which look at both."""
    settings = shared.settings
    scenes = Scenes(shared.database, settings.scenes)
    rules = RuleBook(shared.database, settings.rules, (target.name for target in settings.alerts.targets))
    events = TrackEvents(settings.events, scenes)
    drift = Drift(settings.drift, cards_of(shared.state_dir))
    alerts = Alerts(shared, rules.rule)
    return Assembly(
        handlers=[events, drift, Rules(rules, events, drift)],
        keepers=[drift, DriftHistory(drift.reports), alerts],
        helpers=[Reloader((scenes, rules), settings.reread_s), alerts],
        routers=[
            scene_routes(scenes),
            drift_routes(drift, settings.drift.commission_s),
            rule_routes(rules),
            alert_routes(alerts, shared.database),
            report_routes(shared.database, shared.media, settings.mlflow_url),
        ],
    )
