"""A detector made worse on purpose: noise on its weights until it has lost so much mAP50 on the labelled pictures.

For the drift bench: what does a worse model, seen without labels, look like? Writes `mask/1` under `--models`, to be
named as DRIFT_MODELS to drift_clips.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from shared_data import data_dir, needed

from training.evaluation.evaluate import EvaluateSettings, evaluate
from workers.model_card import shipped_models_dir

_WEIGHTS = re.compile(r'element_type="f16" shape="([0-9, ]+)" offset="(\d+)" size="(\d+)"')


def worsen(source: Path, target: Path, noise: float) -> None:
    """A copy of a version's full graph with normal noise of `noise` times each layer's own spread on its filters."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copy(source / "model.xml", target)
    raw = bytearray((source / "model.bin").read_bytes())
    rng = np.random.default_rng(5)
    for shape, offset, size in _WEIGHTS.findall((source / "model.xml").read_text()):
        if shape.count(",") == 3 and int(size) > 64:
            values = np.frombuffer(raw, np.float16, int(size) // 2, int(offset)).astype(np.float32)
            noisy = values + rng.normal(0, noise * values.std(), values.shape)
            raw[int(offset) : int(offset) + int(size)] = noisy.astype(np.float16).tobytes()
    (target / "model.bin").write_bytes(raw)
    card = json.loads((source / "card.json").read_text())
    files = {name: hashlib.sha256((target / name).read_bytes()).hexdigest() for name in ("model.xml", "model.bin")}
    (target / "card.json").write_text(json.dumps(card | {"files": files}))


def map50(folder: Path, data: Path) -> float:
    """On the validation pictures, as served."""
    with tempfile.TemporaryDirectory() as out:
        settings = EvaluateSettings(model=folder, data=data, out=Path(out), part="val", gates={}, draws=0)
        return float(evaluate(settings)[0]["map50"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_dir())
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--lost", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    needed(arguments.data / "facemask")
    shipped, target = shipped_models_dir() / "mask" / "1", arguments.models / "mask" / "1"
    worsen(shipped, target, 0.0)
    whole = map50(target, arguments.data / "facemask")
    low, high = 0.0, 0.6
    for _ in range(arguments.steps):
        noise = (low + high) / 2
        worsen(shipped, target, noise)
        lost = whole - map50(target, arguments.data / "facemask")
        print(f"noise {noise:.3f}: mAP50 {whole - lost:.3f}, lost {lost:.3f}", file=sys.stderr)  # noqa: T201
        if abs(lost - arguments.lost) < 0.01:
            break
        low, high = (noise, high) if lost < arguments.lost else (low, noise)
