"""Nodes are told who is enrolled: within the process and over Kafka, whatever happened meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from monitoring.migrations import MONITORING
from monitoring.people.edits import PersonChanges
from monitoring.people.erasure import erase_person
from monitoring.people.face_reader import ModelFaces, Reading
from monitoring.people.gallery_publisher import GalleryPublisher, GalleryTopic, KafkaTopic, LocalTopic
from monitoring.people.roster import Roster, read_roster
from monitoring.people.store import PeopleStore
from stream.config import StreamSettings
from tests.monitoring.people.test_naming import look
from tests.monitoring.shop import until
from tests.peers.kafka import Broker
from workers.bus.message_bus import PEOPLE, LocalBus
from workers.database.database import Database
from workers.database.migrations import migrate
from workers.identity.gallery_follower import GalleryFollower
from workers.identity.thresholds import DEFAULT_SHARE, threshold
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic_settings import TopicsSettings
from workers.model_card import Calibration, ModelCard, ModelStore
from workers.secrets.keys import NO_KEYS, KeyMaterial, SecretKeys
from workers.settings import WorkerSettings

BY = "user:ada"
KEYS = SecretKeys([KeyMaterial(b"a secret of the tests, long enough", "tests")])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PeopleStore]:
    database = Database(f"sqlite:///{tmp_path / 'livesight.db'}")
    migrate(database, MONITORING)
    yield PeopleStore(database, tmp_path)
    database.close()


@contextmanager
def publishing(store: PeopleStore, topic: GalleryTopic) -> Iterator[GalleryPublisher]:
    publisher = GalleryPublisher(store, topic, lambda: True)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close(10)


def enrolled(store: PeopleStore, name: str, *directions: int) -> str:
    person = store.create(PersonChanges(name), BY).id
    for number in directions:
        store.add_look(person, look(number, None), BY)
    return person


def test_a_process_of_its_own_knows_at_once(store: PeopleStore) -> None:
    bus, follower = LocalBus(), GalleryFollower()
    follower.subscribe(bus)
    anna = enrolled(store, "Anna", 1, 2)
    with publishing(store, LocalTopic(bus)) as publisher:
        until(lambda: follower.current().people == (anna,))
        ben, nobody = enrolled(store, "Ben", 5), enrolled(store, "Carl")
        until(lambda: set(follower.current().people) == {anna, ben})
        gallery = follower.current()
        assert nobody not in gallery.people, "without a look nobody can be recognised"
        assert gallery.match(np.eye(128, dtype=np.float32)[5]).person == ben
        store.merge(anna, ben, BY)
        until(lambda: follower.current().people == (anna,))
        assert follower.current().match(np.eye(128, dtype=np.float32)[5]).nearest == anna
        store.undo()
        until(lambda: set(follower.current().people) == {anna, ben})
        erase_person(store, anna, lambda: None)
        until(lambda: follower.current().people == (ben,))
        assert publisher.problems() == []


def test_thresholds_rise_with_the_gallery_and_with_look_alikes(store: PeopleStore) -> None:
    roster = Roster(store.database)
    anna = enrolled(store, "Anna", 1)
    alone_of = roster.thresholds()
    alone = alone_of(anna)
    assert alone is not None and alone[1] == 1 and roster.thresholds()("nobody") is None
    for number in range(2, 12):
        enrolled(store, f"person {number}", 10 + number)
    among = roster.thresholds()(anna)
    assert alone_of(anna) == alone, "as of when they were asked for: whoever lists people reads nothing more"
    assert among is not None and among[1] == 11 and among[0] > alone[0] + 0.05
    twin = store.create(PersonChanges("Twin"), BY).id
    both = look(1, None).vector * 0.8 + look(2, None).vector * 0.6
    store.add_look(twin, type(look(1))(both.astype(np.float32), "face-id/1", look(1).quality, "upload", None), BY)
    raised = roster.thresholds()(anna)
    assert raised is not None and raised[0] > among[0] + 0.1
    store.change(twin, PersonChanges(strict=True), BY)
    strict, usual = roster.thresholds()(twin), roster.thresholds()(anna)
    assert strict is not None and usual is not None and strict[0] > usual[0]
    gallery = roster.gallery("face-id/1")
    assert roster.gallery("face-id/1") is gallery and len(roster.gallery("other/1")) == 0


def test_thresholds_are_by_the_law_of_the_model(store: PeopleStore, tmp_path: Path) -> None:
    law, folder = Calibration(base=0.4, slope=0.02), tmp_path / "colour" / "1"
    folder.mkdir(parents=True)
    files = {"model.xml": "0" * 64}
    card = ModelCard(
        name="colour", version=1, task="embed", shapes_wh=((9, 9),), files=files, calibration=law, licence="ours"
    )
    (folder / "card.json").write_text(card.model_dump_json(by_alias=True))
    faces = ModelFaces(Reading(ModelStore([tmp_path]), WorkerSettings(), StreamSettings()))
    assert faces.law("colour/1") == law
    assert faces.law("colour/2") == faces.law("gone/1") == faces.law("no version") == Calibration()
    of_law = PeopleStore(store.database, tmp_path, law=lambda embedder: law)
    anna = enrolled(of_law, "Anna", 1)
    assert of_law.roster.thresholds()(anna) == (pytest.approx(threshold(DEFAULT_SHARE, 1, law)), 1, law)
    with store.database.read() as connection:
        assert read_roster(connection, of_law.law)[anna].threshold == pytest.approx(0.4419, abs=1e-3)


def test_the_topic_says_what_the_database_says(store: PeopleStore, broker: Broker) -> None:
    """Encrypted, without names; who was erased while nobody published gets a tombstone."""
    topics = TopicsSettings(partitions=1, prefix="shop")
    kafka = KafkaSettings(bootstrap_servers=(broker.address,), topics=topics, retry_s=0.2)
    anna, ben = enrolled(store, "Zanna", 1), enrolled(store, "Zben", 2)
    with publishing(store, KafkaTopic(kafka, NO_KEYS)) as publisher:
        until(lambda: publisher.problems())
        assert "cluster.secret" in publisher.problems()[0], "looks never leave in plain text"
    with publishing(store, KafkaTopic(kafka, KEYS)) as publisher:
        records = broker.read("shop.people", 2)
        until(lambda: not publisher.problems())
    assert {record.key for record in records} == {anna, ben}
    assert all(json.loads(record.value or b"{}").keys() == {"schema", "person", "sealed"} for record in records)
    erase_person(store, anna, lambda: None)
    with publishing(store, KafkaTopic(kafka, KEYS)):
        records = broker.read("shop.people", 3)
    follower = GalleryFollower(KEYS)
    for record in records:
        follower.apply(record.key, record.value)
    assert follower.current().people == (ben,)
    assert PEOPLE == "livesight.people"
