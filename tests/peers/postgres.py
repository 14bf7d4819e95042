"""A real PostgreSQL server (Debian's) on loopback, in a temporary folder of its own. Any one thread."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import pytest

from tests.peers.ports import free_port

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class Postgres:
    """Start, kill, start again with what it had, freeze, thaw.

    Entering it skips the test where there is no PostgreSQL. It does not run as root: it becomes `postgres` then.
    """

    def __init__(self, fsync: bool = False) -> None:
        """fsync: whether what is committed is on the disk, as it is outside of tests."""
        self._fsync = fsync
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="livesight-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://livesight@127.0.0.1:{self.port}/{name}"

    def emptied(self) -> str:
        """The URL of a database in which there is nothing (any more); one for each test would take seconds."""
        url = self.url("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return url

    def start(self) -> None:
        """Start and wait until it answers."""
        data = self._folder / "data"
        if not _PROGRAMS:
            shutil.rmtree(self._folder)
            pytest.skip("there is no PostgreSQL server (Debian package postgresql)")
        if not data.exists():
            if os.geteuid() == 0:
                shutil.chown(self._folder, "postgres", "postgres")
            self._run("initdb", "-D", str(data), "-U", "livesight", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._folder,
            "fsync": "on" if self._fsync else "off",
        }
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        with (self._folder / "log").open("ab") as log:
            command = [_PROGRAMS[0] / "postgres", "-D", data, *settings]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **_user())
        deadline_s = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline_s or self._process.poll() is not None:
                    raise TimeoutError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()}") from error
                time.sleep(0.05)

    def kill(self) -> None:
        """End at once, as after a crash: clients are cut off. Idempotent."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def freeze(self) -> None:
        """The server and its sessions stop where they are; connections stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        children = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False)
        for pid in (self._process.pid, *(int(line) for line in children.stdout.split())):
            os.kill(pid, number)

    def _run(self, program: str, *arguments: str) -> None:
        command = [_PROGRAMS[0] / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", **_user())

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _user() -> dict[str, Any]:
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
