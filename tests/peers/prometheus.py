"""Prometheus and promtool as Debian has them. A process of its own on loopback; its data goes with it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import yaml

from tests.peers.ports import free_port


def prometheus_missing() -> str | None:
    """Why there is no Prometheus on this machine, or None."""
    missing = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


class QueryError(Exception):
    """Prometheus refused a query, in its words."""


class Prometheus:
    """A context manager. Runs with the configuration `config`, in a hurry, scraping `targets` (`host:port`).

    key: the file with the key that it sends, in place of the one that `config` names; None: none. Skips the test,
    with the reason, where Prometheus is not installed.
    """

    def __init__(self, config: Path, targets: list[str], scrape_s: float = 1.0, key: Path | None = None) -> None:
        if reason := prometheus_missing():
            pytest.skip(reason)
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder = tempfile.TemporaryDirectory(prefix="livesight-prometheus-")
        self._config = Path(self._folder.name) / "prometheus.yml"
        self._config.write_text(yaml.safe_dump(_hurried(config, targets, scrape_s, key)))
        self._process: subprocess.Popen[bytes] | None = None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query. Raises QueryError."""
        path = f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        result: list[dict[str, Any]] = self._get(path)["result"]
        return result

    def wait_for(self, expression: str, fits: Callable[[list[dict[str, Any]]], bool], timeout_s: float = 60.0) -> None:
        """Ask until the answer fits. Raises TimeoutError with the last one."""
        deadline_s = time.monotonic() + timeout_s
        while not fits(found := self.query(expression)):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{expression}: {found}")
            time.sleep(0.1)

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health and its last error."""
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise QueryError(json.load(error)["error"]) from error

    def __enter__(self) -> Prometheus:
        folder = Path(self._folder.name)
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self._config}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline_s = time.monotonic() + 60
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.__exit__(None, None, None)
                raise RuntimeError((folder / "log").read_text()[-3000:])
            time.sleep(0.1)
        return self

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        self._folder.cleanup()


def _hurried(config: Path, targets: list[str], scrape_s: float, key: Path | None) -> dict[str, Any]:
    """The configuration with other targets, key and shorter intervals; rules from where it lies."""
    content: dict[str, Any] = yaml.safe_load(config.read_text())
    seconds = f"{round(scrape_s * 1000)}ms"
    content["global"] = {"scrape_interval": seconds, "scrape_timeout": seconds, "evaluation_interval": seconds}
    content["rule_files"] = [str(config.parent / pattern) for pattern in content["rule_files"]]
    jobs = content["scrape_configs"]
    content["scrape_configs"] = [
        {"job_name": job["job_name"], "static_configs": [{"targets": targets}], **_authorization(job, key)}
        for job in jobs
    ]
    return content


def _authorization(job: dict[str, Any], key: Path | None) -> dict[str, Any]:
    return {} if key is None else {"authorization": {**job["authorization"], "credentials_file": str(key)}}
