"""How many stored addresses are encrypted with which key: never what they are. Reads files; pure otherwise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stream.network.camera_address import is_network_url
from workers.secrets.keys import SecretKeys
from workers.secrets.stored_stream import LockedStream, StoredStream, key_of_entry, opened

FILES = ("streams.json", "wishes.json")


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """What one place has: addresses by the id of their key, and in plain text.

    changed: those that do not open though their key is there. problem: why the place could not be read, if so.
    """

    place: str
    by_key: Counter[str] = field(default_factory=Counter)
    plain: int = 0
    changed: int = 0
    problem: str | None = None

    def findings(self, keys: SecretKeys) -> list[str]:
        """What is wrong, in words."""
        if self.problem is not None:
            return [f"{self.place}: {self.problem}"]
        found = [
            f"{self.place}: {count} of key {key_id}, which is not there"
            for key_id, count in sorted(self.by_key.items())
            if key_id not in keys.names
        ]
        if self.plain:
            found.append(f"{self.place}: {self.plain} in plain text")
        if self.changed:
            found.append(f"{self.place}: {self.changed} that were changed, or made for another stream")
        return found

    def of_older_keys(self, keys: SecretKeys) -> int:
        """How many are to be encrypted anew, and can be."""
        return sum(count for key_id, count in self.by_key.items() if key_id != keys.current and key_id in keys.names)


def count(place: str, entries: Iterable[Mapping[str, Any]], keys: SecretKeys) -> StoredSecrets:
    """entries: streams as they are stored, whatever they hold."""
    by_key: Counter[str] = Counter()
    plain = changed = 0
    for entry in entries:
        key_id = key_of_entry(entry)
        if key_id is not None:
            by_key[key_id] += 1
            changed += key_id in keys.names and not _opens(entry, keys)
        else:
            url = entry.get("url")
            plain += isinstance(url, str) and is_network_url(url)
    return StoredSecrets(place, by_key, plain, changed)


def count_file(path: Path, keys: SecretKeys) -> StoredSecrets | None:
    """What a file of the state directory has; None where there is none."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "not JSON"
        return StoredSecrets(path.name, problem=f"it cannot be read: {reason}")
    found = content.get("wishes", []) if isinstance(content, dict) else content
    entries = [entry.get("stream", entry) for entry in found if isinstance(entry, dict)]
    return count(path.name, [entry for entry in entries if isinstance(entry, dict)], keys)


def _opens(entry: Mapping[str, Any], keys: SecretKeys) -> bool:
    try:
        return not isinstance(opened(StoredStream.model_validate(entry), keys), LockedStream)
    except ValidationError:
        return False
