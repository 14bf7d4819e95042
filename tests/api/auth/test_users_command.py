"""`livesight users`, and what modes refuse at the start, as commands in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from api.auth.settings import AuthSettings
from tests.api.auth.running_accounts import running_accounts

PASSWORD = "correct horse battery"
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def livesight(state_dir: Path, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """In mode accounts."""
    own = {"LIVESIGHT_STATE_DIR": str(state_dir), "LIVESIGHT_AUTH__MODE": "accounts", **variables}
    command = [sys.executable, "-m", "livesight", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **own}
    )


def test_accounts_are_made_and_changed_while_the_service_runs(tmp_path: Path) -> None:
    added = livesight(tmp_path, "users", "add", "Ada", "--grant", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (added.returncode, added.stdout) == (0, "added Ada\n"), added.stderr
    with running_accounts(tmp_path, AuthSettings(mode="accounts")) as service:
        assert service.access.setup_token is None, "there is an account: no link is printed"
        admin = service.signed_in("ada", PASSWORD)
        bo = ("users", "add", "bo", "--grant", "viewer:gate-*,hall", "--password-stdin")
        assert livesight(tmp_path, *bo, stdin="seven green umbrellas").returncode == 0
        found = {user["name"]: user for user in admin.get("/v1/users").json()["users"]}
        assert found["bo"]["grants"][0]["streams"] == ["gate-*", "hall"]
        assert livesight(tmp_path, "users", "disable", "bo").returncode == 0
        refused = service.client().post("/v1/login", json={"name": "bo", "password": "seven green umbrellas"})
        assert refused.status_code == 401
    trail = [json.loads(line) for line in livesight(tmp_path, "audit", "export").stdout.splitlines()]
    targets = [entry["target"].rsplit(":", 1)[0] for entry in trail if entry["chain"] == "command"]
    assert targets == ["livesight users add user", "livesight users add user", "livesight users disable user"]
    assert "ada" not in json.dumps(trail).lower(), "ids only"
    last = livesight(tmp_path, "users", "disable", "ADA")
    assert (last.returncode, "nobody could manage accounts" in last.stderr) == (2, True)
    listed = livesight(tmp_path, "users", "list", "--json")
    assert {user["name"]: user["disabled"] for user in json.loads(listed.stdout)} == {"Ada": False, "bo": True}
    assert "argon2" not in listed.stdout


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    for arguments, stdin, words in (
        (("add", "eve", "--password-stdin"), "short\n", "at least 12 characters"),
        (("add", "eve"), "", "--password-stdin"),
        (("add", "eve", "--grant", "king", "--password-stdin"), PASSWORD, "must be a role (viewer"),
        (("passwd", "nobody", "--password-stdin"), PASSWORD, "there is no account nobody"),
    ):
        done = livesight(tmp_path, "users", *arguments, stdin=stdin)
        assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_apart_accounts_need_postgresql(tmp_path: Path) -> None:
    apart = {"LIVESIGHT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "LIVESIGHT_CLUSTER__SECRET": SECRET}
    done = livesight(tmp_path, "up", "--roles", "api", **apart)
    assert (done.returncode, "LIVESIGHT_AUTH__DATABASE_URL" in done.stderr) == (2, True), done.stderr
