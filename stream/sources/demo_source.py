"""The built-in camera: a camera that pans over real faces, drawn at run time. Runs in its own thread."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from stream.config import StreamConfig, StreamSettings
from stream.decoding.cpu_gate import CpuGate
from stream.sources.connect import ConnectTarget
from stream.sources.demo_scene import render_clip
from stream.sources.pull_source import PullSource

_rendered: bytes | None = None
_rendering = threading.Lock()


def demo_clip() -> bytes:
    """The clip as an MP4 file (H.264, 640×360, 20 fps, a seamless loop); rendered once a process. Any thread."""
    global _rendered
    with _rendering:
        if _rendered is None:
            _rendered = render_clip()
        return _rendered


class DemoSource(PullSource):
    """Renders the clip, then plays it as a looped file. See PullSource."""

    def __init__(self, config: StreamConfig, settings: StreamSettings, cpu_gate: CpuGate, *, live: bool) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="livesight-demo-")
        self._clip = Path(self._folder.name) / "demo.mp4"
        super().__init__(config, settings, ConnectTarget("demo", str(self._clip)), cpu_gate, live=live)

    def close(self, timeout_s: float = 5.0) -> None:
        """See Source."""
        super().close(timeout_s)
        self._folder.cleanup()

    def _deliver_all(self) -> None:
        clip = demo_clip()
        try:
            self._clip.write_bytes(clip)
        except FileNotFoundError:
            if self._stopping.is_set():  # closed while the clip was rendered: its folder is gone
                return
            raise
        super()._deliver_all()
