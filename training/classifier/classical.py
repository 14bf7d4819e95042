"""The classical family: ORB, a bag of visual words, and a forest, a support vector machine or boosted trees.

OUT gets the graph from histograms to probabilities and the words; OUT/classical.json, which comes last, is what makes
it a run. The part `test` is never looked at here. Runs on the calling thread, for a minute or two.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from training.classifier.augmentation import served_view, training_view
from training.classifier.classical_models import Rows, train_model
from training.classifier.crops import CropSet, LabelledCrop, read_crops
from training.classifier.settings import ClassicalSettings
from training.detector.mlflow_run import TrackSettings, git_commit, tracked
from training.errors import RunError
from training.evaluation.classification_figures import probability_figures
from workers.atomic_files import write_text
from workers.engines.engine import F32, U8
from workers.engines.precision import GRAPH
from workers.engines.visual_words import VISUAL_WORDS, PointFinder, VisualWords, WordCounter
from workers.model_card import sha256_of

RUN, SUMMARY = "classical.json", "train.json"
FORMAT = "livesight.classical/1"
FILES = (GRAPH, Path(GRAPH).with_suffix(".bin").name, VISUAL_WORDS)
_NETWORK = "last.pt"
"""A network's run, by training.classifier.checkpoint, which needs torch."""
_LEARNED = 40_000
"""Descriptors that the words are found from."""


def fit_classical(settings: ClassicalSettings) -> dict[str, Any]:
    """Learn from the part train; figures on val. Returns and writes them to OUT/train.json.

    Raises DatasetError for crops that cannot be used, RunError for those without enough points or when the run cannot
    be written, ExportError when the graph does not give what the library gives.
    """
    if any((settings.out / name).exists() for name in (RUN, _NETWORK)):
        raise RunError(f"{settings.out}: already has a run; choose another --out")
    crops = read_crops(settings.data, settings.out, settings.yunet, settings.seed)
    track = TrackSettings(
        folder=settings.out,
        store=settings.out.parent,
        experiment=settings.experiment,
        name=settings.out.name,
        tags={"git_commit": git_commit(), "data_version": crops.version, "task": "classify"},
    )
    with tracked(track) as run:
        run.params({**_plain(settings), "classes": ",".join(crops.classes), "data_version": crops.version})
        words, train, val = _bags(settings, crops)
        graph, said, difference = train_model(settings.backbone, train, val, settings.seed)
        figures = probability_figures(said, val.labels).row("val")
        run.metrics(figures, 1)
        state = {
            "format": FORMAT,
            "settings": _plain(settings),
            "classes": list(crops.classes),
            "data_version": crops.version,
            "val": figures,
            "difference": difference,
        }
        _write(settings.out, graph, words, state)
        summary = {**figures, "crops": crops.counts(), "data_version": crops.version, "mlflow_run": run.id}
        write_text(settings.out / SUMMARY, json.dumps(summary, indent=1) + "\n", error=RunError)
        run.files(*(settings.out / name for name in (*FILES, RUN, SUMMARY)))
    return summary


def read_run(folder: Path) -> dict[str, Any]:
    """What a finished run says of itself. Raises RunError naming the file that is missing, wrong or changed since."""
    path = folder / RUN
    try:
        state: dict[str, Any] = json.loads(path.read_text())
        if state["format"] != FORMAT:
            raise ValueError(f"is of format {state['format']}")
        for name in FILES:
            if sha256_of(folder / name) != state["files"][name]:
                raise RunError(f"{folder / name}: was changed or cut off since the run")
    except OSError as error:
        raise RunError(f"{error.filename or path}: cannot read it: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: not a run of livesight train classifier: {error}") from error
    return state


def _bags(settings: ClassicalSettings, crops: CropSet) -> tuple[VisualWords, Rows, Rows]:
    """The words, and the histograms of train (as served, and `views` random ones) and of val (as served)."""
    frame = VisualWords(words=("0" * 64, "f" * 64))  # for its settings
    finder = PointFinder(frame.points, frame.patch, frame.fast)
    views = {part: [_views(settings, crop, part == "train") for crop in crops.parts[part]] for part in ("train", "val")}
    found = {part: [[finder.describe(view) for view in own] for own in crop] for part, crop in views.items()}
    everything = np.concatenate([descriptors for own in found["train"] for _, descriptors in own])
    words = VisualWords(words=vocabulary(everything, settings.words, settings.seed))
    counter = WordCounter(words)
    rows = {
        part: Rows(
            np.stack([counter.counted(*view) for own in crop for view in own]),
            np.repeat([crop.label for crop in crops.parts[part]], [len(own) for own in crop]),
        )
        for part, crop in found.items()
    }
    return words, rows["train"], rows["val"]


def _views(settings: ClassicalSettings, crop: LabelledCrop, learn: bool) -> list[U8]:
    size, margin = settings.size, settings.margin
    views = [served_view(crop, size, framed) for framed in (None, margin)]
    if learn:
        seeds = (f"{settings.seed} {view} {crop.name}" for view in range(settings.views))
        views += [training_view(crop, size, margin, random.Random(seed)) for seed in seeds]
    return views


def vocabulary(descriptors: U8, words: int, seed: int) -> tuple[str, ...]:
    """Words as hex: k-means over the descriptors' bits, each mean rounded to bits.

    Raises RunError when there are fewer descriptors than words.
    """
    from sklearn.cluster import MiniBatchKMeans

    if len(descriptors) < words:
        raise RunError(
            f"{len(descriptors)} key points in all crops, but {words} visual words: use more crops, or fewer words"
        )
    chosen = descriptors[np.random.default_rng(seed).permutation(len(descriptors))[:_LEARNED]]
    bits: F32 = np.unpackbits(chosen, axis=1).astype(np.float32)
    means = MiniBatchKMeans(words, random_state=seed, n_init=1, batch_size=2048, max_iter=40).fit(bits).cluster_centers_
    return tuple(bytes(word).hex() for word in np.packbits(means > 0.5, axis=1))


def _write(out: Path, graph: ov.Model, words: VisualWords, state: Mapping[str, Any]) -> None:
    write_text(out / VISUAL_WORDS, words.model_dump_json(by_alias=True, indent=1) + "\n", error=RunError)
    try:
        # a threshold that is rounded sends rows another way
        ov.save_model(graph, out / GRAPH, compress_to_fp16=False)
    except RuntimeError as error:
        raise RunError(f"{out / GRAPH}: cannot write it: {error}") from error
    files: Sequence[tuple[str, str]] = [(name, sha256_of(out / name)) for name in FILES]
    write_text(out / RUN, json.dumps({**state, "files": dict(files)}, indent=1) + "\n", error=RunError)


def _plain(settings: ClassicalSettings) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(settings).items()}
