"""An RTSP server on loopback, a process of its own: run by Debian's python3, which has `gi`; imports nothing of ours.

    /usr/bin/python3 rtsp_server.py [--port N] [--address A] [--tls PEM] [--own] NAME=FILE.h264@FPS[@USER:PASSWORD] …

Each mount plays a raw H.264 file (Annex B) for ever, with timestamps that go on over the loop. All clients of a mount
see the same moving picture, as with a camera, unless `--own` gives each its own run from the file's start. A file
with B-frames has its presentation order beside it (`FILE.h264.pts`, one index a line in decode order). Prints `PORT n`
when it serves, and ends when its standard input does.

`multifilesrc loop=true ! h264parse` would need no code, but gives every picture the time 0 on GStreamer 1.22, so that
nothing paces it: access units are cut and stamped here.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

LAUNCH = (
    "( appsrc name=units format=time max-bytes=400000 caps=video/x-h264,stream-format=byte-stream,alignment=au"
    ",framerate={fps}/1 ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
START = b"\x00\x00\x01"
SLICES = (1, 5)
HEADERS = (6, 7, 8, 9)


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
    """Feeds one pipeline's `appsrc`, on GStreamer's threads; one picture at a time, whenever it asks."""

    def __init__(self, units: list[bytes], order: list[int], fps: int) -> None:
        self.units = units
        self.order = order
        self.delay = max(decoded - shown for decoded, shown in enumerate(order))
        self.fps = fps
        self.next = 0

    def need_data(self, source: Any, _size: int) -> None:
        """Push the next picture with its times."""
        loop, index = divmod(self.next, len(self.units))
        buffer = Gst.Buffer.new_wrapped(self.units[index])
        shown = loop * len(self.units) + self.order[index] + self.delay
        buffer.pts = shown * Gst.SECOND // self.fps
        buffer.dts = self.next * Gst.SECOND // self.fps
        buffer.duration = Gst.SECOND // self.fps
        self.next += 1
        source.emit("push-buffer", buffer)


def role_of(name: str) -> Any:
    """Whoever has the role may see the mount."""
    role = Gst.Structure.new_empty(name)
    role.set_value("media.factory.access", True)
    role.set_value("media.factory.construct", True)
    return role


def add_mount(server: Any, auth: Any, text: str, shared: bool) -> bool:
    """Add one mount from its argument; returns whether it asks for a password."""
    name, _, rest = text.partition("=")
    file, fps, *credentials = rest.split("@")
    with open(file, "rb") as stream:
        units = access_units(stream.read())
    order = list(range(len(units)))
    if os.path.exists(file + ".pts"):
        with open(file + ".pts") as lines:
            order = [int(line) for line in lines]
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.format(fps=fps))
    factory.set_shared(shared)

    def configure(_factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name_recurse_up("units")
        source.connect("need-data", Player(units, order, int(fps)).need_data)

    factory.connect("media-configure", configure)
    if not credentials:
        factory.add_role_from_structure(role_of("anyone"))
    if credentials:
        user, _, password = credentials[0].partition(":")
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", name)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        factory.add_role_from_structure(role_of(name))
    server.get_mount_points().add_factory(f"/{name}", factory)
    return bool(credentials)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--tls")
    parser.add_argument("--own", action="store_true")
    parser.add_argument("mounts", nargs="+")
    arguments = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(arguments.address)
    server.set_service(str(arguments.port))
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
    guarded = {add_mount(server, auth, mount, shared=not arguments.own) for mount in arguments.mounts}
    if len(guarded) > 1:
        sys.exit("either all mounts of a server have a password or none")
    if arguments.tls:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(arguments.tls))
        anyone = GstRtspServer.RTSPToken()
        anyone.set_string("media.factory.role", "anyone")
        auth.set_default_token(anyone)
    if arguments.tls or guarded == {True}:
        server.set_auth(auth)
    loop = GLib.MainLoop()
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on {arguments.address}:{arguments.port}")
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP | GLib.IO_IN | GLib.IO_ERR, lambda *_: loop.quit())
    sys.stdout.write(f"PORT {server.get_bound_port()}\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
