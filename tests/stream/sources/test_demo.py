"""The built-in camera: real faces that move, some with a mask, in a seamless loop."""

from __future__ import annotations

import io
import itertools
import threading
import time

import av
import numpy as np
import pytest

from stream.config import StreamConfig
from stream.decoding.cpu_gate import CpuGate
from stream.errors import MailboxClosed
from stream.sources.demo_scene import FPS, GOP, SECONDS, SIZE_WH
from stream.sources.demo_source import DemoSource, demo_clip
from tests.stream.consume import QUICK

pytestmark = pytest.mark.usefixtures("no_thread_left")


def test_the_clip_is_what_it_says() -> None:
    with av.open(io.BytesIO(demo_clip())) as container:
        video = container.streams.video[0]
        assert video.average_rate == FPS and video.codec_context.name == "h264" and not video.codec_context.has_b_frames
        images = [(frame.key_frame, frame.to_ndarray(format="gray")) for frame in container.decode(video)]
    assert len(images) == FPS * SECONDS and images[0][1].shape == SIZE_WH[::-1]
    assert [index for index, (is_key, _) in enumerate(images) if is_key] == list(range(0, FPS * SECONDS, GOP))
    grey = [image.astype(np.int16) for _, image in images]
    steps = [float(np.abs(after - before).mean()) for before, after in itertools.pairwise(grey)]
    seam = float(np.abs(grey[0] - grey[-1]).mean())
    assert min(steps) > 0.1, "it stands still"
    assert seam < 1.5 * max(steps), "its end does not fit its beginning"


def test_it_plays_at_its_rate_and_closes_clean() -> None:
    demo_clip()
    source = DemoSource(StreamConfig(id="demo"), QUICK, CpuGate(), live=True)
    source.start()
    first = source.mailbox.get(10)
    begun_s = time.monotonic()
    frames = [source.mailbox.get(5) for _ in range(20)]
    took_s = time.monotonic() - begun_s
    status = source.status()
    source.close()
    assert 0.8 < took_s < 2 and frames[-1].pts_us - first.pts_us >= 950_000
    assert source.kind == "demo" and status.size_wh == SIZE_WH and status.codec == "h264"
    with pytest.raises(MailboxClosed):
        while True:
            source.mailbox.get(0)
    assert not any(thread.name == "pull-demo" for thread in threading.enumerate())


def test_two_at_once_share_the_rendering() -> None:
    sources = [DemoSource(StreamConfig(id=f"demo{index}"), QUICK, CpuGate(), live=True) for index in range(2)]
    for source in sources:
        source.start()
    assert {source.mailbox.get(20).stream_id for source in sources} == {"demo0", "demo1"}
    for source in sources:
        source.close()
