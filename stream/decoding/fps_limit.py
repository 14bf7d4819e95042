"""`max_fps`: which frames of a stream are analysed when there is a limit on their rate. Pure."""

from __future__ import annotations

from stream.frame import Frame

_EARLY_SHARE = 0.25
_EARLY_US = 10_000


class FpsLimit:
    """Decides which frames of a stream are due, `max_fps` of them a second of the stream's own time. One thread.

    The stream's time, `pts_us`, and not a clock: a hiccup of the network, a machine that is busy for a moment and
    B-frames, which arrive out of order, do not change which frames are taken, and these are evenly spaced.

    Due times lie on a grid, so that the average is right where the camera's rate is no multiple of it: 10 of 25 are
    taken 80 and 120 ms apart. A frame up to 10 ms (at most a quarter of an interval) before its due time is taken:
    cameras' times jitter, and a limit that equals the camera's rate must cost nothing. The grid begins anew after a
    pause and in each session: nothing is made up for.
    """

    def __init__(self, max_fps: float) -> None:
        """max_fps: frames a second, above 0."""
        self._interval_us = 1e6 / max_fps
        self._early_us = min(_EARLY_US, self._interval_us * _EARLY_SHARE)
        self._session: str | None = None
        self._due_us = 0.0

    def admits(self, frame: Frame) -> bool:
        """Whether the stream's next frame is due; then the next one is due an interval later.

        Call it once a frame, in the order of arrival: the mailbox does, on the putting thread and under its lock.
        """
        if frame.session != self._session:
            self._session, self._due_us = frame.session, float(frame.pts_us)
        late_us = frame.pts_us - self._due_us
        if late_us < -self._early_us:
            return False
        missed = late_us > self._interval_us
        self._due_us = (frame.pts_us if missed else self._due_us) + self._interval_us
        return True
