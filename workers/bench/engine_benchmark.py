"""How fast the engines alone are, on real frames. Blocks the calling thread; its loops run in their own."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from stream.config import StreamConfig, StreamSettings
from stream.errors import MailboxClosed, SourceError
from stream.frame import Frame
from stream.sources.source import Source
from stream.sources.source_urls import open_source
from workers.engines.engine import U8, Engine, worker_count
from workers.engines.letterbox import Letterbox, least_padding
from workers.engines.load import load_engine
from workers.model_card import ModelCard, ModelStore
from workers.settings import WorkerSettings

_MOST_SOURCES = 4
_FRAMES_PER_SOURCE = 8
_SPACING_S = 0.25


@dataclass(frozen=True)
class SampleInput:
    """One frame as the models get it: by model, its input shape and u8 (height, width, 3)."""

    shapes_wh: tuple[tuple[int, int], ...]
    inputs: tuple[U8, ...]


def sample_inputs(
    configs: Sequence[StreamConfig], stream_settings: StreamSettings, cards: Sequence[ModelCard], timeout_s: float
) -> list[SampleInput]:
    """Some frames of the first few sources, converted for every model. Raises SourceError when none arrive in time."""
    sources = [open_source(config, stream_settings, live=True, allow_local=True) for config in configs[:_MOST_SOURCES]]
    letterbox = Letterbox()
    samples: list[SampleInput] = []
    with ExitStack() as stack:
        for source in sources:
            stack.callback(source.close)
            source.start()
        deadline_s = time.monotonic() + timeout_s
        for number in range(_FRAMES_PER_SOURCE):
            for source in sources:
                frame = _next_frame(source, deadline_s)
                samples.append(_convert(frame, cards, letterbox))
            if number < _FRAMES_PER_SOURCE - 1:
                time.sleep(_SPACING_S)
    return samples


def engines_fps(
    samples: Sequence[SampleInput], models: Sequence[str], store: ModelStore, settings: WorkerSettings, seconds: float
) -> float:
    """Frames a second through all models, freshly loaded, on as many threads as there are inference workers.

    Raises ModelError, EngineError.
    """
    engines: list[Engine] = []
    try:
        engines += [load_engine(store, name, settings) for name in models]
        _loop(engines, samples, settings, 0.5)  # first inferences allocate
        return _loop(engines, samples, settings, seconds)
    finally:
        for engine in engines:
            engine.close()


def _loop(engines: Sequence[Engine], samples: Sequence[SampleInput], settings: WorkerSettings, seconds: float) -> float:
    counts: list[int] = []
    began_s = time.monotonic()

    def work(first: int) -> None:
        count = 0
        for index in itertools.count(first):
            if time.monotonic() - began_s >= seconds:
                break
            sample = samples[index % len(samples)]
            for engine, shape_wh, image in zip(engines, sample.shapes_wh, sample.inputs, strict=True):
                with engine.request(shape_wh) as request:
                    size = min(settings.max_batch, len(request.tensor))
                    for slot in range(size):
                        np.copyto(request.tensor[slot], image)
                    request.run(size)
            count += size
        counts.append(count)

    threads = [
        threading.Thread(target=work, args=(index * 7,), name=f"engine-benchmark-{index}")
        for index in range(worker_count(settings))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began_s)


def _next_frame(source: Source, deadline_s: float) -> Frame:
    try:
        return source.mailbox.get(max(0.0, deadline_s - time.monotonic()))
    except (TimeoutError, MailboxClosed):
        reason = source.status().last_error or "no frame arrived in time"
        raise SourceError(f"stream {source.id!r}: {reason}") from None


def _convert(frame: Frame, cards: Sequence[ModelCard], letterbox: Letterbox) -> SampleInput:
    shapes, inputs = [], []
    for card in cards:
        shape_wh = least_padding(frame.size_wh, card.shapes_wh)
        image = np.empty((shape_wh[1], shape_wh[0], 3), np.uint8)
        letterbox.fill(frame.image, image, card.pad_value, card.color)
        shapes.append(shape_wh)
        inputs.append(image)
    return SampleInput(tuple(shapes), tuple(inputs))
