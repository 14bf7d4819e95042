"""The secret that links are signed with: configured, or made once and kept in the state directory. Reads the disk."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from pydantic import SecretStr

from workers.errors import SettingsError

FILE = "links.secret"
MIN_CHARACTERS = 32


def link_secret(configured: SecretStr | None, file: Path | None, state_dir: Path) -> bytes:
    """The secret. Raises SettingsError that names the file and not what is in it.

    Processes that serve the same links need the same one: configure it where there are several with the role api.
    """
    if configured is not None:
        return configured.get_secret_value().encode()
    path = file or state_dir / FILE
    try:
        if file is None and not path.exists():
            _make(path)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"auth.link_secret_file: {path}: {error.strerror or error}") from error
    if len(secret) < MIN_CHARACTERS:
        hint = "write `openssl rand -hex 32` into it" if file else "delete the file, and a new one is made"
        raise SettingsError(f"auth.link_secret_file: {path}: fewer than {MIN_CHARACTERS} characters; {hint}")
    return secret


def _make(path: Path) -> None:
    """Whole or not at all; another process may be making it too, and the first one wins."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{FILE}-")  # for its owner only
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        Path(temporary).unlink()
