"""`livesight audit`, as an admin runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import delete

from api.audit.entry import AuditFact
from api.audit.stores import DatabaseStore
from api.audit.tables import audit_entries
from tests.test_cli import livesight
from workers.database.database import Database


@pytest.fixture
def store(tmp_path: Path) -> DatabaseStore:
    """The trail of a service whose state directory is `tmp_path`, with five entries."""
    made = DatabaseStore(Database(f"sqlite:///{tmp_path / 'accounts.db'}"))
    facts = [AuditFact(at_ns=n * 10**9, what="live", principal=f"user:{n}", stream="entrance") for n in range(5)]
    made.append("shop", facts)
    return made


def test_list_export_and_verify(store: DatabaseStore, tmp_path: Path) -> None:
    listed = livesight("audit", "list", "--count", "2", STATE_DIR=str(tmp_path))
    assert listed.stdout.splitlines() == [
        "1970-01-01 00:00:03Z  user:3  live ok",
        "1970-01-01 00:00:04Z  user:4  live ok",
    ]
    exported = livesight("audit", "export", STATE_DIR=str(tmp_path))
    assert [json.loads(line)["number"] for line in exported.stdout.splitlines()] == [1, 2, 3, 4, 5]
    copy = tmp_path / "copy.jsonl"
    copy.write_text(exported.stdout)
    whole = livesight("audit", "verify", "--against", str(copy), STATE_DIR=str(tmp_path))
    assert whole.returncode == 0
    assert whole.stdout == "5 entries; chains: shop up to 5; nothing was removed, changed or reordered\n"
    with store.database.write() as connection:
        connection.execute(delete(audit_entries).where(audit_entries.c.number == 5))
    cut = livesight("audit", "verify", "--against", str(copy), "--json", STATE_DIR=str(tmp_path))
    assert cut.returncode == 1
    assert [fault["text"] for fault in json.loads(cut.stdout)["faults"]] == ["entry 5 is missing at the end"]
    copy.write_text("".join(line for line in exported.stdout.splitlines(keepends=True) if '"number":3' not in line))
    short = livesight("audit", "verify", str(copy), STATE_DIR=str(tmp_path))
    assert short.returncode == 1 and "line 3, shop: entry 3 is missing before entry 4" in short.stdout
    store.database.close()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    away = livesight("audit", "verify", STATE_DIR=str(tmp_path))
    assert away.returncode == 2 and "no service with auth.mode accounts has run here" in away.stderr
    missing = livesight("audit", "verify", str(tmp_path / "no.jsonl"), STATE_DIR=str(tmp_path))
    assert missing.returncode == 2 and "no.jsonl: No such file or directory" in missing.stderr
