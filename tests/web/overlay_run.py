"""Boxes on what is stored, to be run or called: are they those of the very frame, and of the event's track?

A service with its monitor, and cameras whose frames are numbered, with two moving boxes each. In headless Chromium the
player of an alert's clip is stopped at many places; pictures of events are fetched over HTTP, bare and with overlay.

    python -m tests.web.overlay_run --stops 100 --pictures 100
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page

from api.http.extension import Extension
from api.video.clip_cutter import ClipCutter
from monitoring.assembly import MonitoringContext
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from stream.config import StreamConfig
from tests.api.conftest import Service, running
from tests.monitoring.store.test_overlay import decoded, drawn_at
from tests.peers.chromium import chromium, until_true
from tests.peers.numbers import read_number
from tests.web.exact_run import PAINTED
from tests.web.two_boxes import ROWS_PX, STEPS_PX, TwoBoxesEngine, box_of, left_of, make_clip, row_of
from workers.bus.media import Clip
from workers.bus.message_bus import DETECTIONS, Message

READER = Path(__file__).with_name("read_clip.js").read_text()
MIDDLES_PX = [(top + bottom) / 2 for top, bottom in ROWS_PX]
PIXEL = 1.2  # of the frame: what a line's middle is read to
SETTINGS = {
    "gather_s": 0.05,
    "alerts": {"clip_before_s": 1, "clip_after_s": 4},
    "rules": [{"name": "somebody", "when": {"type": "seen", "for_s": 3}, "cooldown_s": 3600}],
}


@contextmanager
def watched(folder: Path, engine: TwoBoxesEngine, cameras: int = 1, b_frames: int = 2) -> Iterator[Service]:
    """A service with its monitor, and cameras `yard0`, `yard1`, …"""
    made: list[Monitoring] = []
    cutters: list[ClipCutter] = []

    def cut(stream_id: str, session: str, from_us: int, to_us: int) -> Clip:
        return cutters[0](stream_id, session, from_us, to_us)

    def extensions(bus: Any, state_dir: Path) -> Iterable[Extension]:
        context = MonitoringContext(state_dir, "test", bus, None, cut)
        made.append(Monitoring(MonitorSettings.model_validate(SETTINGS), context))
        return made

    clip = make_clip(folder / "boxes.mp4", b_frames)
    with running(folder / "state", engine=engine, extensions=extensions) as service:
        cutters.append(ClipCutter(service.node, None))
        made[0].start()
        try:
            eventually(lambda: made[0].active)
            for number in range(cameras):
                config = StreamConfig(id=f"yard{number}", url=f"file:{clip}", models=("number",))
                service.node.streams.add(config, allow_local=True)
            yield service
        finally:
            made[0].close(10)


def eventually(found: Callable[[], Any], timeout_s: float = 90.0) -> Any:
    """What `found` returns once it is true. Raises TimeoutError."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := found()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {timeout_s} s")
        time.sleep(0.05)
    return value


def alert_with_clip(service: Service) -> dict[str, Any]:
    """The first alert whose clip is whole."""

    def found() -> Any:
        alerts = httpx.get(f"{service.url}/v1/alerts", timeout=30).json()["alerts"]
        return next((alert for alert in alerts if alert["clip"] == "kept"), None)

    alert: dict[str, Any] = eventually(found)
    return alert


async def open_clip(page: Page, service: Service) -> None:
    """The dialog of the alert, once its player shows a frame and knows the results."""
    await page.goto(f"{service.url}/#/alerts")
    await page.get_by_role("button", name="Details").first.click()
    await page.locator("#event-dialog .clip-tools button:enabled", has_text="Boxes").wait_for()
    await until_true(page, "document.querySelector('.event-clip').readyState >= 2")


@dataclass(frozen=True)
class Stop:
    """One place where the player was stopped. `boxes`: what was read in each row, None where there was none."""

    painted: int | None
    boxes: list[dict[str, float] | None]

    def off_px(self, row: int) -> float:
        """How far a row's box is from where this very frame has it."""
        box = self.boxes[row]
        assert box is not None and self.painted is not None
        return abs(box["x"] - left_of(self.painted, row))

    @property
    def bare(self) -> bool:
        """Whether no boxes are shown: nothing is known of the frame, nor of one close to it."""
        return None in self.boxes

    @property
    def exact(self) -> bool:
        """Whether each box is that of the frame shown."""
        return self.near(frames=0)

    def near(self, frames: int = 1) -> bool:
        """Whether each box is that of a frame at most so many away."""
        if self.painted is None or self.bare:
            return False
        return all(self.off_px(row) <= frames * step + PIXEL for row, step in enumerate(STEPS_PX))


async def stops(page: Page, count: int, seed: int = 20_261_201) -> list[Stop]:
    """Stop the open clip at so many places."""
    await page.evaluate(PAINTED)
    read = await page.evaluate(READER, {"count": count, "rows": MIDDLES_PX, "seed": seed})
    return [Stop(**one) for one in read]


@contextmanager
def rows_of_tracks(service: Service) -> Iterator[dict[tuple[str, str, int], int]]:
    """Of each track of the results, which of the two boxes it follows."""
    rows: dict[tuple[str, str, int], int] = {}

    def take(message: Message) -> None:
        result = json.loads(message.value)
        for found in result["detections"]:
            rows[result["stream_id"], result["session"], found["track_id"]] = row_of(found["xyxy"])

    end = service.bus.subscribe(take, (DETECTIONS,))
    try:
        yield rows
    finally:
        end()


def pictured(service: Service, count: int) -> list[dict[str, Any]]:
    """Events with whole pictures, of so many tracks: one each."""

    def found() -> Any:
        query = "/v1/events?kind=track_began&limit=500"
        events = httpx.get(service.url + query, timeout=30).json()["events"]
        shown = [event for event in events if event["picture_url"]]
        return shown[:count] if len(shown) >= count else None

    events: list[dict[str, Any]] = eventually(found, 30 + 3 * count)
    return events


def own_is_strong(service: Service, event: dict[str, Any], row: int) -> bool:
    """Whether the overlay of the event's picture has the box of this row strong, in its own frame's place."""
    with httpx.Client(base_url=service.url, timeout=30) as http:
        bare, image = (decoded(http.get(event["picture_url"] + query).content) for query in ("", "?overlay=1"))
    own, other = (box_of(read_number(bare), at) for at in (row, 1 - row))
    return drawn_at(image, bare, own) > 1.5 * drawn_at(image, bare, other) > 35


async def run_stops(folder: Path, count: int, b_frames: int) -> dict[str, Any]:
    """The clip player's figures."""
    with watched(folder, TwoBoxesEngine(), b_frames=b_frames) as service:
        alert_with_clip(service)
        async with chromium() as browser:
            page = await browser.new_page(viewport={"width": 1000, "height": 800})
            await open_clip(page, service)
            read = await stops(page, count)
    bare = sum(stop.bare for stop in read)
    near, exact = sum(stop.near() for stop in read), sum(stop.exact for stop in read)
    sys.stderr.write("".join(f"{stop}\n" for stop in read if not stop.near()))
    return {"stops": len(read), "b_frames": b_frames, "within_one_frame": near, "exact": exact, "without_boxes": bare}


def run_pictures(folder: Path, count: int) -> dict[str, Any]:
    """The event pictures' figures."""
    with watched(folder, TwoBoxesEngine(period=60, shown=25), cameras=8) as service:
        with rows_of_tracks(service) as rows:
            events = pictured(service, count)
        own = [rows[event["stream_id"], event["session"], event["track_id"]] for event in events]
        right = sum(own_is_strong(service, event, row) for event, row in zip(events, own, strict=True))
    return {"pictures": len(events), "of_the_upper_box": own.count(0), "own_track_strong": right}


def main() -> int:
    """Exit code 0 when all boxes are where they belong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--pictures", type=int, default=100)
    wish = parser.parse_args()
    fine = True
    for b_frames in (0, 2):
        with tempfile.TemporaryDirectory(prefix="livesight-overlay-") as folder:
            clip = asyncio.run(run_stops(Path(folder), wish.stops, b_frames))
        sys.stdout.write(json.dumps(clip) + "\n")
        fine &= clip["within_one_frame"] == wish.stops
    with tempfile.TemporaryDirectory(prefix="livesight-overlay-") as folder:
        shown = run_pictures(Path(folder), wish.pictures)
    sys.stdout.write(json.dumps(shown) + "\n")
    return 0 if fine and shown["own_track_strong"] == wish.pictures else 1


if __name__ == "__main__":
    sys.exit(main())
