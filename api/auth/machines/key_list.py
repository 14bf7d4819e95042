"""Keys without a database: those of a keys file, and those of the variable API_KEYS. Runs on the event loop.

A process that has no database of accounts, such as a node in a container, knows these only. The file is looked at
again when a key is presented, once a second at most, in a thread; one that became unreadable changes nothing, and
readiness says so.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import structlog
import yaml
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from api.auth.grants import GrantBody
from api.auth.machines.api_key import MAX_LENGTH, MIN_FOREIGN_LENGTH, is_hash, key_hash, same_hash
from api.auth.machines.stored_keys import KeysRefused, StoredKey, is_name
from workers.access.principal import Grant
from workers.access.roles import Role
from workers.validation import first_reason

log = structlog.get_logger(__name__)

MOST_KEYS = 1000
_LOOK_S = 1.0
_MOST_BYTES = 4 * 2**20
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_HOW = "write its hash, which `livesight keys hash` makes of it, as `hash: sha256:…`"


def _at_midnight(value: object) -> object:
    """Of `2027-01-31`, which YAML reads as a date: the key works until that day begins, in UTC."""
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError:
            return value
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else value


class _Entry(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", hide_input_in_errors=True)

    name: str
    hash: str
    grants: Annotated[tuple[GrantBody, ...], Field(min_length=1, max_length=100)]
    expires: Annotated[AwareDatetime | None, BeforeValidator(_at_midnight)] = None

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if not is_name(name):
            raise ValueError("must be 1 to 64 letters, digits, spaces or ._@-, beginning with a letter or digit")
        return name

    @field_validator("hash")
    @classmethod
    def _hashed(cls, text: str) -> str:
        if not is_hash(text):
            raise ValueError(f"is no hash; keys do not belong in this file: {_HOW}")
        return text


class _Document(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", hide_input_in_errors=True)

    keys: Annotated[tuple[_Entry, ...], Field(max_length=MOST_KEYS)]


def keys_in_text(text: str) -> tuple[StoredKey, ...]:
    """The keys of a keys file, YAML or JSON: `keys: [{name, hash, grants, expires}]`.

    Raises KeysRefused that names the entry and what is wrong with it, and repeats no value.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise KeysRefused("not YAML" + (f" in line {mark.line + 1}" if mark else "")) from None
    document = {"keys": content} if isinstance(content, list) else content or {"keys": []}
    for number, entry in enumerate(document.get("keys") or [] if isinstance(document, dict) else []):
        if isinstance(entry, dict) and (wrong := {"key", "secret", "token"} & entry.keys()):
            raise KeysRefused(f"keys.{number}.{min(wrong)}: keys do not belong in this file: {_HOW}")
    try:
        entries = _Document.model_validate(document).keys
    except ValidationError as error:
        raise KeysRefused(first_reason(error, "keys")) from None
    names = [entry.name for entry in entries]
    if double := sorted({name for name in names if names.count(name) > 1}):
        raise KeysRefused(f"keys: there are two keys {double[0]}")
    return tuple(
        _stored(f"file:{entry.name}", entry.hash, tuple(grant.grant() for grant in entry.grants), entry.expires)
        for entry in entries
    )


def keys_in_environment(text: str, role: Role, name: str = "API_KEYS") -> tuple[StoredKey, ...]:
    """The keys of `key,name:key,…`, each with `role` on every stream. Raises KeysRefused that repeats none of them."""
    found: dict[str, StoredKey] = {}
    for number, part in enumerate((part.strip() for part in text.split(",") if part.strip()), 1):
        label, colon, key = part.rpartition(":")
        label = label.strip() if colon else f"key-{number}"
        if not is_name(label):
            raise KeysRefused(f"{name}: key {number}: its name must be 1 to 64 letters, digits, spaces or ._@-")
        if not MIN_FOREIGN_LENGTH <= len(key.strip()) <= MAX_LENGTH:
            raise KeysRefused(
                f"{name}: key {number} ({label}) must have {MIN_FOREIGN_LENGTH} to {MAX_LENGTH} characters; "
                "`openssl rand -hex 32` makes a good one"
            )
        if label in found:
            raise KeysRefused(f"{name}: there are two keys {label}")
        found[label] = _stored(f"environment:{label}", key_hash(key.strip()), (Grant(role),), None)
    return tuple(found.values())


def _stored(owner_id: str, hashed: str, grants: tuple[Grant, ...], expires: datetime | None) -> StoredKey:
    """Its id comes of its hash: a key that is replaced under the same name is another key."""
    return StoredKey(
        id=hashed.removeprefix("sha256:")[:16],
        hash=hashed,
        owner_id=owner_id,
        owner_name=owner_id.partition(":")[2],
        grants=grants,
        expires_at_s=None if expires is None else expires.timestamp(),
    )


class KeyList:
    """A KeySource: some keys, perhaps of a file."""

    def __init__(self, path: Path | None, fixed: tuple[StoredKey, ...] = ()) -> None:
        """Reads the file. Raises KeysRefused."""
        self._path = path
        self._fixed = fixed
        self._of_file: tuple[StoredKey, ...] = ()
        self._state: object = None
        self._looked_s = time.monotonic()
        self._problem: str | None = None
        if path is not None:
            self._state = _state(path)
            self._of_file = _read(path)

    @property
    def keys(self) -> tuple[StoredKey, ...]:
        """All of them."""
        return self._fixed + self._of_file

    async def find(self, presented: str, presented_hash: str) -> StoredKey | None:
        """See KeySource."""
        await self._look()
        found = None
        for key in self.keys:  # all of them, so that the time tells nothing
            if same_hash(key.hash, presented_hash):
                found = key
        return found

    async def by_id(self, key_id: str) -> StoredKey | None:
        """See KeySource."""
        await self._look()
        return next((key for key in self.keys if key.id == key_id), None)

    async def by_ids(self, key_ids: Collection[str]) -> dict[str, StoredKey]:
        """See KeySource."""
        await self._look()
        return {key.id: key for key in reversed(self.keys) if key.id in key_ids}

    async def used(self, key: StoredKey) -> None:
        """Nothing is written of these."""

    def problem(self) -> str | None:
        """Why the file could not be read again, in a sentence. Never blocks."""
        return self._problem

    async def _look(self) -> None:
        if self._path is None or time.monotonic() - self._looked_s < _LOOK_S:
            return
        self._looked_s = time.monotonic()
        await asyncio.to_thread(self._read_again, self._path)

    def _read_again(self, path: Path) -> None:
        """In a thread."""
        try:
            state = _state(path)
            if state == self._state and self._problem is None:
                return
            self._of_file, self._state = _read(path), state
        except KeysRefused as error:
            if self._problem is None:
                log.warning("keys_file_unreadable", reason=str(error), kept=len(self._of_file))
            self._problem = f"{error}; the keys read before are still in use"
            return
        self._problem = None
        log.info("keys_file_read", path=str(path), keys=len(self._of_file))


def _state(path: Path) -> object:
    """What differs when the file was written or replaced; also behind Kubernetes' links."""
    try:
        found = path.stat()
    except OSError as error:
        raise KeysRefused(f"auth.keys_file: {path}: {error.strerror or error}") from None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _read(path: Path) -> tuple[StoredKey, ...]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise KeysRefused(f"larger than {_MOST_BYTES} bytes")
        return keys_in_text(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KeysRefused(f"auth.keys_file: {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    except KeysRefused as error:
        raise KeysRefused(f"auth.keys_file: {path}: {error}") from None


def listed_keys(path: Path | None, environ: Mapping[str, Any], role: Role) -> KeyList:
    """The keys of the file and of API_KEYS. Raises KeysRefused."""
    return KeyList(path, keys_in_environment(str(environ.get("API_KEYS", "")), role))
