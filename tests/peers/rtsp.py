"""An RTSP camera that tests can kill, freeze and bring back: a GStreamer server in its own process.

Runs in its own process; the class may be used from any one thread.
"""

from __future__ import annotations

import functools
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pytest

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_server.py")
_PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


@dataclass(frozen=True)
class Mount:
    """What one camera plays: a raw H.264 file (Annex B, no B-frames), looped for ever at `fps`."""

    file: Path
    fps: int = 25
    user: str | None = None
    password: str | None = None

    def argument(self, name: str) -> str:
        """The mount as the server's command line takes it."""
        secret = f"@{self.user}:{self.password}" if self.user else ""
        return f"{name}={self.file}@{self.fps}{secret}"


@functools.cache
def rtsp_missing() -> str | None:
    """Why there is no RTSP server on this machine, or None."""
    if not Path(PYTHON).exists():
        return f"{PYTHON} is missing"
    try:
        done = subprocess.run([PYTHON, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "GStreamer does not load"
    return None if done.returncode == 0 else "Debian's python3-gi and gir1.2-gst-rtsp-server-1.0 are not installed"


class RtspServer:
    """A context manager. `mounts` gives the cameras by name; with `port` 0 a free one is taken at the first start.

    own: each client gets its own run from the file's start, instead of joining the moving picture; address: where it
    listens; certificate: of TLS, with its key.
    Skips the test, with the reason, where the server's packages are missing.
    """

    def __init__(
        self,
        mounts: Mapping[str, Mount],
        port: int = 0,
        own: bool = False,
        address: str = "127.0.0.1",
        certificate: Path | None = None,
    ) -> None:
        self.address = address
        self.certificate = certificate
        self.mounts = dict(mounts)
        self.port = port
        self.own = own
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The server's process. Raises RuntimeError while it does not run."""
        if self._process is None:
            raise RuntimeError("the RTSP server does not run")
        return self._process.pid

    def url(self, name: str) -> str:
        """The camera's URL, with its credentials where it has some."""
        mount = self.mounts[name]
        secret = f"{mount.user}:{mount.password}@" if mount.user else ""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"rtsp{'s' if self.certificate else ''}://{secret}{host}:{self.port}/{name}"

    def start(self, timeout_s: float = 60.0) -> None:
        """Start serving; the port stays the same over restarts."""
        if reason := rtsp_missing():
            pytest.skip(reason)
        if self._process is not None:
            raise RuntimeError("the RTSP server runs already")
        arguments = ["--port", str(self.port), "--address", self.address, *(["--own"] if self.own else [])]
        arguments += ["--tls", str(self.certificate)] if self.certificate else []
        arguments += [mount.argument(name) for name, mount in self.mounts.items()]
        self._process = subprocess.Popen(
            [PYTHON, str(SCRIPT), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        giving_up = threading.Timer(timeout_s, self._process.kill)
        giving_up.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        giving_up.cancel()
        if not line.startswith("PORT "):
            self.kill()
            raise RuntimeError(f"the RTSP server did not start on port {self.port}")
        self.port = int(line.split()[1])

    def kill(self) -> None:
        """End the server at once, as a power cut would (SIGKILL). Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def freeze(self) -> None:
        """Stop the process: connections are still accepted by the kernel, then there is silence."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill and start again on the same port."""
        self.kill()
        self.start()

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError("the RTSP server does not run")
        self._process.send_signal(number)

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
