"""The results that are kept for clips: as far back as the packets go, of one session, within a bound."""

from __future__ import annotations

import json
import threading

from workers.bus.result import FrameResult, Latency
from workers.node.kept_results import KeptResults

SECOND_US = 1_000_000


def result(at_us: int, session: str = "one") -> FrameResult:
    return FrameResult(
        stream_id="door",
        session=session,
        frame=0,
        skipped=0,
        pts_us=at_us,
        captured_at_ns=0,
        size_wh=(320, 180),
        node="test",
        detections=(),
        models={},
        latency_ms=Latency(decode=1, wait=1, inference=1, total=3),
    )


def keep(kept: KeptResults, at_us: int, packets_from_us: int | None = 0, session: str = "one") -> None:
    one = result(at_us, session)
    kept.add(one, one.to_json(), packets_from_us)


def times(kept: KeptResults, from_us: int = 0, to_us: int = 2**62) -> list[int]:
    return [json.loads(line)["pts_us"] for line in kept.cut(from_us, to_us).data.splitlines()]


def test_a_span_is_of_its_ends_and_all_between() -> None:
    kept = KeptResults()
    assert kept.cut(0, 2**62).session is None
    for at_us in (10, 20, 30, 40):
        keep(kept, at_us)
    assert times(kept, 20, 30) == [20, 30]
    assert times(kept, 21, 29) == []
    assert kept.cut(0, 2**62).session == "one"


def test_results_go_with_their_packets() -> None:
    kept = KeptResults()
    for second in range(30):
        keep(kept, second * SECOND_US, max(0, second - 20) * SECOND_US)
    assert times(kept)[0] == 7 * SECOND_US, "two seconds before the key frame: coders reorder"
    keep(kept, 30 * SECOND_US, None)
    assert times(kept) == [], "nothing to cut from"


def test_another_session_ends_the_one_before() -> None:
    kept = KeptResults()
    keep(kept, 50)
    keep(kept, 1, session="two")
    assert (times(kept), kept.cut(0, 100).session) == ([1], "two")


def test_the_bound_in_bytes_holds() -> None:
    size = len(result(100).to_json())
    kept = KeptResults(most_bytes=3 * size)
    for at_us in range(100, 110):
        keep(kept, at_us)
    assert times(kept) == [107, 108, 109]


def test_an_inference_thread_does_not_wait_while_lines_are_put_together() -> None:
    kept = KeptResults()
    added: list[bool] = []

    class Line(bytes):
        def __add__(self, other: object) -> bytes:
            adding = threading.Thread(target=lambda: keep(kept, SECOND_US))
            adding.start()
            adding.join(3)
            added.append(not adding.is_alive())
            return b"{}\n"

    kept.add(result(0), Line(b"{}"), 0)
    assert kept.cut(0, 2**62).data == b"{}\n" and added == [True]
    assert times(kept, 1) == [SECOND_US]
