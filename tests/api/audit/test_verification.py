"""A trail in which a line was removed, changed, moved or replaced is found, and one that is whole is not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from api.audit.entry import GENESIS, AuditEntry, AuditFact, digest
from api.audit.verification import Head, verify


def chained(chain: str, count: int) -> list[str]:
    """Lines of a whole chain."""
    head: Head = (0, GENESIS)
    lines = []
    for number in range(count):
        fact = AuditFact(at_ns=number, what="live", principal=f"user:{number}", stream="entrance")
        entry = AuditEntry.following(fact, chain, head)
        head = (entry.number, entry.hash)
        lines.append(entry.to_json())
    return lines


def edited(line: str, **changes: object) -> str:
    return json.dumps({**json.loads(line), **changes})


def rehashed(line: str, **changes: object) -> str:
    """Changed by somebody who knows how hashes are made."""
    body = {**json.loads(line), **changes}
    return json.dumps({**body, "hash": digest(body)})


def test_a_whole_trail_of_mixed_chains() -> None:
    a, b = chained("a", 5), chained("b", 4)
    found = verify([a[0], b[0], b[1], a[1], a[2], "", b[2], a[3], b[3], a[4]])
    assert found.faults == [] and found.entries == 9
    assert {chain: number for chain, (number, _) in found.heads.items()} == {"a": 5, "b": 4}


def test_the_order_of_members_does_not_matter() -> None:
    lines = [json.dumps(dict(reversed(json.loads(line).items()))) for line in chained("a", 3)]
    assert verify(lines).faults == []


Damage = Callable[[list[str]], list[str]]


@pytest.mark.parametrize(
    ("damage", "line", "text"),
    [
        (lambda lines: lines[:3] + lines[4:], 4, "entry 4 is missing before entry 5"),
        (lambda lines: lines[:2] + lines[5:], 3, "entries 3 to 5 are missing before entry 6"),
        (lambda lines: lines[1:], 1, "entry 1 is missing before entry 2"),
        (lambda lines: [*lines[:3], edited(lines[3], principal="user:x"), *lines[4:]], 4, "entry 4 was changed"),
        (lambda lines: [*lines[:3], edited(lines[3], at_ns=99), *lines[4:]], 4, "entry 4 was changed"),
        (lambda lines: [*lines[:3], rehashed(lines[3], principal="user:x"), *lines[4:]], 5, "one of them was replaced"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 3, "entry 2 stands after entry 3"),
        (lambda lines: [*lines, lines[2]], 9, "entry 3 stands after entry 8"),
        (lambda lines: [*lines[:3], "{", *lines[3:]], 4, "this is no entry"),
        (lambda lines: [*lines[:3], '{"schema": "livesight.audit/1"}', *lines[3:]], 4, "this is no entry"),
    ],
)
def test_damage_is_found_where_it_is(damage: Damage, line: int, text: str) -> None:
    found = verify(damage(chained("a", 8)))
    assert any(fault.line == line and text in fault.text for fault in found.faults), found.faults


def test_what_is_missing_at_the_end_is_found_by_another_record_of_it() -> None:
    lines = chained("a", 8)
    end = verify(lines).heads
    assert verify(lines, end=end).faults == []
    assert [fault.text for fault in verify(lines[:6], end=end).faults] == ["entries 7 to 8 are missing at the end"]
    other = [*lines[:7], rehashed(lines[7], principal="user:x")]
    assert "not the one that was recorded elsewhere" in verify(other, end=end).faults[0].text
    assert [fault.chain for fault in verify([], end=end).faults] == ["a"]


def test_a_trail_whose_oldest_entries_were_deleted_as_configured() -> None:
    lines = chained("a", 8)
    begin = verify(lines[:5]).heads
    assert verify(lines[5:], begin=begin).faults == []
    assert "missing before" in verify(lines[6:], begin=begin).faults[0].text
    assert "missing before" in verify(lines[5:]).faults[0].text
