"""Makes the parts of monitoring and says in which order they work. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter

from monitoring.alerts.alert_clips import AlertResources
from monitoring.alerts.routes import alert_routes
from monitoring.alerts.service import Alerts
from monitoring.arrangements.reloader import Reloader
from monitoring.arrangements.routes import rule_routes, scene_routes
from monitoring.arrangements.rule_store import RuleStore
from monitoring.arrangements.rule_trial import RuleTrials
from monitoring.arrangements.scene_store import SceneStore
from monitoring.arrangements.trial_routes import trial_routes
from monitoring.ask.asker import Asker
from monitoring.ask.installation import Arranged, InstallationReader
from monitoring.ask.kept import Kept
from monitoring.ask.routes import ask_routes
from monitoring.captions.routes import caption_routes
from monitoring.captions.scene_captions import SceneCaptions
from monitoring.core.contracts import BackgroundService, CommitHook, CutClip, SignLink
from monitoring.core.handler import Handler
from monitoring.core.known_people import KnownPeople
from monitoring.core.telling import Telling
from monitoring.deletion.routes import deletion_routes
from monitoring.deletion.service import Deletions
from monitoring.drift.drift import Drift, card_lookup
from monitoring.drift.routes import drift_routes
from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.people.enrolment import Enrolment
from monitoring.people.face_reader import NO_FACES, FaceReader
from monitoring.people.gallery_publisher import GalleryPublisher, KafkaTopic, LocalTopic
from monitoring.people.http.look_routes import look_routes
from monitoring.people.http.naming_routes import naming_routes
from monitoring.people.http.routes import people_routes
from monitoring.people.names import Names
from monitoring.people.store import PeopleStore
from monitoring.report.drift_history import DriftHistory
from monitoring.report.routes import report_routes
from monitoring.rules.rules import Rules
from monitoring.settings import MonitorSettings
from monitoring.store.event_routes import event_routes
from monitoring.store.live_events import LiveEvents
from monitoring.store.media import MediaStore
from monitoring.store.retention_policy import RetentionPolicy
from monitoring.tracks.backfill import TrackBackfill
from monitoring.tracks.routes import track_routes
from monitoring.tracks.writer import LiveTracks, TrackWriter
from workers.bus.message_bus import LocalBus
from workers.database.database import Database
from workers.kafka.settings import KafkaSettings
from workers.label_words import WordSource, usual_words
from workers.secrets.keys import NO_KEYS, SecretKeys
from workers.wall_clock import WallClock


@dataclass(frozen=True, slots=True)
class MonitoringContext:
    """What the process gives monitoring. `node`: the process's name; `local`: the in-process bus.

    `kafka`: None without; `cut_clip`: fetches a clip from whichever node runs the stream; `sign_link`: for messages;
    `ended`: whether a stream was removed, also one that no node ran, and so none says it; `words`: of labels;
    `keys`: encrypt what is stored on Kafka; `faces`: looks at pictures of people.
    """

    state_dir: Path
    node: str
    local: LocalBus
    kafka: KafkaSettings | None
    cut_clip: CutClip
    sign_link: SignLink | None = None
    ended: Callable[[str], bool] | None = None
    words: WordSource = usual_words
    keys: SecretKeys = NO_KEYS
    faces: FaceReader = NO_FACES


@dataclass(frozen=True, slots=True)
class Storage:
    """Where monitoring stores things, what of them, and who follows them.

    `active`: whether this process's monitor works; else another's does.
    """

    database: Database
    media: MediaStore
    clock: WallClock
    active: Callable[[], bool]
    live_events: LiveEvents
    live_tracks: LiveTracks
    policy: RetentionPolicy


@dataclass(frozen=True, slots=True)
class Assembly:
    """What `assemble` made. Handlers run in this order; services start in theirs and close in reverse.

    `scrub`: see CommitTargets.
    """

    handlers: list[Handler]
    hooks: list[CommitHook]
    services: list[BackgroundService]
    routers: list[APIRouter]
    scrub: Callable[[], None]


def assemble(settings: MonitorSettings, context: MonitoringContext, storage: Storage) -> Assembly:
    """All parts. Handlers: what happened, then drift and camera faults, then the rules, which look at both."""
    database, media = storage.database, storage.media
    people = PeopleStore(database, context.state_dir, settings.people, context.faces.law)
    telling = Telling(context.words, people.names, settings.captions.language)
    scenes = SceneStore(database, settings.scenes, settings.max_scenes)
    targets = (target.name for target in settings.alerts.targets)
    rules = RuleStore(database, settings.rules, targets, settings.max_rules, people.names)
    events = TrackEvents(settings.events, scenes)
    drift = Drift(settings.drift, card_lookup(context.state_dir), context.ended)
    captions = SceneCaptions(settings.captions, events, drift.faults, telling)
    alerts = Alerts(settings.alerts, _alert_resources(context, storage, people.names), rules.get, context.node)
    deletions = Deletions(database, media, storage.clock, (storage.live_events, storage.live_tracks))
    return Assembly(
        handlers=[events, drift, captions, Rules(rules, events, drift, context.ended, context.words, people.names)],
        hooks=[drift, DriftHistory(drift.reports), captions, alerts, TrackWriter(storage.live_tracks, storage.policy)],
        services=[
            Reloader((scenes, rules, people.names), settings.reread_s),
            alerts,
            TrackBackfill(database, storage.active),
            deletions,
            _gallery_publisher(people, context, storage),
        ],
        routers=[
            scene_routes(scenes),
            drift_routes(drift, settings.drift.commission_s),
            rule_routes(rules),
            _trial_routes(settings.events, storage, rules, telling),
            alert_routes(alerts, database, telling.people),
            *_told_routes(storage, telling),
            deletion_routes(database, deletions),
            *_people_routes(people, context.faces, storage, deletions, telling),
            report_routes(database, media, settings.mlflow_url, context.words, telling.people),
            ask_routes(_asker(storage, Arranged.of(scenes, rules), people.names, telling)),
        ],
        scrub=deletions.scrub_soon,
    )


def _alert_resources(context: MonitoringContext, storage: Storage, people: KnownPeople) -> AlertResources:
    return AlertResources(
        context.cut_clip,
        storage.media,
        storage.database,
        storage.clock,
        storage.active,
        context.sign_link,
        storage.policy,
        people,
    )


def _trial_routes(settings: EventSettings, storage: Storage, rules: RuleStore, telling: Telling) -> APIRouter:
    trials = RuleTrials(storage.database, settings, telling.words, people=telling.people)
    return trial_routes(trials, rules, storage.database, storage.policy, telling.people)


def _gallery_publisher(people: PeopleStore, context: MonitoringContext, storage: Storage) -> GalleryPublisher:
    topic = LocalTopic(context.local) if context.kafka is None else KafkaTopic(context.kafka, context.keys)
    return GalleryPublisher(people, topic, storage.active)


def _people_routes(
    people: PeopleStore, faces: FaceReader, storage: Storage, deletions: Deletions, telling: Telling
) -> list[APIRouter]:
    """Of known people."""
    enrolment = Enrolment(people, faces, storage.media)
    return [
        look_routes(enrolment, telling),
        people_routes(people, deletions.scrub_soon, telling),
        naming_routes(people, enrolment.look_at, storage.live_tracks.add),
    ]


def _told_routes(storage: Storage, telling: Telling) -> list[APIRouter]:
    """Of what is told in sentences."""
    return [
        event_routes(storage.database, storage.live_events, telling),
        caption_routes(storage.database, telling),
        track_routes(storage.database, storage.live_tracks, telling),
    ]


def _asker(storage: Storage, arranged: Arranged, names: Names, telling: Telling) -> Asker:
    """Who answers questions."""
    reader = InstallationReader(arranged, telling.words, names)
    return Asker(storage.database, reader, Kept(storage.policy), telling)
