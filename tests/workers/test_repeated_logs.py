"""Repeated warnings and errors are bounded, and what was left out is counted."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from workers.logs import RepeatLimit, StateLog, configure_logs


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged as in production."""
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers, root.level
    monkeypatch.setattr("sys.stderr", stream)
    configure_logs("info", "json")
    yield stream
    root.handlers, level = before
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """As they were written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_repeated_error_does_not_fill_the_log(written: io.StringIO) -> None:
    log = structlog.get_logger("tests.repeat")
    for number in range(500):
        log.error("image_undecodable", stream="door", number=number)
        logging.getLogger("library").warning("number %s", number)
    log.error("image_undecodable", stream="gate")
    log.info("fine")
    found = lines(written)
    assert sum(line.get("stream") == "door" for line in found) == 60
    assert sum(line["logger"] == "library" for line in found) == 60
    assert [line["event"] for line in found[-2:]] == ["image_undecodable", "fine"], "of other streams, and notes, all"


def test_what_was_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("workers.logs.time.monotonic", lambda: now_s)
    limit = RepeatLimit(most=2, window_s=60)

    def logged() -> object:
        record = logging.LogRecord("a", logging.ERROR, "", 1, {"event": "x"}, (), None)  # type: ignore[arg-type]
        return record.msg if limit.filter(record) else None

    assert [logged() for _ in range(5)] == [{"event": "x"}, {"event": "x"}, None, None, None]
    now_s += 61
    assert [logged() for _ in range(3)] == [{"event": "x", "left_out": 3}, {"event": "x"}, None]


class Recorder:
    """What was logged: (seconds, fields)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.lines: list[tuple[float, dict[str, object]]] = []
        monkeypatch.setattr("workers.logs.time.monotonic", lambda: self.now_s)

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append((self.now_s, fields))


def test_a_state_that_lasts_is_said_at_first_and_then_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = Recorder(monkeypatch)
    log = StateLog(logger, "disk_full")
    for second in range(1300):
        logger.now_s = float(second)
        log.note("no space left", path=second)
    assert logger.lines == [
        (0.0, {"reason": "no space left", "path": 0}),
        (600.0, {"reason": "no space left", "path": 600, "times": 600}),
        (1200.0, {"reason": "no space left", "path": 1200, "times": 600}),
    ]
    assert log.clear() and not log.clear() and not log.lasts()
    logger.now_s += 61
    log.note("no space left")
    assert len(logger.lines) == 4, "the next one"


def test_a_state_that_comes_and_goes_is_one_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    logger, ends = Recorder(monkeypatch), 0
    log = StateLog(logger, "disk_full")
    for second in range(660):
        logger.now_s = float(second)
        log.note("no space left")
        ends += log.clear()  # what is small finds room
    assert [at_s for at_s, _ in logger.lines] == [0.0, 600.0] and ends == 2
    log.note("no space left")
    logger.now_s += 61
    log.note("no space left")
    assert len(logger.lines) == 3, "it has lasted for a minute since it was said to be over"
    log.note("read-only")
    assert logger.lines[-1][1] == {"reason": "read-only"}
