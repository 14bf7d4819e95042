"""Benches without the shared data say what they miss, in a line, before they start anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOYMENT = Path(__file__).resolve().parents[2] / "deployment"


@pytest.mark.parametrize(
    "command",
    [
        "bench/cameras.py",
        "bench/viewers.py",
        "bench/standing.py",
        "bench/drift.py --kept {there}",
        "bench/drift_clips.py --kept {there}",
        "bench/drift_worse.py --models {there}",
        "bench/identity.py",
        "bench/tracking.py --kept {there} --out {there}",
        "soak/memory.py --output {there}/memory.json",
    ],
)
def test_what_is_missing_is_named(command: str, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    script, *arguments = command.format(there=tmp_path).split()
    done = subprocess.run(
        [sys.executable, str(DEPLOYMENT / script), *arguments],
        env={**os.environ, "TEST_DATA_DIR": str(absent), "PYTHONPATH": str(DEPLOYMENT.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(str(absent)) and "is missing" in line and "TEST_DATA_DIR" in line
