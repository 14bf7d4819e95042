"""Keys of a file and of the variable API_KEYS: what is read, what is refused, and that the file is read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from api.auth.access_control import AccessControl
from api.auth.machines.api_key import key_hash, new_key
from api.auth.machines.key_list import keys_in_environment, keys_in_text
from api.auth.machines.stored_keys import KeysRefused
from api.auth.settings import AuthSettings
from livesight import load_settings
from tests.api.auth.machines.conftest import StartGuarded
from tests.api.auth.machines.test_keys import soon
from workers.access.principal import Grant
from workers.errors import SettingsError

GOOD = "abcdef0123456789abcdef0123456789"


def document(*keys: tuple[str, str], **more: object) -> str:
    grants = [{"role": "viewer", "streams": ["yard-*"]}]
    return json.dumps({"keys": [{"name": name, "hash": key_hash(key), "grants": grants, **more} for name, key in keys]})


def test_yaml_and_json_are_read() -> None:
    key = new_key()
    text = f"""
    keys:
      - name: grafana
        hash: {key.hash}
        expires: 2027-01-31
        grants:
          - role: viewer
            streams: [yard-*, hall]
            actions: [pictures]
    """
    (read,) = keys_in_text(text)
    assert read.hash == key.hash
    assert read.expires_at_s == 1801353600
    assert read.grants == (Grant("viewer", ("yard-*", "hall"), frozenset({"pictures"})),)
    assert read.principal().id == "service:file:grafana"
    assert [one.owner_name for one in keys_in_text(document(("a", GOOD), ("b", GOOD + "x")))] == ["a", "b"]
    assert keys_in_text("") == ()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "a", "hash": new_key().text, "grants": [{"role": "viewer"}]}, "livesight keys hash"),
        ({"name": "a", "key": new_key().text, "grants": [{"role": "viewer"}]}, "livesight keys hash"),
        ({"name": "a", "hash": "sha256:12", "grants": [{"role": "viewer"}]}, "keys.0.hash"),
        ({"name": "a", "hash": key_hash(GOOD)}, "keys.0.grants: is required"),
        ({"name": "a", "hash": key_hash(GOOD), "grants": []}, "keys.0.grants: must not be empty"),
        ({"name": "a", "hash": key_hash(GOOD), "grants": [{"role": "root"}]}, "keys.0.grants.0.role"),
        ({"name": "a", "hash": key_hash(GOOD), "grants": [{"role": "viewer"}], "until": 1}, "unknown field"),
        ({"name": "", "hash": key_hash(GOOD), "grants": [{"role": "viewer"}]}, "keys.0.name"),
        ({"name": "a", "hash": key_hash(GOOD), "grants": [{"role": "viewer"}], "expires": "soon"}, "keys.0.expires"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(entry: dict[str, object], said: str) -> None:
    with pytest.raises(KeysRefused) as refused:
        keys_in_text(json.dumps([entry]))
    assert said in str(refused.value)
    for value in (entry.get("key"), entry.get("hash")):
        assert not value or str(value) not in str(refused.value)


def test_names_stand_once() -> None:
    with pytest.raises(KeysRefused, match="two keys a"):
        keys_in_text(document(("a", GOOD), ("a", GOOD + "x")))


def test_broken_yaml_is_not_shown() -> None:
    with pytest.raises(KeysRefused, match=r"not YAML in line \d") as refused:
        keys_in_text("keys:\n  - [ls_secret: {\n")
    assert "ls_secret" not in str(refused.value)


def test_keys_of_the_environment() -> None:
    first, second = keys_in_environment(f" {GOOD}, nvr:{GOOD}2 ,", "operator")
    assert (first.owner_name, second.owner_name) == ("key-1", "nvr")
    assert first.grants == second.grants == (Grant("operator"),)
    assert first.hash == key_hash(GOOD)
    assert keys_in_environment("", "operator") == ()


@pytest.mark.parametrize("text", ["secret", "nvr:secret", GOOD[:-1]])
def test_short_keys_are_refused(text: str) -> None:
    with pytest.raises(KeysRefused, match="32 to 512 characters; `openssl rand -hex 32`") as refused:
        keys_in_environment(text, "operator")
    assert text.rpartition(":")[2] not in str(refused.value)


def test_the_file_is_read_again(start_guarded: StartGuarded, tmp_path: Path) -> None:
    """Without a database of accounts, as in a node."""
    path = tmp_path / "keys.yaml"
    old, new = new_key().text, new_key().text
    path.write_text(document(("old", old)))
    site = start_guarded(roles=("node",), keys_file=path)
    assert site.get("/v1/streams", old).status_code == 200
    assert site.get("/v1/streams/hall", old).status_code == 404
    assert site.get("/v1/streams", new).status_code == 401

    path.with_suffix(".new").write_text(document(("new", new)))
    path.with_suffix(".new").replace(path)
    assert soon(lambda: site.get("/v1/streams", new).status_code == 200)
    assert site.get("/v1/streams", old).status_code == 401


def test_a_broken_file_changes_nothing(start_guarded: StartGuarded, tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    key = new_key().text
    path.write_text(document(("one", key)))
    site = start_guarded(roles=("node",), keys_file=path)
    path.write_text(f"keys: [{{name: one, key: {key}}}]")

    def problems() -> list[str]:
        assert site.get("/v1/streams", key).status_code == 200
        return site.access.problems()

    assert soon(lambda: bool(problems()))
    assert "keys read before are still in use" in problems()[0]
    assert key not in problems()[0]
    path.unlink()
    time.sleep(1.1)  # it is looked at once a second
    assert "No such file" in problems()[0] or problems()
    path.write_text(document(("one", key)))
    assert soon(lambda: not problems())


def test_expired_keys_of_a_file(start_guarded: StartGuarded, tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    key = new_key().text
    path.write_text(document(("one", key), expires="2025-01-01"))
    answer = start_guarded(roles=("node",), keys_file=path).get("/v1/streams", key)
    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LIMITS__PREDICT", "often", "auth.limits.predict (LIVESIGHT_AUTH__LIMITS__PREDICT): must be `unlimited`, or"),
        ("LINK_SECRET", "short", "auth.link_secret (LIVESIGHT_AUTH__LINK_SECRET): must be at least 32 characters long"),
        ("API_KEYS_ROLE", "root", "auth.api_keys_role (LIVESIGHT_AUTH__API_KEYS_ROLE): must be"),
        ("KEY_DAYS", "1000", "key_days: must be at most key_days_max, which is 730"),
        ("LINK_S", "100000", "link_s: must be at most link_max_s, which is 86400"),
    ],
)
def test_settings_that_are_wrong_are_named(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(environ={f"LIVESIGHT_AUTH__{name}": value})
    assert said in str(refused.value)
    assert "'short'" not in str(refused.value)


def test_a_missing_file_ends_the_start(tmp_path: Path) -> None:
    settings = AuthSettings(mode="accounts", keys_file=Path("/nowhere/keys.yaml"))
    with pytest.raises(KeysRefused, match=r"auth\.keys_file: /nowhere/keys.yaml: No such file"):
        AccessControl(settings, tmp_path, ("node",))


def test_a_short_key_in_the_environment_ends_the_start(tmp_path: Path) -> None:
    """With exit code 2, before anything is loaded; and the log does not have the key."""
    environment = {
        **os.environ,
        "API_KEYS": "nvr:letmein",
        "LIVESIGHT_AUTH__MODE": "accounts",
        "LIVESIGHT_STATE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "livesight", "up", "--port", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("livesight: API_KEYS: key 1 (nvr) must have 32 to 512 characters")
    assert "letmein" not in done.stderr + done.stdout
