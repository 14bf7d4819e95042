"""The folder that is evaluated: a version, or a checkpoint exported aside (which needs the extra `train`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.data.labelled import read_labelled
from training.errors import EvaluationError
from training.export.test_time_augmentation import ONE_VIEW, TtaViews


@contextmanager
def candidate_version(
    model: Path,
    data: Path,
    part: str,
    shapes: tuple[tuple[int, int], ...] | None,
    views: TtaViews = ONE_VIEW,
) -> Iterator[Path]:
    """The folder of a version; a checkpoint (.pt) is exported to a temporary one first, as it would be served.

    Raises EvaluationError when `model` is neither; ExportError, DatasetError.
    """
    if model.suffix != ".pt":
        if not model.is_dir():
            raise EvaluationError(f"{model}: neither the folder of a version nor a checkpoint (.pt)")
        yield model
        return
    if not model.is_file():
        raise EvaluationError(f"{model}: no such checkpoint")
    from training.export.detector_graph import SHAPES_WH
    from training.export.version_folder import GraphSettings, write_graphs

    checked = tuple(item.path for item in read_labelled(data, part)[:4])
    with tempfile.TemporaryDirectory(prefix="livesight-candidate-") as scratch:
        settings = GraphSettings(
            checkpoint=model, name="candidate", version=1, checked=checked, shapes=shapes or SHAPES_WH,
            views=views, formats=("openvino",),
        )  # fmt: skip
        write_graphs(settings, Path(scratch))
        yield Path(scratch)
