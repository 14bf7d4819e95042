"""`livesight` as its user starts it: a real process with its own port, state and log. Any one thread."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.peers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


class LivesightProcess:
    """A context manager: serves at `url` once entered, and is ended (SIGTERM, then SIGKILL) when left.

    arguments: what follows `livesight up`; settings: `LIVESIGHT_…` variables by their name without the prefix.
    environment: further variables. `key`: sent with requests, once set.
    command: another subcommand that serves, such as `demo`.
    """

    def __init__(
        self,
        arguments: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        command: str = "up",
        state_dir: Path | None = None,
        python: Sequence[str] = (sys.executable, "-m", "livesight"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.key: str | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="livesight-test-")
        self.log_path = Path(self._folder.name) / "log"
        self._command = [*python, command, "--port", str(self.port), *arguments]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LIVESIGHT_")}
        named = {f"LIVESIGHT_{key}": value for key, value in (settings or {}).items()}
        state = {"LIVESIGHT_STATE_DIR": str(state_dir or Path(self._folder.name) / "state")}
        self._environment = {**kept, **(environment or {}), **state, **named, "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "not started"
        return self._process.pid

    def set(self, settings: Mapping[str, str]) -> None:
        """Further settings, before it starts."""
        self._environment |= {f"LIVESIGHT_{key}": value for key, value in settings.items()}

    def start(self, timeout_s: float = 180.0) -> None:
        """Start, and wait until `/readyz` answers 200. Raises RuntimeError with the log when it ends or is late."""
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=subprocess.STDOUT, env=self._environment, cwd=ROOT
            )
        try:
            self.wait_for(self._ready, timeout_s, "readiness")
        except BaseException:
            self.kill()
            raise

    def _ready(self) -> bool:
        try:
            self.get_json("/readyz")
        except (OSError, urllib.error.HTTPError):
            return False
        return True

    def wait_for(self, found: Callable[[], Any], timeout_s: float, what: str) -> Any:
        """Poll until `found()` is truthy and return that. Raises RuntimeError when the process ends or time is up."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"livesight ended with {self._process.returncode}\n{self.log()}")
            if value := found():
                return value
            time.sleep(0.05)
        raise RuntimeError(f"no {what} within {timeout_s} s\n{self.log()}")

    def log(self, characters: int = 6000) -> str:
        """The end of what the process printed."""
        return self.log_path.read_text(errors="replace")[-characters:]

    def get(self, path: str, timeout_s: float = 5.0) -> bytes:
        """The body of a GET. Raises urllib.error.HTTPError for other answers than 200."""
        request = urllib.request.Request(self.url + path, headers={} if self.key is None else {"X-API-Key": self.key})
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            body: bytes = answer.read()
        return body

    def get_json(self, path: str, timeout_s: float = 5.0) -> Any:
        """The JSON of a GET."""
        return json.loads(self.get(path, timeout_s))

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels; 0 without any."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        total = 0.0
        for line in self.get("/metrics").decode().splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == name and all(label in head for label in wanted):
                total += float(value)
        return total

    def stop(self, timeout_s: float = 10.0) -> tuple[int, float]:
        """SIGTERM; returns the exit code and the seconds until it ended. Raises TimeoutExpired after `timeout_s`."""
        assert self._process is not None, "not started"
        began_s = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout_s)
        return code, time.monotonic() - began_s

    def kill(self) -> None:
        """SIGKILL. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def __enter__(self) -> LivesightProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process is not None and self._process.poll() is None:
                self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
        finally:
            self._folder.cleanup()
