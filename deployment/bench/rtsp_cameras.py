"""RTSP cameras on loopback, a process of its own: run by Debian's python3, which has `gi`; imports nothing of ours.

    /usr/bin/python3 rtsp_cameras.py CLIP.h264 [--cameras N] [--first K] [--fps F] [--port P]

Camera k plays the clip (Annex B, no B-frames) for ever at rtsp://127.0.0.1:P/camK, with timestamps that go on over the
loop, from its start for each client. Prints `PORT p` when it serves, and for each client that begins to play
`CLOCK camK SECONDS`: the reading of the monotonic clock at which picture 0 was due, so that picture n is due n / fps
later. Ends when its standard input does.

`multifilesrc loop=true ! h264parse` would need no code, but gives every picture the time 0 on GStreamer 1.22.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LAUNCH = (
    "( appsrc name=units format=time max-bytes=400000 caps=video/x-h264,stream-format=byte-stream,alignment=au"
    ",framerate={fps}/1 ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
START = b"\x00\x00\x01"
SLICES = (1, 5)
HEADERS = (6, 7, 8, 9)


def say(line: str) -> None:
    """One line to whoever started this process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def access_units(data: bytes) -> list[bytes]:
    """Cut an Annex B stream before each picture's first NAL unit (H.264, 7.4.1.2.3, as far as x264 needs it)."""
    cuts = []
    seen_slice = True
    at = data.find(START)
    while at >= 0:
        kind = data[at + 3] & 0x1F
        first_slice = kind in SLICES and data[at + 4] & 0x80  # first_mb_in_slice is 0
        if seen_slice and (kind in HEADERS or first_slice):
            cuts.append(at - 1 if at and data[at - 1] == 0 else at)
            seen_slice = False
        seen_slice = seen_slice or kind in SLICES
        at = data.find(START, at + 3)
    return [data[begin:end] for begin, end in zip(cuts, [*cuts[1:], len(data)], strict=True)]


class Player:
    """Feeds one client's `appsrc`, on GStreamer's threads; one picture at a time, whenever it asks."""

    def __init__(self, units: list[bytes], fps: int) -> None:
        self.units = units
        self.fps = fps
        self.next = 0

    def need_data(self, source: Any, _size: int) -> None:
        """Push the next picture with its times."""
        buffer = Gst.Buffer.new_wrapped(self.units[self.next % len(self.units)])
        buffer.pts = buffer.dts = self.next * Gst.SECOND // self.fps
        buffer.duration = Gst.SECOND // self.fps
        self.next += 1
        source.emit("push-buffer", buffer)


def report_clock(camera: str, media: Any) -> bool:
    """Say when this client's picture 0 was due. GStreamer's system clock is the monotonic clock."""
    base_ns = media.get_base_time()
    if base_ns in (0, Gst.CLOCK_TIME_NONE):
        return True  # not set yet: asked again
    say(f"CLOCK {camera} {base_ns / 1e9:.6f}")
    return False


def add_camera(server: Any, name: str, units: list[bytes], fps: int) -> None:
    """Mount one camera."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.format(fps=fps))
    factory.set_shared(False)

    def on_state(media: Any, state: int) -> None:
        if state == int(Gst.State.PLAYING):  # the clock is asked for outside of the media's own locks
            GLib.timeout_add(20, report_clock, name, media)

    def configure(_factory: Any, media: Any) -> None:
        media.get_element().get_by_name_recurse_up("units").connect("need-data", Player(units, fps).need_data)
        media.connect("new-state", on_state)

    factory.connect("media-configure", configure)
    server.get_mount_points().add_factory(f"/{name}", factory)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", type=Path)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(arguments.port))
    units = access_units(arguments.clip.read_bytes())
    for number in range(arguments.first, arguments.first + arguments.cameras):
        add_camera(server, f"cam{number}", units, arguments.fps)
    loop = GLib.MainLoop()
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on 127.0.0.1:{arguments.port}")
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP | GLib.IO_IN | GLib.IO_ERR, lambda *_: loop.quit())
    say(f"PORT {server.get_bound_port()}")
    loop.run()


if __name__ == "__main__":
    main()
