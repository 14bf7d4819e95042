"""Which keys a process has: configured, the cluster's, or its own in the state directory. Looks at the disk."""

from __future__ import annotations

import secrets
from pathlib import Path

from workers.access.cluster_keys import ClusterKeys, check_secret
from workers.atomic_files import make_once, write_text
from workers.errors import SettingsError
from workers.secrets.keys import KeyMaterial, SecretKeys
from workers.secrets.settings import SecretSettings

FILE = "secrets.key"
_PURPOSE = "secrets/1"
_HEADING = "# Encrypts addresses and passwords of cameras in this folder. The first key encrypts, all decrypt.\n"


def secret_keys(
    settings: SecretSettings, cluster: ClusterKeys | None, state_dir: Path, *, shared: bool, make: bool = True
) -> SecretKeys:
    """The keys. Raises SettingsError for a file that cannot be read, or has no keys.

    shared: cameras are stored where other processes read them, so that a key of this one alone would lock them out.
    make: make an own key where there is none. What once encrypted still decrypts: that of the cluster's secret, and
    an own one.
    """
    older = [KeyMaterial(one.get_secret_value().encode(), "secrets.older_keys") for one in settings.older_keys]
    current: list[KeyMaterial] = []
    if settings.key is not None:
        current = [KeyMaterial(settings.key.get_secret_value().encode(), "secrets.key")]
    elif settings.key_file is not None:
        current = _read(settings.key_file, f"secrets.key_file {settings.key_file}")
    of_cluster = [] if cluster is None else cluster.accepted(_PURPOSE)
    current += [KeyMaterial(material, "cluster.secret") for material in of_cluster]
    own_file = state_dir / FILE
    if not current and not shared and make:
        make_once(own_file, _HEADING + secrets.token_urlsafe(48) + "\n", SettingsError)
    own = _read(own_file, str(own_file)) if own_file.exists() else []
    if not current and not shared:
        return SecretKeys(own, older)
    return SecretKeys(current, [*older, *own])


def renew_own_key(state_dir: Path) -> None:
    """Put a new key before those of the state directory's file. Raises SettingsError."""
    path = state_dir / FILE
    lines = [one.material.decode() for one in _read(path, str(path))] if path.exists() else []
    text = _HEADING + "".join(f"{line}\n" for line in (secrets.token_urlsafe(48), *lines))
    write_text(path, text, 0o600, SettingsError)


def has_own_key(keys: SecretKeys, state_dir: Path) -> bool:
    """Whether the key that encrypts is that of the state directory's file."""
    return keys.current is not None and keys.names[keys.current] == str(state_dir / FILE)


def _read(path: Path, name: str) -> list[KeyMaterial]:
    """The keys of a file, one a line. Raises SettingsError, which shows nothing of them."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "not text"
        raise SettingsError(f"secrets.key_file: {path}: {reason}") from error
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise SettingsError(f"secrets.key_file: {path} is empty; it needs a line of 32 bytes or more")
    for number, text in enumerate(found, 1):
        try:
            check_secret(text)
        except ValueError as error:
            raise SettingsError(f"secrets.key_file: {path}: key {number} {error}") from error
    return [KeyMaterial(text.encode(), name) for text in found]
