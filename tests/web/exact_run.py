"""Done-when 1 of the live page, to be run or called: does each displayed picture carry its own boxes?

A camera over RTSP whose pictures are numbered, an engine that says in its boxes which number it saw, the component in
headless Chromium, and a reader of its canvas. Runs on the event loop, the service in threads.

    python -m tests.web.exact_run --pictures 1000 --b-frames 2
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, Page

from tests.api.conftest import Service, running
from tests.peers.chromium import chromium
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.rtsp import Mount, RtspServer
from tests.web.boxed_numbers import BoxedNumberEngine

READER, PAINTED = (Path(__file__).with_name(name).read_text() for name in ("read_canvas.js", "painted_number.js"))
CLIP_FRAMES = 500
HOST_PAGE = """document.body.replaceChildren(); document.body.style.margin = 0;
const view = document.createElement("livesight-view");
for (const [name, value] of Object.entries(%s)) view.setAttribute(name, value);
view.id = "view"; view.style.width = "320px"; view.style.height = "180px";
document.body.append(view);"""


@dataclass(frozen=True)
class Run:
    """What was read off the canvas."""

    mode: str
    samples: list[dict[str, Any]] = field(repr=False)

    @property
    def read(self) -> list[dict[str, Any]]:
        """The displayed pictures whose number could be read."""
        return [sample for sample in self.samples if sample["painted"] is not None]

    @property
    def analysed(self) -> list[dict[str, Any]]:
        """Those shown with boxes of their own (drawn solid)."""
        return [sample for sample in self.read if sample["solid"]]

    @property
    def errors(self) -> list[float]:
        """By how many pictures boxes differ from the picture, for all pictures with boxes whose upper bits agree."""
        boxed = [sample for sample in self.read if sample["boxed"] is not None]
        return [sample["boxed"] - sample["painted"] for sample in boxed]

    def table(self) -> dict[str, Any]:
        """The figures."""
        steps = sorted(abs(error) for error in self.errors if abs(error) < 32)
        wrong = [sample for sample in self.analysed if sample["boxed"] != sample["painted"]]
        seconds = (self.samples[-1]["at"] - self.samples[0]["at"]) / 1000 if len(self.samples) > 1 else 0.0
        return {
            "mode": self.mode,
            "displayed": len(self.samples),
            "unreadable": len(self.samples) - len(self.read),
            "own_boxes": len(self.analysed),
            "own_boxes_share": round(len(self.analysed) / max(1, len(self.read)), 4),
            "own_boxes_wrong": len(wrong),
            "fps": round((len(self.samples) - 1) / seconds, 1) if seconds else 0.0,
            "error_pictures_median": steps[len(steps) // 2] if steps else None,
            "error_pictures_p95": steps[int(len(steps) * 0.95)] if steps else None,
        }


@contextmanager
def numbered_service(
    folder: Path, *, b_frames: int = 0, delay_s: tuple[float, float] = (0.005, 0.04)
) -> Iterator[Service]:
    """A service that watches the camera `yard`; its engine takes `delay_s` (from, to) a picture."""
    spec = ClipSpec(frames=CLIP_FRAMES, gop=24, b_frames=b_frames)
    clip = make_numbered(folder / "numbered.h264", spec)
    dice = random.Random(1)
    engine = BoxedNumberEngine(lambda numbers: time.sleep(dice.uniform(*delay_s)))
    with RtspServer({"yard": Mount(clip)}) as camera, running(folder / "state", engine=engine) as service:
        wish = {"id": "yard", "url": camera.url("yard"), "models": ["number"]}
        httpx.post(f"{service.url}/v1/streams", json=wish, timeout=20).raise_for_status()
        yield service


async def component_page(browser: Browser, service: Service, **attributes: str) -> Page:
    """A page with nothing but the component, 320×180 pixels large, its boxes magenta and without labels."""
    wishes = {"stream": "yard", "labels": "none", "colours": "number:#ff00ff", **attributes}
    page = await browser.new_page(viewport={"width": 340, "height": 200})
    await page.goto(f"{service.url}/static/example.html")
    await page.evaluate("() => import('/static/livesight-view.js').then(() => true)")
    await page.evaluate(HOST_PAGE % json.dumps(wishes))
    return page


async def displayed(page: Page, mode: str, count: int, patience_s: float) -> Run:
    """Read `count` displayed pictures off the canvas, or as many as come within `patience_s`."""
    wish = {"selector": "#view", "count": count, "patience": patience_s * 1000}
    await page.evaluate(PAINTED)
    return Run(mode, await page.evaluate(READER, wish))


async def run(pictures: int, b_frames: int) -> list[Run]:
    """Both modes, one after the other."""
    runs = []
    with tempfile.TemporaryDirectory(prefix="livesight-exact-") as folder:
        with numbered_service(Path(folder), b_frames=b_frames) as service:
            async with chromium() as browser:
                for mode in ("exact", "fast"):
                    page = await component_page(browser, service, mode=mode)
                    runs.append(await displayed(page, mode, pictures, 60 + pictures / 5))
                    await page.close()
    return runs


def main() -> int:
    """Exit code 0 when exact mode is exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--b-frames", type=int, default=0)
    wish = parser.parse_args()
    tables = [each.table() for each in asyncio.run(run(wish.pictures, wish.b_frames))]
    for table in tables:
        sys.stdout.write(json.dumps(table) + "\n")
    exact = tables[0]
    fine = exact["displayed"] >= wish.pictures and exact["own_boxes_wrong"] == 0 and exact["own_boxes_share"] >= 0.9
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
