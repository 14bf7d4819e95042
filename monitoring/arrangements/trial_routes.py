"""The route that tries a rule. Runs on the event loop; the trial runs in its executor."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from monitoring.arrangements.routes import MayChangeRules, RuleBody
from monitoring.arrangements.rule_access import may_put
from monitoring.arrangements.rule_store import RuleStore
from monitoring.arrangements.rule_trial import RuleTrials, Trial
from monitoring.core.known_people import NOBODY, KnownPeople, ToldNames
from monitoring.rules.replay import kinds_of
from monitoring.rules.rule import Rule
from monitoring.store.media import of_tracks, track_of
from monitoring.store.retention_policy import RetentionPolicy
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal
from workers.bus.event import Event, Severity
from workers.database.database import Database

_UNNAMED = "new rule"
_NOT_STORED = (
    "Some of these events are not stored on some cameras (monitoring.retention.rules): there would be more alerts."
)


class TriedAlert(BaseModel):
    """An alert that would have been raised; `picture_url` and `snapshot_url` are of its track, null without."""

    captured_at_ns: int
    stream_id: str
    severity: Severity
    text: str
    track_id: int | None
    label: str | None
    zone: str | None
    person: str | None
    names: dict[str, str] = Field(description="Id → name of those it is about, for who may see names.")
    picture_url: str | None
    snapshot_url: str | None


class TriedRule(BaseModel):
    """What a rule would have raised, as far as the stored events tell."""

    count: int | None = Field(description="How many alerts; null where that cannot be told: see `gaps`.")
    first_at_ns: int | None
    last_at_ns: int | None
    since_ns: int = Field(description="From when on was looked.")
    until_ns: int = Field(description="Until when was looked: now.")
    complete: bool = Field(description="False where there was more than there is time for: the oldest is left out.")
    gaps: list[str] = Field(description="What could not be known, and why, in sentences.")
    alerts: list[TriedAlert] = Field(description="The newest of them, the newest first.")


Days = Annotated[int, Query(ge=1, le=31, description="How far back to look.")]
Limit = Annotated[int, Query(ge=0, le=500, description="How many alerts to return; all are counted.")]


def trial_routes(
    trials: RuleTrials, rules: RuleStore, database: Database, policy: RetentionPolicy, people: KnownPeople = NOBODY
) -> APIRouter:
    """`POST /v1/rules/try`. people: whose names are told to who may see them."""
    router = APIRouter(tags=["rules"], route_class=GuardedRoute)

    @router.post(
        "/v1/rules/try",
        responses={409: {"description": "A rule of the same principal is being tried."}},
    )
    async def try_rule(principal: MayChangeRules, body: RuleBody, days: Days = 7, limit: Limit = 50) -> TriedRule:
        """Say what a rule would have raised, without saving it. The body is that of `PUT /v1/rules/{name}`.

        The stored events are run through the rules by a clock of their own. Needs the role on every stream of the rule.
        """
        rule = Rule(**body.model_dump(exclude={"origin"}) | {"name": body.name or _UNNAMED})
        may_put(principal, rule)(())
        rules.check(rule)
        return TriedRule(**await asyncio.to_thread(tried, principal, rule, days, limit))

    def tried(principal: Principal, rule: Rule, days: int, limit: int) -> dict[str, Any]:
        with trials.turn(principal.id):
            trial = trials.run(rule, principal.scope("events"), days, limit)
        if any(policy.leaves_out(kind, rule.streams) for kind in kinds_of(rule)):
            trial.gaps.append(_NOT_STORED)
        return _view(trial, database, ToldNames.to(principal, people))

    return router


def _view(trial: Trial, database: Database, told: ToldNames) -> dict[str, Any]:
    """A TriedRule. Blocks."""
    found = [told.event(alert.model_dump()) for alert in trial.alerts]
    tracks = {track_of(alert) for alert in found if alert["track_id"] is not None}
    with database.read() as connection:
        files = {(*track_of(row), row["kind"]): row["id"] for row in of_tracks(connection, tracks)}

    def url(alert: Event, kind: str) -> str | None:
        number = files.get((alert.stream_id, alert.session, alert.track_id, kind))
        return None if number is None else f"/v1/snapshots/{number}"

    return {
        **{name: getattr(trial, name) for name in ("count", "since_ns", "until_ns", "complete", "gaps")},
        "first_at_ns": trial.first_ns,
        "last_at_ns": trial.last_ns,
        "alerts": [
            {
                **{name: shown[name] for name in TriedAlert.model_fields if name in shown},
                "picture_url": url(alert, "picture"),
                "snapshot_url": url(alert, "crop"),
            }
            for alert, shown in zip(trial.alerts, found, strict=True)
        ],
    }
