"""Tells nodes who is enrolled: has `livesight.people` say what the database says. Runs in its own thread.

The database is the truth. With Kafka the topic is followed, so that it is known what it has: whoever is not in the
database gets a tombstone, also one that was erased while the broker was away, and what a broker lost is written again.
Without Kafka the records go to the nodes of this process. Does nothing while this process's monitor stands by.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from monitoring.people.roster import read_roster
from monitoring.people.rows import revision
from monitoring.people.store import PeopleStore
from workers.bus.message_bus import PEOPLE, LocalBus, Message
from workers.errors import BusError, DatabaseError, SecretLocked
from workers.identity.person_record import PERSON_SCHEMA, PersonLooks, fingerprint, from_record, to_record
from workers.kafka.control_writer import ControlWriter
from workers.kafka.settings import KafkaSettings
from workers.kafka.tail import Record, Tail, TailPlan
from workers.logs import StateLog
from workers.secrets.keys import SecretKeys

log = structlog.get_logger(__name__)

_LOOK_S = 2.0
_SETTLE_S = 0.2  # an import changes many people one after another
_LOST_S = 3600.0  # a picture without a row that is as old will get none
_MOVED = 0.01
"""A threshold that moves by less is not told: it moves a little for everybody with each who is enrolled."""

_Told = tuple[bytes, float]
"""Fingerprint of the faces, and threshold."""


class GalleryTopic(Protocol):
    """Where records go. Any thread."""

    def told(self) -> dict[str, _Told] | None:
        """What it has, by person; None while that is not known. Faces are b"" where a record cannot be read."""
        ...

    def put(self, person: str, looks: PersonLooks | None) -> None:
        """Write a record; None: a tombstone. Blocks. Raises BusError."""
        ...

    def problems(self) -> list[str]:
        """Readiness reasons."""
        ...

    def close(self, timeout_s: float) -> None:
        """Idempotent."""
        ...


class LocalTopic:
    """Within one process: plain records to whoever follows."""

    def __init__(self, bus: LocalBus) -> None:
        self._bus = bus
        self._told: dict[str, _Told] = {}

    def told(self) -> dict[str, _Told] | None:
        """See GalleryTopic."""
        return dict(self._told)

    def put(self, person: str, looks: PersonLooks | None) -> None:
        """See GalleryTopic."""
        value = b"" if looks is None else to_record(person, looks, None)
        headers = (("schema", PERSON_SCHEMA.encode()), ("content-type", b"application/json"))
        self._bus.publish(Message(PEOPLE, person, value, headers, time.monotonic()))
        if looks is None:
            self._told.pop(person, None)
        else:
            self._told[person] = (fingerprint(looks), looks.threshold)

    def problems(self) -> list[str]:
        """See GalleryTopic."""
        return []

    def close(self, timeout_s: float) -> None:
        """See GalleryTopic."""


class KafkaTopic:
    """`livesight.people`, encrypted, and followed. Also a RecordHandler, on the tail's thread."""

    def __init__(self, kafka: KafkaSettings, keys: SecretKeys) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._told: dict[str, _Told] = {}
        self._whole = False
        self._writer = ControlWriter(kafka)
        self._tail = Tail(kafka, TailPlan("people", whole=(PEOPLE,)), self)
        self._started = False

    def told(self) -> dict[str, _Told] | None:
        """See GalleryTopic. Begins to follow at the first call, but never where there is no key to write with."""
        if self._keys.current is None:
            return None
        if not self._started:
            self._started = True
            self._tail.start()
        with self._lock:
            return dict(self._told) if self._whole else None

    def put(self, person: str, looks: PersonLooks | None) -> None:
        """See GalleryTopic."""
        value = None if looks is None else to_record(person, looks, self._keys)
        self._writer.write(PEOPLE, person, value, PERSON_SCHEMA)

    def problems(self) -> list[str]:
        """See GalleryTopic."""
        if self._keys.current is None:
            return ["people: nodes are not told who is enrolled, as looks must be encrypted; set cluster.secret"]
        if self._started and self._tail.problem is not None:
            return [f"people: nodes are not told who is enrolled: {self._tail.problem}"]
        return []

    def close(self, timeout_s: float) -> None:
        """See GalleryTopic."""
        self._tail.close(timeout_s)
        self._writer.close(0.1)

    def begin(self) -> None:
        """See RecordHandler."""
        with self._lock:
            self._told, self._whole = {}, False

    def take(self, record: Record) -> None:
        """See RecordHandler."""
        told: _Told | None = None
        if record.value is not None:
            try:
                looks = from_record(record.key, record.value, self._keys)
                told = fingerprint(looks), looks.threshold
            except (ValueError, SecretLocked):
                told = b"", 0.0
        with self._lock:
            if told is None:
                self._told.pop(record.key, None)
            else:
                self._told[record.key] = told

    def caught_up(self, unavailable: Collection[str]) -> None:
        """See RecordHandler."""
        with self._lock:
            self._whole = PEOPLE not in unavailable


class GalleryPublisher:
    """A BackgroundService."""

    def __init__(self, store: PeopleStore, topic: GalleryTopic, active: Callable[[], bool]) -> None:
        self._store = store
        self._topic = topic
        self._active = active
        self._awake = threading.Event()
        self._closing = threading.Event()
        self._settled: tuple[int, int] | None = None  # revision, and how many the topic had, when all was told
        self._used = False  # whether anybody was ever added: else no topic is read, and nothing is wrong
        self._problem: str | None = None
        self._problem_log = StateLog(log, "people_not_published")
        self._thread = threading.Thread(target=self._run, name="people-publish", daemon=True)
        store.subscribe(self._awake.set)

    def start(self) -> None:
        """See BackgroundService."""
        self._thread.start()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        problem = self._problem
        found = [] if problem is None else [f"people: nodes are not told who is enrolled: {problem}"]
        return found or (self._topic.problems() if self._used and self._active() else [])

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. What is untold is told after the next start."""
        self._closing.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._topic.close(timeout_s)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                if self._active():
                    self._tell()
                self._problem = None
                self._problem_log.clear()
            except (BusError, DatabaseError) as error:
                self._problem = str(error)
                self._problem_log.note(str(error))
            except Exception as error:  # noqa: BLE001 - logged, when it begins and then rarely
                self._problem = f"internal error ({type(error).__name__}), see the log"
                self._problem_log.note(repr(error), exc_info=error)
            self._awake.wait(_LOOK_S)
            if self._awake.is_set():
                self._closing.wait(_SETTLE_S)
            self._awake.clear()

    def _tell(self) -> None:
        """Raises BusError, DatabaseUnavailable."""
        with self._store.database.read() as connection:
            newest = revision(connection)
            if newest > 0 and not self._used:
                self._store.sweep(time.time() - _LOST_S)
            self._used = newest > 0
            told = self._topic.told() if self._used else None
            if told is None or self._settled == (newest, len(told)):
                return
            roster = read_roster(connection, self._store.law)
        for person in sorted(told.keys() - roster.keys()):
            self._topic.put(person, None)
        changed = [person for person, looks in roster.items() if _differs(told.get(person), looks)]
        for person in changed:
            if self._closing.is_set():
                return
            self._topic.put(person, roster[person])
        self._settled = (newest, len(roster))
        if changed or told.keys() - roster.keys():
            log.info("people_published", changed=len(changed), erased=len(told.keys() - roster.keys()))


def _differs(told: _Told | None, looks: PersonLooks) -> bool:
    if told is None or told[0] != fingerprint(looks):
        return True
    return abs(told[1] - looks.threshold) >= _MOVED
