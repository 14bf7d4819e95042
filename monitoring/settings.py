"""All settings of monitoring, composed of those of its rooms. Pure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator

from monitoring.alerts.settings import AlertSettings
from monitoring.core.telling import CaptionSettings
from monitoring.drift.settings import DriftSettings
from monitoring.events.settings import EventSettings
from monitoring.events.zone import Scene
from monitoring.people.settings import PeopleSettings
from monitoring.rules.rule import Rule
from monitoring.store.settings import IngestSettings, RetentionSettings
from workers.database.database_url import driver_url


class MonitorSettings(IngestSettings):
    """Everything under `monitoring`. Times in seconds, sizes in bytes."""

    database_url: SecretStr | None = Field(
        default=None, description="postgresql://… or sqlite:///PATH. None: SQLite, state_dir/livesight.db."
    )
    retention: RetentionSettings = RetentionSettings()
    events: EventSettings = EventSettings()
    scenes: tuple[Scene, ...] = Field(default=(), description="Zones and lines; further ones may come over HTTP.")
    rules: tuple[Rule, ...] = Field(
        default=(), description="In place of stream-down, camera-fault and drift; further ones may come over HTTP."
    )
    max_rules: int = Field(default=200, ge=0, le=10_000, description="Most rules that are set over HTTP.")
    max_scenes: int = Field(
        default=1000, ge=0, le=100_000, description="Most streams whose zones and lines are set over HTTP."
    )
    reread_s: float = Field(
        default=2.0, gt=0, le=60, description="How soon zones and rules that another process changed are known here."
    )
    alerts: AlertSettings = AlertSettings()
    captions: CaptionSettings = CaptionSettings()
    drift: DriftSettings = DriftSettings()
    people: PeopleSettings = PeopleSettings()
    mlflow_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+",
        description="An MLflow server whose runs the Monitoring page and the report show, such as http://127.0.0.1:5000.",
    )

    @field_validator("scenes")
    @classmethod
    def _one_scene_per_stream(cls, scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
        twice = [stream for stream, count in Counter(scene.stream_id for scene in scenes).items() if count > 1]
        if twice:
            raise ValueError(f"there are two scenes of stream {twice[0]}; join them")
        return scenes

    @field_validator("rules")
    @classmethod
    def _unique_names(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        twice = [name for name, count in Counter(rule.name for rule in rules).items() if count > 1]
        if twice:
            raise ValueError(f"there are two rules {twice[0]}; give one another name")
        return rules

    @model_validator(mode="after")
    def _known_targets(self) -> MonitorSettings:
        targets = {target.name for target in self.alerts.targets}
        for rule in self.rules:
            unknown = set(rule.targets or ()) - targets
            if unknown:
                raise ValueError(f"rule {rule.name}: there is no target {min(unknown)} in alerts.targets")
        return self

    @field_validator("database_url")
    @classmethod
    def _supported(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            driver_url(value.get_secret_value())
        return value

    def url(self, state_dir: Path) -> str:
        """Where the database is, as SQLAlchemy takes it; may hold a password."""
        if self.database_url is None:
            return f"sqlite:///{state_dir / 'livesight.db'}"
        return driver_url(self.database_url.get_secret_value())

    @property
    def on_sqlite(self) -> bool:
        """Whether one process alone can use the database."""
        return self.database_url is None or self.database_url.get_secret_value().startswith("sqlite")
