"""A broker, some nodes and api processes on loopback, each a real process. Any one thread."""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.peers.kafka import Broker
from tests.peers.livesight_process import LivesightProcess
from tests.peers.postgres import Postgres

LIVESIGHT = (sys.executable, "-m", "livesight")
NUMBER_LIVESIGHT = (sys.executable, "-m", "tests.peers.number_livesight")


class LocalCluster:
    """A context manager: `nodes` node processes and `apis` api processes over one broker, by name.

    settings: for all of them, as LivesightProcess takes them; they share `secret` besides. accounts: with
    `auth.mode` accounts in a PostgreSQL, a monitor, and `key`, an admin's, which every process takes. State is kept by
    name, so that a process that is started again has what it had.
    """

    def __init__(
        self,
        nodes: int = 3,
        apis: int = 2,
        settings: Mapping[str, str] | None = None,
        python: Sequence[str] = LIVESIGHT,
        accounts: bool = False,
    ) -> None:
        self.broker = Broker()
        self.database = Postgres() if accounts else None
        self.key = secrets.token_hex(32)
        self.secret = secrets.token_urlsafe(48)
        self.processes: dict[str, LivesightProcess] = {}
        self._names = [f"node-{number + 1}" for number in range(nodes)] + [f"api-{n + 1}" for n in range(apis)]
        self._names += ["monitor-1"] if accounts else []
        self._settings = {**self._of_accounts(), **(settings or {})}
        self._python = python
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._folder = tempfile.TemporaryDirectory(prefix="livesight-cluster-")

    @property
    def nodes(self) -> dict[str, LivesightProcess]:
        """The node processes that were started and not ended by `end` or `kill`."""
        return {name: process for name, process in self.processes.items() if name.startswith("node")}

    @property
    def api(self) -> LivesightProcess:
        """Some api process."""
        return next(process for name, process in self.processes.items() if name.startswith("api"))

    def start(self, name: str, timeout_s: float = 300.0) -> LivesightProcess:
        """Start one more process, or one again; its role is the first part of its name."""
        known = {} if self.database is None else {"API_KEYS": f"cluster:{self.key}"}
        process = LivesightProcess(
            ["--roles", name.split("-")[0]],
            {
                "KAFKA__BOOTSTRAP_SERVERS": self.broker.address,
                "KAFKA__TOPICS__PARTITIONS": "16",
                "CLUSTER__SECRET": self.secret,
                "NODE_NAME": name,
                **self._settings,
            },
            state_dir=self.state_dir(name),
            python=self._python,
            environment=known,
        )
        process.key = None if self.database is None else self.key
        with self._lock:
            self._stack.push(process.__exit__)
        process.start(timeout_s)
        with self._lock:
            self.processes[name] = process
        return process

    def state_dir(self, name: str) -> Path:
        """Where a process of that name keeps its state, or will."""
        return Path(self._folder.name) / name

    def kill(self, name: str) -> None:
        """kill -9."""
        self.processes.pop(name).kill()

    def end(self, name: str) -> tuple[int, float]:
        """SIGTERM; returns the exit code and how long it took."""
        return self.processes.pop(name).stop(15)

    def running(self) -> dict[str, set[str]]:
        """The streams that each node process counts as up, asked of itself."""
        found: dict[str, set[str]] = {}
        for name, process in self.nodes.items():
            lines = process.get("/metrics", timeout_s=20).decode().splitlines()
            up = [line for line in lines if line.startswith("livesight_stream_up{") and float(line.split()[-1]) == 1]
            found[name] = {line.split('stream="', 1)[1].split('"', 1)[0] for line in up}
        return found

    def streams(self, process: LivesightProcess | None = None) -> dict[str, dict[str, Any]]:
        """`GET /v1/streams` of an api process, by id."""
        listed = (process or self.api).get_json("/v1/streams", timeout_s=20)
        return {stream["id"]: stream for stream in listed["streams"]}

    def add(self, stream_id: str, url: str, models: Sequence[str] = ("mask",)) -> dict[str, Any]:
        """`POST /v1/streams` to an api process."""
        body = json.dumps({"id": stream_id, "url": url, "models": list(models)}).encode()
        return ask(self.api.url + "/v1/streams", "POST", body, self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {} if self.database is None else {"x-api-key": self.key}

    def _of_accounts(self) -> dict[str, str]:
        if self.database is None:
            return {}
        url = self.database.url("postgres")
        return {
            "AUTH__MODE": "accounts",
            "AUTH__API_KEYS_ROLE": "admin",
            "AUTH__DATABASE_URL": url,
            "MONITORING__DATABASE_URL": url,
        }

    def wait(self, found: Callable[[], Any], timeout_s: float, what: str) -> Any:
        """Poll until `found()` is truthy; errors of processes that are just ending count as not yet."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            try:
                if value := found():
                    return value
            except OSError:
                pass
            time.sleep(0.05)
        logs = "\n".join(f"--- {name}\n{process.log(2000)}" for name, process in self.processes.items())
        raise AssertionError(f"no {what} within {timeout_s} s\n{logs}")

    def __enter__(self) -> LocalCluster:
        try:
            self.broker.start()
            self._stack.callback(self.broker.kill)
            if self.database is not None:
                self._stack.enter_context(self.database)
            with ThreadPoolExecutor(len(self._names)) as pool:  # importing takes most of the time
                list(pool.map(self.start, self._names))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()
        self._folder.cleanup()


def ask(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """JSON over HTTP. Raises AssertionError with the problem for what is no success."""
    fields = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=body, method=method, headers=fields)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{method} {url}: {error.code} {error.read().decode()}") from error
    found: dict[str, Any] = json.loads(text) if text else {}
    return found
