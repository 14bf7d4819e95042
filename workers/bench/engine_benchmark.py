"""How fast the engines alone are on real pictures. Blocks the calling thread; its loops run in their own."""

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
from workers.card import ModelCard, ModelStore
from workers.engines.engine import U8, Engine, worker_count
from workers.engines.letterbox import Letterbox, least_padding
from workers.engines.load import load_engine
from workers.settings import WorkerSettings

_MOST_SOURCES = 4
_PICTURES_A_SOURCE = 8
_SPACING_S = 0.25


@dataclass(frozen=True)
class SampleInput:
    """One picture as a model gets it: u8 (height, width, 3) of one of its input shapes, by model."""

    shapes_wh: tuple[tuple[int, int], ...]
    inputs: tuple[U8, ...]


def sample_inputs(
    configs: Sequence[StreamConfig], stream_settings: StreamSettings, cards: Sequence[ModelCard], timeout_s: float
) -> list[SampleInput]:
    """Some pictures of the first few sources, converted for every model. Raises SourceError when there are none."""
    sources = [open_source(config, stream_settings, live=True, allow_local=True) for config in configs[:_MOST_SOURCES]]
    letterbox = Letterbox()
    samples: list[SampleInput] = []
    with ExitStack() as stack:
        for source in sources:
            stack.callback(source.close)
            source.start()
        deadline_s = time.monotonic() + timeout_s
        for number in range(_PICTURES_A_SOURCE):
            for source in sources:
                frame = _next_frame(source, deadline_s)
                samples.append(_convert(frame, cards, letterbox))
            if number < _PICTURES_A_SOURCE - 1:
                time.sleep(_SPACING_S)
    return samples


def engines_fps(
    samples: Sequence[SampleInput], models: Sequence[str], store: ModelStore, settings: WorkerSettings, seconds: float
) -> float:
    """Pictures a second through all models, freshly loaded, on as many threads as there are inference workers.

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
            for engine, shape_wh, picture in zip(engines, sample.shapes_wh, sample.inputs, strict=True):
                with engine.request(shape_wh) as request:
                    size = min(settings.max_batch, len(request.tensor))
                    for slot in range(size):
                        np.copyto(request.tensor[slot], picture)
                    request.run(size)
            count += size
        counts.append(count)

    threads = [
        threading.Thread(target=work, args=(index * 7,), name=f"ceiling-{index}")
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
        said = source.status().last_error or "no picture in time"
        raise SourceError(f"stream {source.id!r}: {said}") from None


def _convert(frame: Frame, cards: Sequence[ModelCard], letterbox: Letterbox) -> SampleInput:
    shapes, inputs = [], []
    for card in cards:
        shape_wh = least_padding(frame.size_wh, card.shapes_wh)
        picture = np.empty((shape_wh[1], shape_wh[0], 3), np.uint8)
        letterbox.fill(frame.image, picture, card.pad_value, card.color)
        shapes.append(shape_wh)
        inputs.append(picture)
    return SampleInput(tuple(shapes), tuple(inputs))
