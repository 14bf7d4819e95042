"""What the process runs that decodes costly stills for the service: `python -m stream.decoding.decoder_child FD`.

It imports little, opens nothing and is told nothing but pictures. FD is a socket (SOCK_SEQPACKET). A request is a JSON
object with a descriptor of shared memory: that holds the encoded image, and afterwards the pixels, and behind them the
same made small. One at a time. The process bounds its own memory and CPU time for each, and ends with the
service, also in the midst of a picture. `stream/decoding/decoder_process.py` is the other side.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TypedDict

import cv2

from stream.decoding.image_decoding import decode_pixels
from stream.decoding.still import SMALL_LINES, Image, halved, small_shape
from stream.errors import BadImageError

MAX_MESSAGE = 4096
KEPT_S = 2.0
"""Whoever gives memory back last pays for it: 5 to 15 ms for 12 megapixels. So it is kept until the service is done."""


class DecodeRequest(TypedDict):
    """kind: see `decode_pixels`; data_bytes: how much of the shared memory is the encoded image.

    cpu_s, memory_bytes: what decoding it may take, beyond what the process has taken so far.
    """

    kind: str
    data_bytes: int
    cpu_s: int
    memory_bytes: int


class DecodeAnswer(TypedDict, total=False):
    """shape: of the pixels (height, width, channels), or why there are none. cpu_s: what the picture took here."""

    shape: list[int]
    cpu_s: float
    refused: str


def serve(service: socket.socket) -> None:
    """Say that it is ready, then answer requests until the service closes its end. Blocks."""
    service.send(b"{}")
    poll = select.poll()
    poll.register(service, select.POLLIN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(service, MAX_MESSAGE, 1)
        if not message:
            return
        request: DecodeRequest = json.loads(message)
        with mmap.mmap(descriptors[0], 0) as memory:
            os.close(descriptors[0])
            service.send(json.dumps(_decode(request, memory)).encode())
            poll.poll(KEPT_S * 1000)  # the next request, or a while


def _decode(request: DecodeRequest, memory: mmap.mmap) -> DecodeAnswer:
    """Put the pixels where the encoded image was."""
    begun_s = time.process_time()
    _limit(resource.RLIMIT_CPU, math.ceil(begun_s) + request["cpu_s"])
    _limit(resource.RLIMIT_AS, _mapped_bytes() + request["memory_bytes"])
    try:
        image_bgr = decode_pixels(memory[: request["data_bytes"]], request["kind"])
        if image_bgr.nbytes > len(memory):
            return {"refused": f"the {request['kind']} image is damaged: it has more pixels than its header says"}
        memory[: image_bgr.nbytes] = image_bgr.data.cast("B")
        _add_small(image_bgr, memory)
    except BadImageError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": f"the {request['kind']} image needs too much memory to be decoded"}
    return {"shape": list(image_bgr.shape), "cpu_s": time.process_time() - begun_s}


def _add_small(image_bgr: Image, memory: mmap.mmap) -> None:
    """Behind the pixels. Not where a damaged header has left no room for it; the service does not look for it then."""
    shape = small_shape(*image_bgr.shape[:2])
    if shape is not None and image_bgr.nbytes + math.prod(shape) <= len(memory):
        small = halved(image_bgr, SMALL_LINES)
        memory[image_bgr.nbytes : image_bgr.nbytes + small.nbytes] = small.data.cast("B")


def _limit(kind: int, most: int) -> None:
    """Above it the system ends the process (CPU time) or gives it no more (memory)."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _mapped_bytes() -> int:
    """Of this process's address space, what is in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _end_with(service: socket.socket) -> None:
    """End the process when the other end of the socket is closed; while it decodes nobody else would see that."""
    poll = select.poll()
    poll.register(service, 0)  # a hang-up is always told
    poll.poll()
    os._exit(0)


def main() -> None:
    """Serve the descriptor that the command line names."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group: the service needs this process to drain
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold somebody's picture
    cv2.setNumThreads(1)
    service = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_end_with, args=(service,), daemon=True).start()
    serve(service)


if __name__ == "__main__":
    main()
