"""The service's side of a process that decodes costly stills (`stream/decoding/decoder_child.py`). One thread a time.

A thread of the least priority would wait for the CPU with the GIL in its hand, and everybody else for that; and it
cannot be ended. A process can: when a picture takes too much CPU or time, or nobody wants it any more. It is started by
itself, not forked off, with none of the service's descriptors, and pixels come back in memory that both map.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import mmap
import os
import re
import signal
import socket
import subprocess  # nosec B404  # the command is ours: no shell, nothing of anybody else's in it
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stream.decoding.costly_lane import LOOK_S, NICENESS, GivenUpError
from stream.decoding.decoder_child import MAX_MESSAGE, DecodeRequest
from stream.decoding.image_header import ImageHeader
from stream.decoding.still import Still, small_shape
from stream.errors import BadImageError, StreamError, TooLargeError, TooSlowError
from stream.metrics import DECODERS_ENDED

_ROOT = Path(__file__).resolve().parents[2]
_COMMAND = ("-P", "-m", "stream.decoding.decoder_child")
_ALLOCATION = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(2**20), "OPENBLAS_NUM_THREADS": "1"}
"""What is freed goes back to the system at once, and threads reserve no address space: it is what is bounded."""
_READ_BY_LIBRARIES = re.compile(
    r"PATH|LD_LIBRARY_PATH|LD_PRELOAD|TMPDIR|TZ|LANG|LC_[A-Z]+|VIRTUAL_ENV|PYTHON[A-Z]+|OPENCV_[A-Z_]+"
)
_REASONS: dict[type[BaseException], str] = {TooLargeError: "cpu", TooSlowError: "slow", GivenUpError: "given_up"}


class DecoderEndedError(StreamError):
    """The process ended by itself, or somebody else ended it. `status`: as `Popen.returncode`."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the decoder's process ended: {_why(status)}")
        self.status = status


@dataclass(frozen=True, slots=True)
class DecoderBounds:
    """What one picture may take in a process: CPU, time, and memory beside the shared one.

    The costliest picture tried took 1.6 s of CPU (12 megapixels of 16 bits and alpha); on a busy machine it gets
    little. A progressive JPEG of four colours takes most memory: 11 bytes a pixel. start_s: until it must be ready.
    """

    cpu_s: int = 10
    most_s: float = 60.0
    bytes_per_pixel: int = 20
    bytes_besides: int = 32 * 2**20
    start_s: float = 60.0

    def memory_bytes(self, pixels: int, data_bytes: int) -> int:
        """For an image of so many pixels and encoded bytes."""
        return self.bytes_besides + self.bytes_per_pixel * pixels + 4 * data_bytes


class DecoderProcess:
    """A process, from its start on. Whoever has it calls `end`; after most errors it has ended already: see `alive`."""

    def __init__(self, bounds: DecoderBounds, given_up: Callable[[], bool] = lambda: False) -> None:
        """Start it and wait until it is ready. Raises OSError, DecoderEndedError, TooSlowError; GivenUpError."""
        self._bounds = bounds
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(LOOK_S)
        with theirs:
            try:
                self._process = subprocess.Popen(  # nosec B603  # as above
                    [sys.executable, *_COMMAND, str(theirs.fileno())],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # what libraries say of bad pictures
                    env=_environment(),
                )
            except BaseException:
                self._socket.close()
                raise
        self.pid = self._process.pid
        try:
            _yield_to_others(self.pid)
            self._receive(bounds.start_s, given_up)
        except BaseException:
            self.end()
            raise

    @property
    def alive(self) -> bool:
        """Whether it can be asked. Never waits."""
        return self._process.poll() is None

    def decode(self, data: bytes, header: ImageHeader, given_up: Callable[[], bool]) -> tuple[Still, float]:
        """As `decode_pixels`, and the CPU seconds it took there. The arrays are in shared memory, freed with them.

        Raises BadImageError, after which it goes on. After TooLargeError (above `cpu_s`), TooSlowError (`most_s`),
        DecoderEndedError, GivenUpError and OSError it has ended.
        """
        width, height = header.size_wh
        request = DecodeRequest(
            kind=header.kind,
            data_bytes=len(data),
            cpu_s=self._bounds.cpu_s,
            memory_bytes=self._bounds.memory_bytes(width * height, len(data)),
        )
        with _shared(data, _pixels_bytes(height, width)) as descriptor:
            try:
                self._send(request, descriptor)
                answer = self._receive(self._bounds.most_s, given_up)
            except BaseException as error:
                self.end()
                DECODERS_ENDED.labels(_REASONS.get(type(error), "died")).inc()
                raise
            if (refused := answer.get("refused")) is not None:
                raise BadImageError(refused)
            try:
                return _still(descriptor, answer["shape"], header), float(answer["cpu_s"])
            except (KeyError, TypeError, ValueError) as error:
                self.end()
                raise _nonsense() from error

    def end(self) -> None:
        """End it at once, whatever it is doing. Idempotent."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _send(self, request: DecodeRequest, descriptor: int) -> None:
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], [descriptor])
        except (BrokenPipeError, ConnectionResetError):
            raise DecoderEndedError(self._status()) from None

    def _receive(self, most_s: float, given_up: Callable[[], bool]) -> dict[str, Any]:
        deadline_s = time.monotonic() + most_s
        message = None
        while message is None:
            try:
                message = self._socket.recv(MAX_MESSAGE)
            except ConnectionResetError:
                message = b""
            except TimeoutError:
                if given_up():
                    raise GivenUpError("the picture is no longer wanted") from None
                if time.monotonic() > deadline_s:
                    raise TooSlowError(f"the machine is too busy: the image was not decoded in {most_s:g} s") from None
        if message:
            return _answer(message)
        status = self._status()
        if status == -signal.SIGXCPU:
            raise TooLargeError(f"the image takes more than {self._bounds.cpu_s} s of CPU time to decode")
        raise DecoderEndedError(status)

    def _status(self) -> int:
        """Of a process that has closed its socket: it is ending."""
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL


def _answer(message: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(message)
    except ValueError as error:
        raise _nonsense() from error
    if not isinstance(answer, dict):
        raise _nonsense()
    return answer


def _nonsense() -> BadImageError:
    """Of a process that a picture has taken over."""
    return BadImageError("the image cannot be decoded: its decoder's answer makes no sense")


@contextlib.contextmanager
def _shared(data: bytes, pixels_bytes: int) -> Iterator[int]:
    """A descriptor of memory that holds `data` and has room for the pixels. Nobody can change its size."""
    descriptor = os.memfd_create("costly-picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, max(len(data), pixels_bytes))
        with open(descriptor, "wb", buffering=0, closefd=False) as file:
            file.write(data)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        yield descriptor
    finally:
        os.close(descriptor)


def _pixels_bytes(height: int, width: int) -> int:
    """Of an image and the small one, whichever way it is turned."""
    return 3 * height * width + math.prod(small_shape(height, width) or (0,))


def _still(descriptor: int, shape: list[int], header: ImageHeader) -> Still:
    """Map it. The process may have been taken over by a picture: what it says is held against the header."""
    height, width, channels = shape
    if channels != 3 or min(height, width) < 1 or height * width > header.size_wh[0] * header.size_wh[1]:
        raise BadImageError(f"the {header.kind} image is damaged: its pixels are not what its header says")
    pixels, small = 3 * height * width, small_shape(height, width)
    if pixels + math.prod(small or (0,)) > os.fstat(descriptor).st_size:
        small = None
    memory = mmap.mmap(descriptor, pixels + math.prod(small or (0,)))
    bgr = np.frombuffer(memory, np.uint8, pixels).reshape(height, width, 3)
    return Still(bgr, None if small is None else np.frombuffer(memory, np.uint8, offset=pixels).reshape(small))


def _environment() -> dict[str, str]:
    """What an interpreter and its libraries read of this process's. Any other variable may be a secret: settings, and
    what a configuration names as ${VAR}."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    kept = {name: value for name, value in os.environ.items() if _READ_BY_LIBRARIES.fullmatch(name)}
    return kept | _ALLOCATION | {"PYTHONPATH": path}


def _yield_to_others(pid: int) -> None:
    """The least priority, for all threads that it will have: it has one yet."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def _why(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"
