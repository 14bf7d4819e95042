"""After a run under coverage: each file of which tests run less than 80 % has its reason below (`make coverage`)."""

from __future__ import annotations

import sys
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[1]
LEAST = 0.8
REASONS = {
    "api/auth/migrations/versions/0001_first.py": "the first migration is never undone",
    "monitoring/migrations/versions/0001_first.py": "the first migration is never undone",
    "stream/decoding/parameter_sets.py": "H.265 and VP9: the cameras of the tests send H.264 and VP8",
    "training/classifier/backbones.py": "weights of timm's download, and files that are not weights",
    "training/cli/arguments.py": "options that the commands' tests do not give",
    "training/cli/evaluate.py": "evaluate-webcam: see training/evaluation/webcam.py",
    "training/data/labelled.py": "sets in Pascal VOC; the tests have what `dataset build` wrote",
    "training/evaluation/webcam.py": "takes minutes and the real clips; its figures are in training/README.md",
    "workers/bench/report.py": "the table for a terminal: the test reads JSON",
    "workers/cluster/settings.py": "what is wrong with an address",
}
"""Path → why the tests do not run more of it."""


def shares() -> dict[str, float]:
    """Path → share of its lines that were run, of each file that has any."""
    measured = Coverage(data_file=str(ROOT / ".coverage"))
    measured.load()
    found: dict[str, float] = {}
    for file in measured.get_data().measured_files():
        _, statements, _, missing, _ = measured.analysis2(file)
        if statements and Path(file).relative_to(ROOT).parts[0] not in ("tests", "deployment"):
            found[str(Path(file).relative_to(ROOT))] = 1 - len(missing) / len(statements)
    return found


def main() -> int:
    """0 when the reasons are those of the files below the limit, no more and no fewer."""
    low = {path: share for path, share in sorted(shares().items()) if share < LEAST}
    for path, share in low.items():
        sys.stdout.write(f"{share:4.0%}  {path}: {REASONS.get(path, 'NO REASON GIVEN')}\n")
    stale = sorted(REASONS.keys() - low.keys())
    for path in stale:
        sys.stdout.write(f"{path}: is covered now; take its reason out of tests/coverage_reasons.py\n")
    return int(bool(stale or low.keys() - REASONS.keys()))


if __name__ == "__main__":
    sys.exit(main())
