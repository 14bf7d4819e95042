"""Debian's Chromium, headless, driven by Playwright; its camera plays a file. Runs on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.peers.clips import ClipSpec, make_numbered

expect.set_options(timeout=20_000)  # milliseconds: Playwright's own five are few on a busy machine

EXECUTABLE = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)


def camera_file(folder: Path, spec: ClipSpec | None = None) -> Path:
    """A numbered clip in the form that Chromium's fake camera takes (MJPEG, looped by the browser at its rate)."""
    spec = spec or ClipSpec(frames=250, fps=25, size_wh=(640, 480), bit_rate=8_000_000)
    return make_numbered(
        folder / "camera.mjpeg",
        ClipSpec(spec.frames, spec.fps, spec.size_wh, "mjpeg", 0, 1, spec.bit_rate, spec.first_number),
    )


def chromium_missing() -> str | None:
    """Why there is no browser on this machine, or None."""
    return None if EXECUTABLE.exists() else f"{EXECUTABLE} is not installed"


@asynccontextmanager
async def chromium(camera: Path | None = None) -> AsyncIterator[Browser]:
    """A browser. With `camera`, pages get that file as their camera, without being asked for permission.

    Skips the test, with the reason, where Chromium is not installed.
    """
    if reason := chromium_missing():
        pytest.skip(reason)
    flags = list(FLAGS)
    if camera is not None:
        flags += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        flags += [f"--use-file-for-fake-video-capture={camera}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(EXECUTABLE), args=flags)
        try:
            yield browser
        finally:
            await browser.close()


async def until_true(page: Page, script: str, argument: Any = None, timeout_s: float = 60) -> None:
    """Wait until a script, an expression or a function of `argument`, is true in the page. Raises TimeoutError.

    Playwright's wait_for_function asks again from within the page, where our Content-Security-Policy forbids eval: it
    works only where the script is true at once.
    """
    async with asyncio.timeout(timeout_s):
        while not await page.evaluate(script, argument):
            await asyncio.sleep(0.1)


async def until_fits(page: Page, width_px: int) -> None:
    """Wait until the page is laid out for a window of this width and goes past none of it: both take a while.

    Raises TimeoutError when it stays wider.
    """
    fits = "(width) => innerWidth === width && document.documentElement.scrollWidth <= width"
    await until_true(page, fits, width_px, timeout_s=20)
