"""Where the shared data lies, and one line instead of a traceback where it does not. Pure but for looking."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_dir() -> Path:
    """TEST_DATA_DIR, else `../shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return Path(os.environ.get("TEST_DATA_DIR", beside))


def needed(path: Path) -> Path:
    """A file or folder of the shared data. Where it is missing the process says so and ends with exit code 2."""
    if not path.exists():
        sys.stderr.write(f"{path} is missing: this needs the shared data, whose folder TEST_DATA_DIR names\n")
        raise SystemExit(2)
    return path
