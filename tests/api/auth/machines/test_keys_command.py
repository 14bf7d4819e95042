"""`livesight keys`: what its user sees, and that a running service takes the keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import livesight
from api.auth.machines.api_key import key_hash, key_id_of
from tests.api.auth.machines.conftest import Guarded
from tests.api.auth.machines.test_keys import soon
from workers.errors import WorkerError

FOREIGN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LIVESIGHT_STATE_DIR", str(tmp_path))
    runner = CliRunner()

    def one(*arguments: str, given: str | None = None) -> Result:
        return runner.invoke(livesight.app, ["keys", *arguments], input=given)

    return one


def listed(run: Any) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)
    return answer


def test_a_key_is_made_used_listed_and_revoked(site: Guarded, run: Any) -> None:
    made = run("add", "nvr", "--grant", "viewer:yard-*", "--action", "results", "--name", "first")
    key = made.stdout.strip()
    assert made.exit_code == 0
    assert key_id_of(key) is not None
    assert "not shown again" in made.stderr
    assert site.get("/v1/streams", key).status_code == 200

    entry = next(one for one in listed(run) if one["name"] == "nvr")
    assert entry["grants"] == [{"role": "viewer", "streams": ["yard-*"], "actions": ["results"]}]
    assert [one["name"] for one in entry["keys"]] == ["first"]
    assert key[16:] not in run("list", "--json").stdout + run("list").stdout

    run("revoke", key[:15])
    assert soon(lambda: site.get("/v1/streams", key).status_code == 401)
    assert next(one for one in listed(run) if one["name"] == "nvr")["keys"][0]["state"] == "revoked"


def test_an_account_is_disabled_and_enabled(run: Any) -> None:
    run("add", "nvr", "--role", "operator")
    for command, disabled in (("disable", True), ("enable", False)):
        assert run(command, "NVR").exit_code == 0
        assert listed(run)[0]["disabled"] is disabled


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "nvr"], "there is no service account nvr; give a --grant"),
        (["add", "nvr", "--grant", "god"], "--grant god: must be a role (viewer, "),
        (["add", "nvr", "--grant", "node"], "--grant node: must be a role (viewer, "),
        (["add", "nvr", "--grant", "viewer", "--action", "fly"], "--action: there is no fly"),
        (["add", "nvr", "--grant", "viewer:A B"], "--grant viewer:A B: must be a role"),
        (["add", "nvr", "--role", "viewer", "--grant", "viewer"], "give --grant only"),
        (["add", "nvr", "--stream", "a"], "belongs to a --role"),
        (["add", "nvr", "--action", "results"], "belongs to a --grant"),
        (["add", "nvr", "--role", "viewer", "--days", "9999"], "auth.key_days_max"),
        (["add", "", "--role", "viewer"], "name: must be 1 to 64"),
        (["revoke", "nokey"], "there is no key nokey"),
        (["disable", "nvr"], "there is no service account nvr"),
    ],
)
def test_what_is_wrong_is_said(run: Any, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, WorkerError)
    assert said in str(done.exception)
    assert listed(run) == []


def test_what_an_account_may_is_not_changed_in_passing(run: Any) -> None:
    run("add", "nvr", "--role", "viewer")
    assert "may do something else" in str(run("add", "nvr", "--role", "admin").exception)
    assert run("add", "nvr", "--role", "viewer", "--name", "second").exit_code == 0


def test_grants_are_written_as_those_of_people(run: Any) -> None:
    assert run("add", "nvr", "--grant", "viewer:yard-*,hall", "--grant", "operator:gate").exit_code == 0
    spelled_before = run("add", "old", "--role", "viewer", "--stream", "yard-*", "--stream", "hall")
    assert spelled_before.exit_code == 0
    grants = {one["name"]: [(grant["role"], grant["streams"]) for grant in one["grants"]] for one in listed(run)}
    assert grants == {"nvr": [("viewer", ["yard-*", "hall"]), ("operator", ["gate"])], "old": grants["nvr"][:1]}


def test_a_name_is_taken_once_while_its_key_is_good(run: Any) -> None:
    key = run("add", "nvr", "--role", "viewer", "--name", "one").stdout.strip()
    assert "has a key one already" in str(run("add", "nvr", "--name", "one").exception)
    run("revoke", key[3:15])
    assert run("add", "nvr", "--name", "one").exit_code == 0


def test_hashes(run: Any) -> None:
    assert run("hash", given=FOREIGN + "\n").stdout.strip() == key_hash(FOREIGN)
    made = json.loads(run("hash", "--new", "--json").stdout)
    assert key_hash(made["key"]) == made["hash"]
    assert "32 to 512 characters" in str(run("hash", given="short").exception)
