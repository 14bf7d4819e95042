"""`livesight secrets status` and `rotate`, as their user meets them; with Kafka: tests/test_secrets.py."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from stream.config import StreamConfig
from workers.cli.secret_commands import examine_secrets, mount
from workers.cli.stored_keys import keys_of
from workers.cluster.settings import ClusterSettings
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.stream_spec import StreamSpec
from workers.errors import SettingsError
from workers.kafka.settings import KafkaSettings
from workers.node.local_streams import LocalStreams
from workers.secrets.opening import FILE
from workers.secrets.settings import SecretSettings

OLD, NEW = (f"{name} key of 32 bytes or more 0123456789" for name in ("old", "new"))
GATE = StreamConfig(id="gate", url="rtsp://camera.example/x?token=hunter2", user="admin", password="hunter2")


@dataclass(frozen=True)
class Location:
    """All settings, as far as they concern secrets."""

    state_dir: Path
    secrets: SecretSettings = field(default_factory=SecretSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    kafka: KafkaSettings | None = None


def run(location: Location, *arguments: str) -> tuple[int, str]:
    """Exit code and what is printed."""
    app = typer.Typer()
    mount(app, lambda _: location)
    done = CliRunner().invoke(app, ["secrets", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def status(location: Location) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(location, "status", "--json")[1])
    return found


def with_keys(folder: Path, key: str, *older: str) -> Location:
    older_keys = tuple(SecretStr(one) for one in older)
    return Location(folder, SecretSettings(key=SecretStr(key), older_keys=older_keys))


def test_a_rotation_encrypts_all_files_and_says_when_the_older_key_may_go(tmp_path: Path) -> None:
    old = with_keys(tmp_path, OLD)
    LocalStreams(tmp_path, keys_of(old)).put(GATE)
    SpecRegistry(tmp_path, keys=keys_of(old)).begin_epoch("e")
    assert [one["by_key"] for one in status(old)["places"]] == [{keys_of(old).current: 1}] * 2

    both = with_keys(tmp_path, NEW, OLD)
    assert [key["removable"] for key in status(both)["keys"]] == [False, False]
    code, told = run(both, "rotate")
    assert code == 0 and "not needed any more here: remove it from secrets.older_keys" in told, told
    assert [key["values"] for key in status(both)["keys"]] == [2, 0]
    new = with_keys(tmp_path, NEW)
    assert LocalStreams(tmp_path, keys_of(new)).read() == [GATE]
    assert SpecRegistry(tmp_path, keys=keys_of(new)).all() == {"gate": StreamSpec(GATE, 1)}
    assert "hunter2" not in told + json.dumps(status(new))


def test_a_missing_key_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    old, new = with_keys(tmp_path, OLD), with_keys(tmp_path, NEW)
    LocalStreams(tmp_path, keys_of(old)).put(GATE)
    missing = f"1 of key {keys_of(old).current}, which is not there"
    code, told = run(new, "rotate")
    assert code == 1 and missing in told and missing in run(new, "status")[1]
    assert examine_secrets(new).verdict == "wrong" and missing in examine_secrets(new).detail
    assert examine_secrets(old).verdict == "ok"
    assert LocalStreams(tmp_path, keys_of(old)).read() == [GATE]


def test_an_own_key_is_followed_by_another_and_an_interrupted_rotation_goes_on(tmp_path: Path) -> None:
    own = Location(tmp_path)
    assert examine_secrets(own).detail == "a key will be made at the first start"
    LocalStreams(tmp_path).put(GATE)
    assert "1 in plain text" in run(own, "status")[1] and not (tmp_path / FILE).exists()
    assert run(own, "rotate")[0] == 0
    first = keys_of(own)
    assert LocalStreams(tmp_path, first).read() == [GATE] and b"hunter2" not in (tmp_path / "streams.json").read_bytes()

    kept = (tmp_path / "streams.json").read_bytes()
    assert run(own, "rotate")[0] == 0
    second = keys_of(own)
    assert second.current != first.current and {*first.names} < {*second.names}
    (tmp_path / "streams.json").write_bytes(kept)  # as if it had been interrupted
    assert run(own, "rotate")[0] == 0
    assert keys_of(own).names == second.names, "no further key"
    assert status(own)["keys"][0] == {
        "id": second.current, "where": str(tmp_path / FILE), "encrypts": True, "values": 1, "removable": False
    }  # fmt: skip


def test_a_service_that_runs_while_it_is_rotated_loses_nothing(tmp_path: Path) -> None:
    """It writes what it knows, with the key that it has; its next start encrypts that with the newer one."""
    service = LocalStreams(tmp_path, keys_of(with_keys(tmp_path, OLD)))
    service.put(GATE)
    both = with_keys(tmp_path, NEW, OLD)
    assert run(both, "rotate")[0] == 0
    yard = GATE.model_copy(update={"id": "yard"})
    service.put(yard)
    assert [key["values"] for key in status(both)["keys"]] == [0, 2]
    assert LocalStreams(tmp_path, keys_of(both)).read() == [GATE, yard]
    assert [key["values"] for key in status(both)["keys"]] == [2, 0]


def test_without_a_key_that_all_processes_have_nothing_is_rotated(tmp_path: Path) -> None:
    alone = Location(tmp_path, kafka=KafkaSettings(bootstrap_servers=("127.0.0.1:9",)))
    with pytest.raises(SettingsError, match=r"secrets\.key_file or cluster\.secret"):
        run(alone, "rotate")
    assert examine_secrets(alone).verdict == "absent"
