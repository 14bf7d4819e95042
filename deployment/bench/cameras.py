"""Cameras for the benches: the standing clip served over RTSP by a process of its own. Any one thread.

python deployment/bench/cameras.py --cameras 8     # serves, prints the URLs, until Ctrl-C
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

import clip

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_cameras.py")


class Cameras:
    """A context manager: `count` cameras from `first` on, in one server process.

    Raises RuntimeError where the server does not start (it needs Debian's python3-gi, gir1.2-gst-rtsp-server-1.0,
    gstreamer1.0-plugins-good and -bad).
    """

    def __init__(self, count: int, first: int = 0, path: Path | None = None) -> None:
        self.path = path or clip.standing_clip()
        self.names = [f"cam{number}" for number in range(first, first + count)]
        self._first = first
        self._clocks: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def urls(self) -> list[str]:
        """One URL a camera."""
        return [f"rtsp://127.0.0.1:{self.port}/{name}" for name in self.names]

    @property
    def pid(self) -> int:
        """The server's process. Raises RuntimeError while it does not run."""
        if self._process is None:
            raise RuntimeError("the cameras do not run")
        return self._process.pid

    def clock_s(self, name: str) -> list[float]:
        """When picture 0 was due on the monotonic clock, for each client that played the camera, oldest first."""
        with self._lock:
            return list(self._clocks.get(name, ()))

    def forget_clocks(self) -> None:
        """Forget the clients so far."""
        with self._lock:
            self._clocks.clear()

    def start(self) -> None:
        """Serve; after a `kill` on the same port as before."""
        arguments = ["--cameras", str(len(self.names)), "--first", str(self._first), "--fps", str(clip.FPS)]
        arguments += ["--port", str(self.port)]
        self._process = subprocess.Popen(
            [PYTHON, str(SCRIPT), str(self.path), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("PORT "):
            self.kill()
            raise RuntimeError("the RTSP server did not start")
        self.port = int(line.split()[1])
        threading.Thread(target=self._listen, args=(self._process,), name="cameras", daemon=True).start()

    def kill(self) -> None:
        """End the server at once, as a power cut would. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            word, _, rest = line.partition(" ")
            if word == "CLOCK":
                name, base_s = rest.split()
                with self._lock:
                    self._clocks.setdefault(name, []).append(float(base_s))

    def __enter__(self) -> Cameras:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def main() -> None:
    """Serve cameras until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=8)
    arguments = parser.parse_args()
    with Cameras(arguments.cameras) as cameras:
        sys.stdout.write("\n".join(cameras.urls) + "\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(1.0)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
