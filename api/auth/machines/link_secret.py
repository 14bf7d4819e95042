"""The secret that links are signed with: configured, the cluster's, or made once and kept in the state directory.

Reads the disk.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from pydantic import SecretStr

from api.auth.settings import AuthSettings
from workers.access.cluster_keys import ClusterKeys
from workers.atomic_files import make_once
from workers.errors import SettingsError

FILE = "links.secret"
MIN_CHARACTERS = 32
_PURPOSE = "links/1"


def link_secrets(settings: AuthSettings, cluster: ClusterKeys | None, state_dir: Path) -> tuple[bytes, ...]:
    """The one to sign with, and others whose signatures count. Raises SettingsError.

    An own one goes before what is derived from the cluster's, which all its processes have.
    """
    if cluster is not None and not has_own_secret(settings):
        return cluster.accepted(_PURPOSE)
    return (link_secret(settings.link_secret, settings.link_secret_file, state_dir),)


def has_own_secret(settings: AuthSettings) -> bool:
    """Whether a secret for links is configured."""
    return bool(settings.link_secret or settings.link_secret_file)


def link_secret(configured: SecretStr | None, file: Path | None, state_dir: Path) -> bytes:
    """The secret. Raises SettingsError that names the file and not what is in it.

    Processes that serve the same links need the same one.
    """
    if configured is not None:
        return configured.get_secret_value().encode()
    path = file or state_dir / FILE
    try:
        if file is None:
            make_once(path, secrets.token_hex(32), SettingsError)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"auth.link_secret_file: {path}: {error.strerror or error}") from error
    if len(secret) < MIN_CHARACTERS:
        hint = "write `openssl rand -hex 32` into it" if file else "delete the file, and a new one is made"
        raise SettingsError(f"auth.link_secret_file: {path}: fewer than {MIN_CHARACTERS} characters; {hint}")
    return secret
