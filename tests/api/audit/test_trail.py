"""The trail of a process: kept in order, over restarts and outages; what cannot be kept is told."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

import api.audit.trail
from api.audit.entry import AuditEntry, AuditFact, What
from api.audit.repeats import Repeats
from api.audit.stores import DatabaseStore, FileStore
from api.audit.tables import audit_entries
from api.audit.trail import HEADS_FILE, AuditTrail
from api.audit.verification import verify
from tests.api.waiting import eventually
from workers.bus.message_bus import AUDIT, LocalBus, Message
from workers.database.database import Database
from workers.errors import DatabaseUnavailable

Store = DatabaseStore | FileStore


def seen(number: int, what: What = "live", at_ns: int | None = None) -> AuditFact:
    at = time.time_ns() if at_ns is None else at_ns
    return AuditFact(at_ns=at, what=what, principal=f"user:{number}", stream="entrance")


def entries(store: Store) -> list[AuditEntry]:
    return [AuditEntry.model_validate_json(line) for line in store.lines()]


def test_entries_are_kept_in_order_and_a_restart_goes_on(store: Store, tmp_path: Path) -> None:
    for run in range(2):
        trail = AuditTrail(store, "shop", tmp_path)
        for number in range(300):
            trail.add(seen(300 * run + number))
        trail.close(20)
        assert trail.problems() == []
    found = verify(store.lines())
    assert found.faults == [] and found.heads["shop"][0] == 600
    assert [entry.principal for entry in entries(store)] == [f"user:{number}" for number in range(600)]
    assert json.loads((tmp_path / HEADS_FILE).read_text()) == {"shop": list(found.heads["shop"])}
    assert (tmp_path / HEADS_FILE).stat().st_mode & 0o77 == 0


def test_processes_and_threads_write_at_once(tmp_path: Path) -> None:
    store = DatabaseStore(Database(f"sqlite:///{tmp_path / 'a.db'}"))

    def write(chain: str) -> None:
        for number in range(10):
            store.append(chain, [seen(number), seen(number + 100)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, ["shop", "shop", "shop/command", "other"]))
    found = verify(store.lines())
    assert found.faults == []
    assert {chain: head[0] for chain, head in found.heads.items()} == {"shop": 40, "shop/command": 20, "other": 20}
    store.database.close()


def test_a_changed_row_is_found(tmp_path: Path) -> None:
    store = DatabaseStore(Database(f"sqlite:///{tmp_path / 'a.db'}"))
    store.append("shop", [seen(number) for number in range(5)])
    assert verify(store.lines()).faults == []
    body = json.loads(list(store.lines())[2])
    changed = update(audit_entries).where(audit_entries.c.number == 3)
    with store.database.write() as connection:
        connection.execute(changed.values(body=json.dumps({**body, "principal": "user:other"})))
    assert [fault.text for fault in verify(store.lines()).faults] == ["entry 3 was changed: its hash does not fit"]
    store.database.close()


def test_old_entries_go_and_the_rest_is_still_whole(tmp_path: Path) -> None:
    store = DatabaseStore(Database(f"sqlite:///{tmp_path / 'a.db'}"))
    store.append("shop", [seen(number, at_ns=number * 1000) for number in range(10)])
    assert store.prune(6000) == 6 and store.prune(6000) == 0
    assert store.verified().faults == []
    assert [entry.number for entry in entries(store)] == [7, 8, 9, 10]
    assert store.prune(10**9) == 4
    store.append("shop", [seen(1)])
    assert store.verified().faults == []
    assert [entry.number for entry in entries(store)] == [11]
    store.database.close()


def test_a_file_whose_last_line_was_cut_short(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "audit.jsonl")
    store.append("node", [seen(1), seen(2)])
    text = store.path.read_text()
    store.path.write_text(text[:-40])
    store.append("node", [seen(3)])
    found = verify(store.lines())
    assert [fault.text for fault in found.faults] == ["this is no entry of livesight.audit/1"]
    assert found.heads["node"][0] == 2  # the entry that a crash cut short is lost, and that is told


def test_a_disk_that_is_full_takes_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(tmp_path / "audit.jsonl")
    store.append("node", [seen(1)])
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
    with pytest.raises(OSError, match="No space"):
        store.append("node", [seen(2)])
    monkeypatch.undo()
    store.append("node", [seen(2)])
    assert verify(store.lines()).faults == [] and len(entries(store)) == 2


class Away:
    """A store that can be away."""

    def __init__(self, store: DatabaseStore) -> None:
        self.store = store
        self.away = True
        self.tried = threading.Event()

    def append(self, chain: str, facts: Sequence[AuditFact]) -> list[AuditEntry]:
        self.tried.set()
        if self.away:
            raise DatabaseUnavailable("postgresql://shop: it does not answer")
        return self.store.append(chain, facts)

    def prune(self, before_ns: int) -> int:
        return 0


def test_what_an_outage_holds_up_follows_and_what_does_not_fit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.audit.trail, "MOST_WAITING", 20)
    monkeypatch.setattr(api.audit.trail, "_RETRY_S", 0.05)
    store = DatabaseStore(Database(f"sqlite:///{tmp_path / 'a.db'}"))
    away = Away(store)
    trail = AuditTrail(away, "shop", tmp_path)
    trail.add(seen(0))
    assert away.tried.wait(20)
    for number in range(1, 30):
        trail.add(seen(number))
    away.tried.clear()
    assert away.tried.wait(20)
    away.tried.clear()
    assert away.tried.wait(20)
    assert trail.problems() == ["audit: entries are not written, 20 wait: postgresql://shop: it does not answer"]
    away.away = False
    trail.close(20)
    kept = entries(store)
    assert verify(store.lines()).faults == []
    assert [entry.count for entry in kept if entry.what == "lost"] == [10]
    assert [entry.principal for entry in kept if entry.what == "live"] == [f"user:{number}" for number in range(20)]
    store.database.close()


def test_repeats_of_an_outage_wait_within_the_same_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose minute was over waited beside the bound: 20,000 more each minute."""
    monkeypatch.setattr(api.audit.trail, "MOST_WAITING", 20)
    store = DatabaseStore(Database(f"sqlite:///{tmp_path / 'a.db'}"))
    away = Away(store)
    trail = AuditTrail(away, "shop", tmp_path)
    for number in range(20):
        for _ in range(3):
            trail.add(seen(number, "refused"))
    trail.close(20)
    assert trail.problems() == ["audit: entries are not written, 20 wait: postgresql://shop: it does not answer"]
    store.database.close()


async def test_a_disk_that_takes_no_note_of_the_end_has_nothing_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entries were kept, and written again each second until the disk took the note."""
    monkeypatch.setattr(api.audit.trail, "_RETRY_S", 0.05)
    store = DatabaseStore(Database(f"sqlite:///{tmp_path / 'a.db'}"))
    (tmp_path / HEADS_FILE).mkdir()
    trail = AuditTrail(store, "shop", tmp_path)
    trail.add(seen(1))
    await eventually(lambda: len(trail.problems()) == 1, 30)
    assert "Is a directory" in trail.problems()[0]
    (tmp_path / HEADS_FILE).rmdir()
    await eventually(lambda: trail.problems() == [], 30)
    trail.add(seen(2))
    trail.close(20)
    assert [entry.principal for entry in entries(store)] == ["user:1", "user:2"]
    assert json.loads((tmp_path / HEADS_FILE).read_text())["shop"][0] == 2
    store.database.close()


def test_entries_are_published_once_they_are_kept(tmp_path: Path) -> None:
    bus, published = LocalBus(), list[Message]()
    bus.subscribe(published.append, (AUDIT,))
    store = DatabaseStore(Database(f"sqlite:///{tmp_path / 'a.db'}"))
    trail = AuditTrail(store, "shop", tmp_path, bus=bus)
    trail.add(seen(1))
    trail.close(20)
    assert [message.value.decode() for message in published] == list(store.lines())
    assert published[0].key == "user:1" and dict(published[0].headers)["schema"] == b"livesight.audit/1"
    store.database.close()


def test_thousands_of_entries_are_added_without_waiting(tmp_path: Path) -> None:
    store = DatabaseStore(Database(f"sqlite:///{tmp_path / 'a.db'}"))
    trail = AuditTrail(store, "shop", tmp_path)
    slowest_s = 0.0
    for number in range(3000):
        before_s = time.monotonic()
        trail.add(seen(number))
        slowest_s = max(slowest_s, time.monotonic() - before_s)
    trail.close(30)
    assert slowest_s < 1.0
    assert verify(store.lines()).heads["shop"][0] == 3000
    store.database.close()


def test_repeats_within_a_minute_are_counted() -> None:
    repeats = Repeats()
    fact = seen(1, "picture")
    assert repeats.is_first(fact, 0.0)
    assert not any(repeats.is_first(fact, float(second)) for second in range(1, 30))
    assert repeats.is_first(seen(2, "picture"), 30.0)
    assert all(repeats.is_first(seen(1, "change"), 1.0) for _ in range(5))
    assert repeats.over(59.0) == []
    assert [(again.principal, again.count) for again in repeats.over(60.0)] == [("user:1", 29)]
    assert repeats.is_first(fact, 61.0)
    changed = fact.model_copy(update={"method": "DELETE"}), fact.model_copy(update={"credential": "link:1"})
    assert all(repeats.is_first(other, 61.0) for other in changed), "what differs in anything is told"
    assert repeats.over(61.0, everything=True) == []
