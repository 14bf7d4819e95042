"""Decodes a still where it belongs: a costly one in a process of its own, others in the calling thread. Any thread.

A process is started at the first costly still and kept; there are as many as the lane has places. Where none can be
started (no memory, a policy, another system than Linux) a thread of the least priority decodes instead: it cannot be
ended, and holds up the cameras somewhat.
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import time
from collections.abc import Callable

import structlog

from stream.decoding.costly_lane import COSTLY_LANE, CostlyLane, run_last
from stream.decoding.decoder_process import DecoderBounds, DecoderEndedError, DecoderProcess
from stream.decoding.image_decoding import decode_pixels
from stream.decoding.image_header import ImageHeader
from stream.decoding.still import Image, Still
from stream.errors import BadImageError, TooSlowError

log = structlog.get_logger(__name__)

_TRY_AGAIN_S = 60.0


class StillDecoders:
    """The processes of one lane. `close` when no more stills are decoded."""

    def __init__(self, lane: CostlyLane, bounds: DecoderBounds | None = None) -> None:
        self._lane = lane
        self._bounds = bounds or DecoderBounds()
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._not_before_s = float("-inf")
        self._told = False

    def decode(self, data: bytes, header: ImageHeader, given_up: Callable[[], bool] = lambda: False) -> Still:
        """As `decode_still`, in a process, when there is a place."""
        with self._lane.place(given_up) as place:
            for last in (False, True):
                process = self._take(given_up)
                if process is None:
                    break
                try:
                    begun_s = time.monotonic()
                    still, cpu_s = process.decode(data, header, given_up)
                    place.waited_s = time.monotonic() - begun_s - cpu_s
                    return still
                except DecoderEndedError as error:
                    log.warning("decoder_died", pid=process.pid, error=str(error))
                    if last or error.status != -signal.SIGKILL:  # killed from outside, perhaps while it was idle
                        raise BadImageError(f"the {header.kind} image cannot be decoded: {error}") from error
                except OSError as error:
                    self._note_unavailable(error)
                    break
                finally:
                    self._put_back(process)
            return Still(run_last(lambda: decode_pixels(data, header.kind)))

    def close(self) -> None:
        """End the processes that have nothing to do. Those at work end with this process, or when given up."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _take(self, given_up: Callable[[], bool]) -> DecoderProcess | None:
        """One that lives, or a new one; None where none can be had. Raises GivenUpError."""
        with self._lock:
            while self._idle:
                if (process := self._idle.pop()).alive:
                    return process
                process.end()
            if sys.platform != "linux" or time.monotonic() < self._not_before_s:
                return None
        try:
            return DecoderProcess(self._bounds, given_up)
        except (OSError, DecoderEndedError, TooSlowError) as error:
            self._note_unavailable(error)
            return None

    def _put_back(self, process: DecoderProcess) -> None:
        if process.alive:
            with self._lock:
                self._idle.append(process)

    def _note_unavailable(self, error: Exception) -> None:
        """Try again in a while; say it once."""
        self._not_before_s = time.monotonic() + _TRY_AGAIN_S
        if not self._told:
            self._told = True
            log.warning("decoder_not_started", error=str(error), effect="costly images are decoded in a thread")


STILL_DECODERS = StillDecoders(COSTLY_LANE)
"""Those of this process."""

atexit.register(STILL_DECODERS.close)


def decode_still(data: bytes, header: ImageHeader, given_up: Callable[[], bool] = lambda: False) -> Still:
    """The image, turned by its EXIF; 8 bits of 16, and without alpha. A costly one is in shared memory.

    header: that of `data`, from `read_header`, which bounds the cost. given_up: whether nobody wants a costly one any
    more, asked while it waits and is decoded. Raises BadImageError (TooLargeError, TooSlowError among them),
    GivenUpError.
    """
    if header.costly:
        return STILL_DECODERS.decode(data, header, given_up)
    return Still(decode_pixels(data, header.kind))


def decode_bgr(data: bytes, header: ImageHeader, given_up: Callable[[], bool] = lambda: False) -> Image:
    """As `decode_still`; u8 HWC BGR."""
    return decode_still(data, header, given_up).bgr
