"""A real MQTT broker (Debian's mosquitto) on loopback, and a client that listens."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.peers.ports import free_port

_PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


class Mosquitto:
    """Start, kill, start again on the same port, freeze, thaw. With a password file, who has none is refused.

    Entering it skips the test where there is no mosquitto.
    """

    def __init__(
        self, folder: Path, user: str | None = None, password: str | None = None, tls: Path | None = None
    ) -> None:
        """`tls`: a certificate with its key, PEM."""
        self._tls = tls
        self.port = free_port()
        self._folder = folder
        self._login = None if user is None or password is None else (user, password)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        program = shutil.which("mosquitto", path=_PLACES)
        if program is None:
            pytest.skip("there is no mosquitto (Debian package mosquitto)")
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        lines.append("allow_anonymous false" if self._login else "allow_anonymous true")
        if self._tls is not None:
            lines += [f"certfile {self._tls}", f"keyfile {self._tls}"]
        if self._login:
            passwords = self._folder / "passwords"
            passwords.write_text(":".join(self._login) + "\n")
            passwords.chmod(0o600)
            subprocess.run([shutil.which("mosquitto_passwd", path=_PLACES) or "", "-U", passwords], check=True)
            passwords.chmod(0o644)  # as root it becomes another user first
            lines.append(f"password_file {passwords}")
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join([*lines, "user root"]) + "\n")
        self._process = subprocess.Popen([program, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("the broker does not accept connections")

    def kill(self) -> None:
        """kill -9. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class Listener:
    """Subscribes to everything; `messages` are (topic, payload) in the order in which they came."""

    def __init__(self, port: int, login: tuple[str, str] | None = None, tls: Path | None = None) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        if tls is not None:
            self._client.tls_set(str(tls))
        if login:
            self._client.username_pw_set(*login)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take
        self._port = port

    def wait_for(self, number: int, timeout_s: float = 30.0) -> list[tuple[str, bytes]]:
        """The messages, once there are so many. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.messages) >= number, timeout_s):
                raise TimeoutError(f"{len(self.messages)} messages after {timeout_s} s")
            return list(self.messages)

    def _take(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.messages.append((message.topic, bytes(message.payload)))
            self._changed.notify_all()

    def __enter__(self) -> Listener:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._ready.wait(10):
            raise TimeoutError("the broker does not take the subscription")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
