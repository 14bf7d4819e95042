"""Presentation times: from a stream's own, whatever they are, to times that only go forward; playing by them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

MICROSECONDS = Fraction(1, 1_000_000)
_REORDER_US = 2_000_000  # a frame without dts may come this much before one that was sent earlier
_SPREAD_US = 10_000_000  # pts and dts further apart than this are not both true
_LIVE_JUMP_US = 10_000_000
_FILE_JUMP_US = 24 * 3600 * 1_000_000  # recordings may have real gaps
_RECENT = 128
_MAX_LATE_S = 0.5
_MAX_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class RawTimes:
    """The times of one packet as the demuxer gave them, in units of `time_base`; None where it gave none."""

    pts: int | None
    dts: int | None
    time_base: Fraction
    is_key: bool

    @property
    def missing(self) -> bool:
        """Whether the packet has no times."""
        return self.pts is None and self.dts is None


@dataclass(frozen=True, slots=True)
class PacketTimes:
    """The times of one packet in microseconds since the session's first key frame.

    known: whether `pts_us` is this packet's presentation time. Otherwise it is the time of the frame that is shown
    at this packet's place in decode order, which is the same frame only without B-frames.
    """

    pts_us: int
    dts_us: int
    known: bool


def guess_first(packets: Sequence[RawTimes], interval_us: int) -> RawTimes:
    """The first packet's times, when it has none and the ones after it do (FFmpeg with B-frames over RTP).

    It is a key frame and so shown before all the others: one interval before the first of them.
    """
    first = packets[0]
    shown = [packet.pts for packet in packets[1:] if packet.pts is not None]
    if not shown:
        return first
    step = max(1, round(Fraction(interval_us, 1_000_000) / first.time_base))
    return RawTimes(min(shown) - step, None, first.time_base, first.is_key)


class PtsClock:
    """Turns the raw times of packets into `PacketTimes`; one clock a session, one thread.

    Wraps, jumps backwards and insane leaps forward become one frame's interval; missing times are counted up, or
    taken from the arrival where the source is live. Every `pts_us` occurs once.
    """

    def __init__(self, interval_us: int, *, live: bool, by_arrival: bool = False) -> None:
        """interval_us: the usual time between two frames. by_arrival: ignore the stream's own times."""
        self.interval_us = max(1, interval_us)
        self._live = live
        self._by_arrival = by_arrival
        self._offset_us: int | None = None  # None: the next key frame sets it
        self._floor_us = 0
        self._last_dts_us: int | None = None  # the last that the stream gave itself
        self._last_sent_us: int | None = None
        self._high_pts_us = -1
        self._last_arrival_s: float | None = None
        self._recent: deque[int] = deque(maxlen=_RECENT)

    @property
    def begun(self) -> bool:
        """Whether the first key frame of this run is past."""
        return self._offset_us is not None

    def begin_again(self) -> None:
        """The file starts over: its next key frame follows the last frame."""
        self._offset_us = None

    def convert(self, raw: RawTimes, arrived_s: float) -> PacketTimes | None:
        """The packet's times, or None when it must be dropped: it comes, or is shown, before the first key frame.

        arrived_s: time.monotonic() of its arrival.
        """
        began = self._offset_us is None
        if began and not raw.is_key:
            return None
        elapsed_us = 0 if self._last_arrival_s is None else int((arrived_s - self._last_arrival_s) * 1e6)
        self._last_arrival_s = arrived_s
        pts_us, dts_us = self._microseconds(raw)
        if began:
            self._begin(pts_us, dts_us)
        elif self._is_insane(pts_us, dts_us, elapsed_us):
            self._rebase(pts_us, dts_us, elapsed_us)
        offset_us = self._offset_us or 0
        if pts_us is None and dts_us is None:
            counted_us = self._counted(elapsed_us)
            return self._finish(counted_us, counted_us, known=False)
        sent_us = None if dts_us is None else dts_us + offset_us
        shown_us = pts_us + offset_us if pts_us is not None else sent_us
        assert shown_us is not None
        if sent_us is None:
            sent_us = shown_us if self._last_sent_us is None else min(shown_us, self._last_sent_us + self.interval_us)
        else:
            self._last_dts_us = sent_us
        return self._finish(shown_us, sent_us, known=pts_us is not None)

    def _microseconds(self, raw: RawTimes) -> tuple[int | None, int | None]:
        if self._by_arrival:
            return None, None
        scale = raw.time_base * 1_000_000
        pts_us = None if raw.pts is None else round(raw.pts * scale)
        dts_us = None if raw.dts is None else round(raw.dts * scale)
        if pts_us is not None and dts_us is not None and abs(pts_us - dts_us) > _SPREAD_US:
            pts_us = None
        return pts_us, dts_us

    def _begin(self, pts_us: int | None, dts_us: int | None) -> None:
        """The first key frame of a run goes to 0, or after what was."""
        self._floor_us = 0 if self._high_pts_us < 0 else self._high_pts_us + self.interval_us
        first_us = pts_us if pts_us is not None else dts_us
        self._offset_us = self._floor_us - (first_us or 0)
        self._last_dts_us = self._last_sent_us = None

    def _counted(self, elapsed_us: int) -> int:
        if self._last_sent_us is None:
            return self._floor_us
        return self._last_sent_us + (max(1, elapsed_us) if self._live else self.interval_us)

    def _is_insane(self, pts_us: int | None, dts_us: int | None, elapsed_us: int) -> bool:
        jump_us = (_LIVE_JUMP_US if self._live else _FILE_JUMP_US) + elapsed_us
        offset_us = self._offset_us or 0
        if dts_us is not None and self._last_dts_us is not None:
            return not 0 <= dts_us + offset_us - self._last_dts_us <= jump_us
        if pts_us is not None:
            return not -_REORDER_US <= pts_us + offset_us - self._high_pts_us <= jump_us
        return False

    def _rebase(self, pts_us: int | None, dts_us: int | None, elapsed_us: int) -> None:
        """Let this packet follow the one before by the usual interval, or by the time that passed."""
        step_us = max(self.interval_us, elapsed_us) if self._live else self.interval_us
        if dts_us is not None and self._last_dts_us is not None:
            self._offset_us = self._last_dts_us + step_us - dts_us
        elif pts_us is not None:
            self._offset_us = self._high_pts_us + step_us - pts_us

    def _finish(self, pts_us: int, dts_us: int, *, known: bool) -> PacketTimes | None:
        if pts_us < self._floor_us:
            return None  # a leading frame: it refers to what came before the key frame
        while pts_us in self._recent:
            pts_us += 1
        if self._last_sent_us is not None:
            dts_us = max(dts_us, self._last_sent_us + 1)
        self._recent.append(pts_us)
        self._high_pts_us = max(self._high_pts_us, pts_us)
        self._last_sent_us = dts_us
        return PacketTimes(pts_us, dts_us, known)


class Pacer:
    """Plays a file at its own rate: waits until a packet is due. Used by the source's thread.

    More than half a second late, it goes on from there instead of catching up.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._begun_s: float | None = None

    def wait(self, time_us: int) -> bool:
        """Return when a packet of this time (microseconds since the session began) is due; False when `stop` is set."""
        now_s = time.monotonic()
        if self._begun_s is None:
            self._begun_s = now_s - time_us / 1e6
        ahead_s = self._begun_s + time_us / 1e6 - now_s
        if ahead_s < -_MAX_LATE_S or ahead_s > _MAX_WAIT_S:
            self._begun_s = now_s - time_us / 1e6
            ahead_s = 0.0
        return not (self._stop.wait(ahead_s) if ahead_s > 0 else self._stop.is_set())
