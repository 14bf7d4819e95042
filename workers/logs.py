"""Structured logs on stderr: for people on a terminal, JSON lines otherwise. Pure; call once, at the start."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Hashable, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from stream.url_redaction import redact

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_LIBRARIES: dict[str, int] = {
    "kafka": logging.CRITICAL,  # logs each attempt; the bus logs once what is wrong
    "uvicorn": logging.WARNING,
    "python_multipart": logging.ERROR,  # warns of each form that is none, which is its sender's fault
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,  # logs each request with its URL, which for webhooks is a secret
    "aiortc": logging.WARNING,
    "aioice": logging.WARNING,
    "libav": logging.CRITICAL,
    "alembic": logging.WARNING,
}


_MOST_KINDS = 10_000
_SETTLED_S = 60.0  # a state that was over for so long, or has lasted so long, is another than before


def writes_json(style: LogFormat) -> bool:
    """Whether logs of this style are JSON lines: `auto` is, unless stderr is a terminal."""
    return style == "json" or (style == "auto" and not sys.stderr.isatty())


def configure_logs(level: LogLevel = "info", style: LogFormat = "auto") -> None:
    """Format structlog and the standard library's logging alike, from `level` up. `auto`: console on a terminal."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Any] = [structlog.processors.format_exc_info, _without_secrets]
    if writes_json(style):
        renderers.append(structlog.processors.JSONRenderer())
    else:
        renderers.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[clean, *renderers]))
    handler.addFilter(RepeatLimit())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(least, number))
    logging.captureWarnings(True)


class Verbatim(str):
    """A text that logs show as it is, such as a link that is printed once, on purpose."""


def _without_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut down each URL in a record, its tracebacks included, to what everybody may see."""
    return {key: _shown(value) for key, value in event.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, Verbatim) or value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in value]
    return redact(repr(value)) if "://" in repr(value) else value


class RepeatLimit(logging.Filter):
    """Lets through so many warnings and errors of a kind a minute, and counts the others: they may be a client's doing.

    A kind is a logger, an event and a stream. The next one that is let through says as `left_out` how many were not.
    """

    def __init__(self, most: int = 60, window_s: float = 60.0) -> None:
        super().__init__()
        self._most = most
        self._window_s = window_s
        self._lock = threading.Lock()
        self._seen: dict[Hashable, tuple[float, int]] = {}  # when the kind's window began, how many came since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.WARNING:
            return True
        message: Any = record.msg
        structured = isinstance(message, dict)
        said = (message.get("event"), str(message.get("stream"))) if structured else (str(message), "")
        left_out = self._count((record.name, *said))
        if left_out:
            extra = f"{message} ({left_out} like it were left out)"
            record.msg = {**message, "left_out": left_out} if structured else extra
        return left_out is not None

    def _count(self, kind: Hashable) -> int | None:
        """How many were left out before this one; None when this one is left out too."""
        now_s = time.monotonic()
        with self._lock:
            if len(self._seen) > _MOST_KINDS:
                self._seen.clear()
            began_s, count = self._seen.get(kind, (now_s, 0))
            over = now_s - began_s >= self._window_s
            self._seen[kind] = (now_s, 1) if over else (began_s, count + 1)
            if over:
                return max(0, count - self._most)
            return 0 if count < self._most else None


@dataclass(slots=True)
class _LoggedState:
    """A state. at_s: when it was logged last; times: how often it was noted since; over_s: when it ended, None while it
    lasts. began_s: when it came last, and said: whether that was logged.
    """

    state: str
    at_s: float
    began_s: float
    times: int = 0
    said: bool = True
    over_s: float | None = None


class StateLog:
    """Logs a state when it begins, and again every ten minutes while it lasts; not each time it is noticed.

    One that comes and goes, within a minute, is one that lasts. `times` says how often it was noticed since the last
    line. One thread, or under its owner's lock.
    """

    def __init__(self, logger: Any, event: str, repeat_s: float = 600.0) -> None:
        """`event` is logged as a warning; its `reason` is the state, if no other is given."""
        self._logger = logger
        self._event = event
        self._repeat_s = repeat_s
        self._logged: dict[str, _LoggedState] = {}

    def note(self, state: str, key: str = "", /, **fields: object) -> None:
        """The state of `key` now."""
        now_s, known = time.monotonic(), self._logged.get(key)
        times = 0
        if known is not None and known.state == state and not _is_over(known, now_s):
            if known.over_s is not None:
                known.began_s, known.said, known.over_s = now_s, False, None
            known.times += 1
            lasts = not known.said and now_s - known.began_s >= _SETTLED_S
            if now_s - known.at_s < self._repeat_s and not lasts:
                return
            times = known.times
        self._logged[key] = _LoggedState(state, now_s, now_s)
        counted = {"times": times} if times > 1 else {}
        self._logger.warning(self._event, **{"reason": state, **counted, **fields})

    def lasts(self, key: str = "") -> bool:
        """Whether the state was noted and is not over."""
        known = self._logged.get(key)
        return known is not None and known.over_s is None

    def clear(self, key: str = "") -> bool:
        """The state is over; whether its beginning was logged, so that its end is worth a line."""
        known, now_s = self._logged.get(key), time.monotonic()
        for other in [other for other, one in self._logged.items() if other != key and _is_over(one, now_s)]:
            del self._logged[other]
        if known is None or known.over_s is not None:
            return False
        known.over_s = now_s
        return known.said


def _is_over(known: _LoggedState, now_s: float) -> bool:
    return known.over_s is not None and now_s - known.over_s >= _SETTLED_S
