"""Livesight itself, measured as the others are. Runs in its own environment, from the repository's root, a process.

    python deployment/bench/run_livesight.py SPEC.json

The node as `livesight up` runs it, on the in-process bus. The picture is read where its result is published.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from recorder import Recorder, Spec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from stream.config import StreamConfig
from workers.bus.message_bus import DETECTIONS, LocalBus, Message
from workers.errors import StreamUnknown
from workers.model_card import ModelStore, shipped_models_dir
from workers.node.node import Node
from workers.settings import NodeSettings, WorkerSettings


def luma_of(picture: av.VideoFrame) -> npt.NDArray[np.uint8]:
    """The picture's brightness, u8 (height, width), without a copy."""
    plane = picture.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: picture.height, : picture.width]


def main() -> None:
    """Analyse until SIGTERM."""
    spec = Spec.from_arguments()
    recorder = Recorder(spec.records)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    bus = LocalBus()
    store = ModelStore([shipped_models_dir()])
    node = Node(NodeSettings("bench", WorkerSettings(**(spec.options or {}))), store, bus)
    names = {f"cam{index}": index for index in range(len(spec.urls))}

    def on_result(message: Message) -> None:
        with suppress(StreamUnknown):  # the last results come while the node closes
            latest = node.streams.latest(message.key)  # this very picture: results of a stream come one after another
            if latest is not None:
                recorder.add(names[message.key], luma_of(latest[0].image))

    bus.subscribe(on_result, [DETECTIONS])
    node.start((spec.model,))
    for name, url in zip(names, spec.urls, strict=True):
        node.streams.add(StreamConfig(id=name, url=url, models=(spec.model,)))
    stopped.wait()
    node.close()


if __name__ == "__main__":
    main()
