"""Processes that end with the one that started them, however that ends. Any thread; no preexec, no signal handlers."""

from __future__ import annotations

import subprocess
from pathlib import Path


class EndsWithUs:
    """Kills a process, and removes its folder, once this process is gone: a shell that waits for a pipe to close."""

    def __init__(self, pid: int, folder: Path | None = None) -> None:
        script = 'read -r _ || { kill -9 "$0"; sleep 0.2; [ -z "$1" ] || rm -rf "$1"; }'
        command = ["/bin/sh", "-c", script, str(pid), "" if folder is None else str(folder)]
        self._shell = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def release(self) -> None:
        """The process has ended otherwise. Idempotent."""
        if self._shell.returncode is None:
            self._shell.communicate(b"\n")
