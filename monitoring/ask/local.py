"""Answers a question from the database of a configuration, without a service. Blocks; any thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from monitoring.arrangements.rule_store import RuleStore
from monitoring.arrangements.scene_store import SceneStore
from monitoring.ask.asker import Asker, Asking
from monitoring.ask.installation import Arranged, InstallationReader
from monitoring.ask.kept import Kept
from monitoring.ask.views import AskRequest
from monitoring.core.known_words import KnownWords
from monitoring.core.telling import Telling
from monitoring.events.zone import Scene
from monitoring.people.names import Names
from monitoring.rules.rule import Rule
from monitoring.store.retention_policy import RetentionPolicy
from workers.access.principal import ALL_STREAMS
from workers.database.database import Database
from workers.errors import SettingsError
from workers.model_card import ModelStore
from workers.validation import first_reason

if TYPE_CHECKING:
    from monitoring.store.settings import RetentionSettings
    from workers.settings import WorkerSettings


class StoringSettings(Protocol):
    """What of monitoring's settings (monitoring/settings.py)."""

    @property
    def scenes(self) -> Sequence[Scene]:
        """Of the configuration."""
        ...

    @property
    def rules(self) -> Sequence[Rule]:
        """Of the configuration."""
        ...

    @property
    def retention(self) -> RetentionSettings:
        """What is stored, and for how long."""
        ...

    def url(self, state_dir: Path) -> str:
        """Of the database."""
        ...


class AskSettings(Protocol):
    """What the command needs of all settings."""

    @property
    def monitoring(self) -> StoringSettings:
        """Where the events are, and what is arranged."""
        ...

    @property
    def workers(self) -> WorkerSettings:
        """Where models are, whose labels have words."""
        ...

    @property
    def state_dir(self) -> Path:
        """Where both are by default."""
        ...


@dataclass(frozen=True, slots=True)
class AskContext:
    """Where events and models are, and what the configuration arranges. `database_url` may contain a password."""

    database_url: str
    models: ModelStore
    scenes: Sequence[Scene]
    rules: Sequence[Rule]
    retention: RetentionSettings


def context_of(settings: AskSettings) -> AskContext:
    """Of a configuration."""
    own, state_dir = settings.monitoring, settings.state_dir
    models = ModelStore.of(settings.workers.models_dir, state_dir)
    return AskContext(own.url(state_dir), models, own.scenes, own.rules, own.retention)


def answer_here(context: AskContext, question: str, tz: str) -> dict[str, Any]:
    """An AskAnswer. Raises SettingsError for a question that is none, or where there is no database."""
    try:
        request = AskRequest(question=question, tz=tz)
    except ValidationError as error:
        raise SettingsError(first_reason(error, "question")) from error
    database = Database(context.database_url)
    if database.is_sqlite and not Path(database.url.database or "").is_file():
        raise SettingsError(f"{database.url.database}: there is no database; has the service run with this state_dir?")
    try:
        scenes = SceneStore(database, context.scenes)
        rules = RuleStore(database, context.rules, ())
        names = Names(database)
        for store in (scenes, rules, names):
            store.reload()
        words = KnownWords(context.models)
        reader = InstallationReader(Arranged.of(scenes, rules), words, names)
        asker = Asker(database, reader, Kept(RetentionPolicy(context.retention)), Telling(words, names))
        return asker.ask(request, Asking(ALL_STREAMS, ALL_STREAMS, names=True))
    finally:
        database.close()
