"""What the canvas shows is a picture with precisely its own boxes. The long run is deployment/bench/exact.py."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.peers.chromium import chromium
from tests.web.exact_run import component_page, displayed, numbered_service

pytestmark = pytest.mark.timeout(240)

PICTURES = 100


@pytest.mark.parametrize("b_frames", [0, 2])
async def test_each_picture_has_its_own_boxes_and_in_fast_mode_near_ones(tmp_path: Path, b_frames: int) -> None:
    with numbered_service(tmp_path, b_frames=b_frames) as service:
        async with chromium() as browser:
            page = await component_page(browser, service, mode="exact")
            run = await displayed(page, "exact", PICTURES, 100)
            await page.close()
            page = await component_page(browser, service, mode="fast")
            fast = (await displayed(page, "fast", PICTURES, 100)).table()
    assert fast["own_boxes_wrong"] == 0, fast
    assert fast["error_pictures_median"] <= 2, fast
    figures = run.table()
    assert figures["displayed"] == PICTURES and figures["unreadable"] == 0, figures
    assert figures["own_boxes_wrong"] == 0, figures
    assert figures["own_boxes"] >= PICTURES / 3, figures  # a busy machine analyses fewer; the long run asks for 90 %
    order = [sample["painted"] for sample in run.read]
    assert sum(a > b for a, b in pairwise(order)) <= 1, "out of order but for the clip's loop"


async def test_pictures_that_were_not_analysed_are_marked_and_between_their_neighbours(tmp_path: Path) -> None:
    """An engine too slow for 25 pictures a second: what lies between is dashed, and near."""
    with numbered_service(tmp_path, delay_s=(0.18, 0.22)) as service:
        async with chromium() as browser:
            page = await component_page(browser, service, mode="exact")
            run = await displayed(page, "exact", 100, 100)
    between = [s for s in run.read if not s["solid"] and s["boxed"] is not None]
    assert run.table()["own_boxes_wrong"] == 0
    assert len(between) > 20, run.table()
    fair = [s for s in between if 12 <= s["painted"] % 64 < 52]  # elsewhere a neighbour's box jumps back to the left
    near = [s for s in fair if abs(s["boxed"] - s["painted"]) <= 1]
    assert len(near) >= 0.9 * len(fair) > 0
