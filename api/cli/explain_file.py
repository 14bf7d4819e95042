"""Explains one image file, for the command line. Runs on the calling thread."""

from __future__ import annotations

from pathlib import Path

from api.predict.explanation import ExplanationView, Format, encode_explanation, explanation_view
from api.predict.predictor import decode_image
from stream.config import StreamSettings
from stream.errors import BadImageError
from workers.engines.hot_swap import EngineSlots
from workers.errors import ExplainError
from workers.explain.explain import Explainer, ExplainRequest
from workers.model_card import ModelStore
from workers.settings import WorkerSettings


def explain_file(
    files: tuple[Path, Path, Path | None],
    request: ExplainRequest,
    store: ModelStore,
    settings: WorkerSettings,
    limits: StreamSettings,
) -> ExplanationView:
    """Read the image `files[0]`, write the overlay `files[1]` and, if given, the array `files[2]`.

    Raises BadImageError and ExplainError naming the file, ModelError, EngineError.
    """
    source, overlay, array = files
    try:
        image_bgr = decode_image(source.read_bytes(), limits)
    except OSError as error:
        raise BadImageError(f"{source}: {error.strerror or error}") from error
    except BadImageError as error:
        raise BadImageError(f"{source}: {error}") from error
    slots = EngineSlots(store, settings)
    try:
        explanation = Explainer(store, slots, "explain").explain(image_bgr, request)
    finally:
        slots.close()
    outputs: list[tuple[Path, Format]] = [(overlay, "png")]
    if array is not None:
        outputs.append((array, "npy"))
    for path, format_ in outputs:
        try:
            path.write_bytes(encode_explanation(image_bgr, explanation, format_).content)
        except OSError as error:
            raise ExplainError(f"{path}: {error.strerror or error}") from error
    return explanation_view(explanation)
