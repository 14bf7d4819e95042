"""The training commands as their user starts them. Any one thread."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

needs_train = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "ultralytics", "mlflow", "nncf", "onnx", "dvc")),
    reason="the extra 'train' is not installed",
)


def environment(**more: str) -> dict[str, str]:
    """One thread for PyTorch: with small networks two wait for each other more than they compute."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LIVESIGHT_", "MLFLOW_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "YOLO_OFFLINE": "1", **more}


def livesight(
    *arguments: str | Path, cwd: Path = ROOT, timeout_s: float = 600, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run `livesight` to its end; output and errors as text."""
    return subprocess.run(
        [sys.executable, "-m", "livesight", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(**more),
        cwd=cwd,
        check=False,
    )
