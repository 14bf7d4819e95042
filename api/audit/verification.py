"""Finds what was removed, changed or reordered in a trail. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.audit.entry import AUDIT_SCHEMA, GENESIS, digest

Head = tuple[int, str]
"""Number and hash of a chain's last entry."""


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Something that is not as it was written. `line`: of the input, from 1; 0 for what is missing at the end."""

    line: int
    chain: str
    text: str


@dataclass(slots=True)
class Verification:
    """What was found. `heads`: the last entry of each chain; `entries`: how many there were."""

    faults: list[ChainFault] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    entries: int = 0


def verify(
    lines: Iterable[str], *, begin: Mapping[str, Head] | None = None, end: Mapping[str, Head] | None = None
) -> Verification:
    """Check lines of JSON, each chain in its order; chains may be mixed.

    begin: what each chain had before the first line, if older entries were deleted as configured; a chain that is not
    named there begins with its first entry. end: the last entry that each chain is known to have had, by another
    record of it: what is missing at the end is found by that alone.
    """
    found = Verification(heads=dict(begin or {}))
    for number, line in enumerate(lines, 1):
        if line.strip():
            _check(found, number, line)
    for chain, (last, hash_) in (end or {}).items():
        there = found.heads.get(chain, (0, GENESIS))
        if there[0] < last:
            text = f"{_missing(there[0] + 1, last)} missing at the end"
            found.faults.append(ChainFault(0, chain, text))
        elif there[0] == last and there[1] != hash_:
            found.faults.append(ChainFault(0, chain, f"entry {last} is not the one that was recorded elsewhere"))
    return found


def _check(found: Verification, number: int, line: str) -> None:
    entry = _parsed(line)
    if entry is None:
        found.faults.append(ChainFault(number, "", f"this is no entry of {AUDIT_SCHEMA}"))
        return
    found.entries += 1
    chain = str(entry["chain"])
    last, hash_ = found.heads.get(chain, (0, GENESIS))
    own = int(entry["number"])
    fault: str | None = None
    if digest(entry) != entry["hash"]:
        fault = f"entry {own} was changed: its hash does not fit"
    elif own > last + 1:
        fault = f"{_missing(last + 1, own - 1)} missing before entry {own}"
    elif own <= last:
        fault = f"entry {own} stands after entry {last}: repeated or reordered"
    elif entry["previous"] != hash_:
        fault = f"entry {own} does not follow the entry {last} that stands before it: one of them was replaced"
    if fault is not None:
        found.faults.append(ChainFault(number, chain, fault))
    if own > last:
        found.heads[chain] = (own, str(entry["hash"]))


def _missing(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or entry.get("schema") != AUDIT_SCHEMA:
        return None
    kinds: tuple[tuple[str, type], ...] = (("chain", str), ("number", int), ("previous", str), ("hash", str))
    return entry if all(isinstance(entry.get(name), kind) for name, kind in kinds) else None
