"""The processes that decode costly stills, as the system shows them; and a still that keeps one busy."""

from __future__ import annotations

import os
import time
from pathlib import Path

from stream.decoding.image_header import ImageHeader
from tests.peers.hostile_pictures import progressive_jpeg


def processes() -> set[int]:
    """The decoders that this process has started and not yet waited for."""
    me, found = str(os.getpid()), set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == me and b"decoder_child" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def only_process(before: set[int]) -> int:
    """The decoder that was started since."""
    deadline_s = time.monotonic() + 30
    while not (found := processes() - before):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    (pid,) = found
    return pid


def long_lasting() -> tuple[bytes, ImageHeader]:
    """Takes seconds of CPU; its header, were it read, would be refused."""
    return progressive_jpeg((4000, 3000), 3000), ImageHeader("jpeg", (4000, 3000), 3000)
