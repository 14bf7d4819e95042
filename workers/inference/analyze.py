"""Every frame of a source once, in order. Blocks the calling thread; decoding and inference run in their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from stream.errors import MailboxClosed, SourceError
from stream.frame import Frame
from stream.mailbox import Mailbox
from stream.sources.images_source import ImagesSource
from stream.sources.source import Source
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlots
from workers.identity.gallery import Gallery
from workers.inference.identification import Identification
from workers.inference.pipeline import Pipeline, Shared, StreamOptions
from workers.model_card import ModelStore
from workers.settings import WorkerSettings

_CLOSE_S = 60.0
"""Long, as nobody waits for the end: an interpreter that ends while an engine computes is aborted by its C++ side."""


@dataclass(frozen=True, slots=True)
class AnalyzeOptions:
    """confidence: overrides the thresholds of the models' cards. node: the name of the node in results.

    gallery: who is enrolled; None: nobody is named.
    """

    confidence: float | None = None
    node: str = "analyze"
    gallery: Gallery | None = None


def analyze(
    source: Source,
    models: tuple[str, ...],
    store: ModelStore,
    settings: WorkerSettings,
    options: AnalyzeOptions | None = None,
) -> Iterator[FrameResult]:
    """Results of a source that is not live (its mailbox blocks), one for each frame, in presentation order.

    Nothing is skipped and nothing depends on timing: two runs give the same detections. A slow consumer slows the
    decoder. Results of images name their files. Raises SourceError, for images that cannot be read after the others'
    results; ModelError, EngineError. Closing the iterator stops everything.
    """
    options = options or AnalyzeOptions()
    results: Mailbox[FrameResult] = Mailbox("block", capacity=8)
    slots = EngineSlots(store, settings)
    slots.ensure(models)

    def emit(frame: Frame, result: FrameResult) -> None:
        with suppress(MailboxClosed):  # the consumer went away
            results.put(_named(result, source, frame))

    identification = _identification(settings, store, options)
    pipeline = Pipeline(slots, settings, options.node, emit, Shared(identification=identification))
    stream = _stream_options(source, options, results)
    pipeline.add(source.id, source.mailbox, models, stream)
    pipeline.start()
    source.start()
    try:
        with suppress(MailboxClosed):
            while True:
                yield results.get()
        _raise_failure(source)
        _raise_unreadable(source)
    finally:
        results.close()
        source.close()
        pipeline.close(_CLOSE_S)
        slots.close()


def _identification(settings: WorkerSettings, store: ModelStore, options: AnalyzeOptions) -> Identification:
    gallery = options.gallery or Gallery.empty()
    return Identification(settings, store, lambda: gallery)


def _stream_options(source: Source, options: AnalyzeOptions, results: Mailbox[FrameResult]) -> StreamOptions:
    return StreamOptions(
        stills=source.kind == "images",
        confidence=options.confidence,
        on_finished=results.close,
        identity=None if options.gallery is None else lambda: True,
    )


def _raise_failure(source: Source) -> None:
    """Raise what ended the source: its mailbox is closed and empty, so it raises its producer's error now."""
    with suppress(MailboxClosed):
        source.mailbox.get(0)


def _named(result: FrameResult, source: Source, frame: Frame) -> FrameResult:
    """With the path of an image as it was opened; bytes that are no UTF-8 cannot be in JSON."""
    if not isinstance(source, ImagesSource):
        return result
    path = os.fsencode(source.paths[frame.number]).decode(errors="replace")
    return result.model_copy(update={"source": path})


def _raise_unreadable(source: Source) -> None:
    if isinstance(source, ImagesSource) and source.unreadable:
        many = f"{len(source.unreadable)} of {len(source.paths)} images cannot be read"
        raise SourceError("\n".join([f"{path}: {why}" for path, why in source.unreadable.items()] + [many]))
