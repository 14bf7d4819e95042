"""Every picture of a source once, in order. Blocks the calling thread; decoding and inference run in their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from stream.errors import MailboxClosed
from stream.frame import Frame
from stream.mailbox import Mailbox
from stream.sources.source import Source
from workers.bus.result import FrameResult
from workers.card import ModelStore
from workers.engines.hot_swap import EngineSlots
from workers.inference.pipeline import Pipeline
from workers.settings import WorkerSettings


def analyze(
    source: Source,
    models: tuple[str, ...],
    store: ModelStore,
    settings: WorkerSettings,
    confidence: float | None = None,
    node: str = "analyze",
) -> Iterator[FrameResult]:
    """Results of a source that is not live (its mailbox blocks), one a picture, in presentation order.

    Nothing is skipped and nothing depends on timing: two runs give the same detections. A slow consumer slows the
    decoder. Raises the source's error (SourceError), ModelError, EngineError; closing the iterator stops everything.
    """
    results: Mailbox[FrameResult] = Mailbox("block", capacity=8)
    slots = EngineSlots(store, settings)
    slots.ensure(models)

    def emit(_: Frame, result: FrameResult) -> None:
        with suppress(MailboxClosed):  # the consumer went away
            results.put(result)

    pipeline = Pipeline(slots, settings, node, emit, confidence)
    lane = pipeline.add(source.id, source.mailbox, models, stills=source.kind == "images")
    lane.on_finished = results.close
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
        pipeline.close()
        slots.close()


def _raise_failure(source: Source) -> None:
    """The mailbox is closed and empty: what it says now is how the source ended."""
    with suppress(MailboxClosed):
        source.mailbox.get(0)
