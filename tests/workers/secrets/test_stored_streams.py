"""Addresses and passwords of cameras as they are stored: encrypted, bound to their stream, never lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr, ValidationError

from stream.config import SECRET_FIELDS, StreamConfig
from workers.access.cluster_keys import ClusterKeys
from workers.bus.message_bus import STREAMS
from workers.cluster.control_reader import ControlCallbacks, ControlReader
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.stream_spec import SpecError, StreamSpec, TopicContent, TopicEpoch, read_spec
from workers.errors import SecretLocked, SettingsError
from workers.kafka.control_writer import ControlWriter
from workers.kafka.tail import Record
from workers.node.local_streams import LocalStreams
from workers.secrets.keys import NO_KEYS, KeyMaterial, SecretKeys
from workers.secrets.opening import FILE, has_own_key, renew_own_key, secret_keys
from workers.secrets.settings import SecretSettings
from workers.secrets.stored_stream import LockedStream, StoredStream, opened, stored

PASSWORD, TOKEN = "hunter2-of-the-gate", "t0k3n-0f-th3-g4t3"
OLD, NEW, OTHER = (f"{name} key of 32 bytes or more 0123456789" for name in ("old", "new", "other"))


def keys(*texts: str) -> SecretKeys:
    return SecretKeys([KeyMaterial(text.encode(), "secrets.key") for text in texts])


def gate(stream_id: str = "gate", **changes: Any) -> StreamConfig:
    url = f"rtsp://camera.example/live/{TOKEN}?channel=1"
    return StreamConfig(id=stream_id, url=url, user="admin", password=PASSWORD, max_fps=5, **changes)


def found_in(folder: Path) -> list[str]:
    """The files that hold what is secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if any(secret.encode() in path.read_bytes() for secret in (PASSWORD, TOKEN))]


def test_every_secret_field_of_a_stream_is_in_the_envelope() -> None:
    """What a later version adds with repr=False is a secret, too."""
    assert {name for name, field in StreamConfig.model_fields.items() if not field.repr} == set(SECRET_FIELDS)


def test_what_is_stored_shows_no_more_than_everybody_may_see() -> None:
    entry = stored(gate(), keys(NEW))
    text = json.dumps(entry)
    assert PASSWORD not in text and TOKEN not in text and "admin" not in text
    assert entry["camera"] == "rtsp://camera.example/live/…" and entry["max_fps"] == 5
    assert opened(StoredStream.model_validate(entry), keys(NEW)) == gate()
    assert stored(gate(), keys(NEW)) != entry  # another nonce each time
    demo = StreamConfig(id="demo", url="demo:")
    assert stored(demo, keys(NEW)) == stored(demo, NO_KEYS) == demo.model_dump(mode="json")


def moved(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "id": "other"}


def exchanged(entry: dict[str, Any]) -> dict[str, Any]:
    head, _, token = entry["sealed"].rpartition(":")
    return {**entry, "sealed": f"{head}:{token[:20]}{'B' if token[20] == 'A' else 'A'}{token[21:]}"}


def under_another_key(entry: dict[str, Any]) -> dict[str, Any]:
    [*head, _, token] = entry["sealed"].split(":")
    return {**entry, "sealed": ":".join([*head, keys(OLD).current or "", token])}


@pytest.mark.parametrize("change", [moved, exchanged, under_another_key])
def test_an_envelope_that_was_moved_or_changed_is_refused(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    found = opened(StoredStream.model_validate(change(stored(gate(), keys(NEW)))), keys(NEW, OLD))
    assert isinstance(found, LockedStream) and found.url is None and found.password is None
    assert "changed, or encrypted for another place" in found.reason


def test_an_address_beside_an_envelope_is_refused() -> None:
    """Else whoever can write there could have the password sent to a place of their own."""
    entry = stored(gate(), keys(NEW))
    with pytest.raises(ValidationError, match="either the one or the others"):
        StoredStream.model_validate({**entry, "url": "rtsp://attacker.example/1"})
    record = StreamSpec(gate(), 1).record(keys(NEW))
    record["stream"]["url"] = "rtsp://attacker.example/1"
    with pytest.raises(SpecError, match="either the one or the others"):
        read_spec("gate", json.dumps(record).encode(), keys(NEW))


def test_a_plain_file_is_encrypted_when_it_is_read_and_a_missing_key_loses_nothing(tmp_path: Path) -> None:
    LocalStreams(tmp_path).put(gate())
    assert found_in(tmp_path) == ["streams.json"]
    assert LocalStreams(tmp_path, keys(OLD)).read() == [gate()]
    assert found_in(tmp_path) == []
    before = json.loads((tmp_path / "streams.json").read_text())

    without = LocalStreams(tmp_path, keys(OTHER))
    [locked] = without.read()
    old = keys(OLD).current or ""
    assert isinstance(locked, LockedStream) and locked.url is None
    assert [f"stream gate: its secret cannot be read: it is encrypted with key {old}" in text
            for text in without.problems()] == [True]  # fmt: skip
    without.put(gate("yard"))
    without.put(locked.changed({"enabled": False}))
    assert before[0] | {"enabled": False} in json.loads((tmp_path / "streams.json").read_text())
    for change in ({"password": "x"}, {"user": None}):
        with pytest.raises(SecretLocked, match="give url, user and password anew"):
            locked.changed(change)
    again = locked.changed({"url": "rtsp://camera.example/2"})
    assert type(again) is StreamConfig and again.password is None and again.max_fps == 5

    both = LocalStreams(tmp_path, keys(NEW, OLD, OTHER))  # and all of it is the newest key's then
    assert both.read() == [gate(enabled=False), gate("yard")] and both.problems() == []
    assert LocalStreams(tmp_path, keys(NEW)).read() == both.read()


def test_shared_specs_are_encrypted_in_the_file_and_bound_to_their_stream(tmp_path: Path) -> None:
    plain = SpecRegistry(tmp_path)
    plain.apply("gate", StreamSpec(gate(), 1))
    plain.begin_epoch("e")
    assert "plain text on livesight.streams" in plain.problems()[0] and found_in(tmp_path) == ["wishes.json"]
    assert SpecRegistry(tmp_path, keys=keys(OLD)).problems() == [] and found_in(tmp_path) == []

    locked = SpecRegistry(tmp_path, keys=keys(NEW))
    assert [text.startswith("stream gate: its secret cannot be read") for text in locked.problems()] == [True]
    locked.begin_epoch("f")  # it writes its file, and the envelope stays
    assert SpecRegistry(tmp_path, keys=keys(OLD)).all() == {"gate": StreamSpec(gate(), 1)}

    record = StreamSpec(gate(), 1).to_json(keys(OLD))
    assert PASSWORD.encode() not in record and TOKEN.encode() not in record
    assert read_spec("gate", record, keys(OLD)) == StreamSpec(gate(), 1)
    stolen = read_spec("other", record.replace(b'"gate"', b'"other"'), keys(OLD))
    assert isinstance(stolen.stream, LockedStream)


def test_a_process_without_the_key_writes_nothing_over_what_others_can_read(tmp_path: Path) -> None:
    knows = SpecRegistry(tmp_path, keys=keys(OLD))
    knows.apply("gate", StreamSpec(gate(), 1))
    later = read_spec("gate", StreamSpec(gate(), 1).to_json(keys(NEW)), keys(OLD))
    assert later.locked
    assert knows.merge(TopicContent(None, {"gate": later})) == [] and knows.all()["gate"].stream == gate()
    lacks = SpecRegistry(None)
    lacks.apply("gate", later)
    lacks.apply("gate", StreamSpec(gate(), 1))  # the same, which this process can read
    assert lacks.all()["gate"].stream == gate()


class Topic:
    """In place of the broker: what is written there, by key."""

    def __init__(self) -> None:
        self.written: dict[str, bytes | None] = {}

    def write(self, topic: str, key: str, value: bytes | None, schema: str) -> None:
        """See ControlWriter."""
        self.written[key] = value


def test_who_finds_a_plain_record_encrypts_it_under_its_own_version_and_leaves_those_of_other_keys() -> None:
    """With another version every node would start the camera anew; two processes with two keys would take turns."""
    topic = Topic()
    callbacks = ControlCallbacks(lambda _: None, lambda *_: None, lambda _: None, lambda: None)
    changes: list[None] = []
    specs = SpecRegistry(None, lambda: changes.append(None), keys(NEW, OLD))
    reader = ControlReader(specs, cast("ControlWriter", topic), callbacks, keys(NEW, OLD))
    demo = StreamConfig(id="demo", url="demo:")
    records = {
        "gate": StreamSpec(gate(), 7).to_json(),
        "yard": StreamSpec(gate("yard"), 7).to_json(keys(OLD)),
        "demo": StreamSpec(demo, 7).to_json(),
        "_epoch": TopicEpoch(epoch="e").to_json(),
    }
    reader.begin()
    for key, value in records.items():
        reader.take(Record(STREAMS, key, value, (), 0))
    reader.caught_up(())
    assert list(topic.written) == ["gate"]
    written = topic.written["gate"]
    assert written is not None and PASSWORD.encode() not in written and TOKEN.encode() not in written
    assert read_spec("gate", written, keys(NEW)) == StreamSpec(gate(), 7) == specs.get("gate")
    reader.take(Record(STREAMS, "gate", written, (), 0))
    assert len(changes) == 1, "nothing is another than before"


def test_keys_come_from_settings_the_cluster_or_a_file_of_ones_own(tmp_path: Path) -> None:
    alone = secret_keys(SecretSettings(), None, tmp_path, shared=False)
    own = tmp_path / FILE
    assert has_own_key(alone, tmp_path) and own.stat().st_mode & 0o077 == 0
    assert secret_keys(SecretSettings(), None, tmp_path, shared=False).current == alone.current
    renew_own_key(tmp_path)
    renewed = secret_keys(SecretSettings(), None, tmp_path, shared=False)
    assert list(renewed.names)[1:] == [alone.current] and renewed.current != alone.current

    cluster = ClusterKeys([NEW, OLD])
    derived = secret_keys(SecretSettings(), cluster, tmp_path, shared=True)
    assert derived.current is not None and derived.names[derived.current] == "cluster.secret"
    assert {*renewed.names} < {*derived.names}  # what this process encrypted before it had a cluster
    assert secret_keys(SecretSettings(), ClusterKeys([OLD]), tmp_path, shared=True).current in derived.names

    file = tmp_path / "keys"
    file.write_text(f"# the newest first\n{NEW}\n\n{OLD}\n")
    configured = secret_keys(SecretSettings(key_file=file), cluster, tmp_path, shared=True)
    assert configured.current == keys(NEW).current and {*derived.names, keys(OLD).current} < {*configured.names}
    by_text = SecretSettings(key=SecretStr(NEW), older_keys=(SecretStr(OLD),))
    assert secret_keys(by_text, None, tmp_path, shared=True).current == keys(NEW).current
    assert secret_keys(SecretSettings(), None, tmp_path / "other", shared=True).current is None
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("text", ["", "short", "a" * 40])
def test_a_key_that_could_be_guessed_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(SettingsError, match=r"^secrets\.key_file: .*keys") as refused:
        secret_keys(SecretSettings(key_file=tmp_path / "keys"), None, tmp_path, shared=True)
    assert not text or text not in str(refused.value)
