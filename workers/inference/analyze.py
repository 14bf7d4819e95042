"""Every frame of a source once, in order. Blocks the calling thread; decoding and inference run in their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from stream.errors import MailboxClosed
from stream.frame import Frame
from stream.mailbox import Mailbox
from stream.sources.source import Source
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlots
from workers.inference.pipeline import Pipeline, StreamOptions
from workers.model_card import ModelStore
from workers.settings import WorkerSettings

_CLOSE_S = 60.0
"""Long, as nobody waits for the end: an interpreter that ends while an engine computes is aborted by its C++ side."""


@dataclass(frozen=True, slots=True)
class AnalyzeOptions:
    """confidence: overrides the thresholds of the models' cards. node: the name of the node in results."""

    confidence: float | None = None
    node: str = "analyze"


def analyze(
    source: Source,
    models: tuple[str, ...],
    store: ModelStore,
    settings: WorkerSettings,
    options: AnalyzeOptions | None = None,
) -> Iterator[FrameResult]:
    """Results of a source that is not live (its mailbox blocks), one for each frame, in presentation order.

    Nothing is skipped and nothing depends on timing: two runs give the same detections. A slow consumer slows the
    decoder. Raises the source's error (SourceError), ModelError, EngineError; closing the iterator stops everything.
    """
    options = options or AnalyzeOptions()
    results: Mailbox[FrameResult] = Mailbox("block", capacity=8)
    slots = EngineSlots(store, settings)
    slots.ensure(models)

    def emit(_: Frame, result: FrameResult) -> None:
        with suppress(MailboxClosed):  # the consumer went away
            results.put(result)

    pipeline = Pipeline(slots, settings, options.node, emit)
    stills = source.kind == "images"
    stream = StreamOptions(stills=stills, confidence=options.confidence, on_finished=results.close)
    pipeline.add(source.id, source.mailbox, models, stream)
    pipeline.start()
    source.start()
    try:
        with suppress(MailboxClosed):
            while True:
                yield results.get()
        _raise_failure(source)
    finally:
        results.close()
        source.close()
        pipeline.close(_CLOSE_S)
        slots.close()


def _raise_failure(source: Source) -> None:
    """Raise what ended the source: its mailbox is closed and empty, so it raises its producer's error now."""
    with suppress(MailboxClosed):
        source.mailbox.get(0)
