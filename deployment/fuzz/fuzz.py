"""Fuzzes one parser with atheris: nothing but its documented errors may come out, and no input may take long.

    python deployment/fuzz/fuzz.py TARGET [--seconds S] [--corpus FOLDER]

Needs the extra `fuzz`. Prints libFuzzer's lines; the last ones say how often it was called. What breaks a parser is
written to the corpus's folder beside `found-TARGET-`. Exit code 0 when nothing was found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:
    sys.exit("atheris is not installed; run: pip install -c constraints.txt -e '.[fuzz]'")

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]
PARSERS = ["stream", "monitoring.ingest", "monitoring.store", "workers", "aiortc.sdp", "api.auth.machines.signed_links"]
with atheris.instrument_imports(include=[*PARSERS, "api.http.strict_requests"]):
    from targets import TARGETS, Target

SLOW_S = 5


def calling(target: Target) -> object:
    """What libFuzzer calls."""

    def call(data: bytes) -> None:
        try:
            target.call(data)
        except target.allowed:
            return

    return call


def main() -> None:
    """Fuzz until the time is over; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, help="what was found to be of interest; default: a new folder")
    options = parser.parse_args()
    folder = options.corpus or Path(tempfile.mkdtemp(prefix=f"fuzz-{options.target}-"))
    folder.mkdir(parents=True, exist_ok=True)
    target = TARGETS[options.target]
    for index, seed in enumerate(target.seeds):
        (folder / f"seed-{index}").write_bytes(seed)
    sys.stderr.write(f"{options.target}: {options.seconds} s, corpus {folder}\n")
    limits = [f"-max_total_time={options.seconds}", f"-timeout={SLOW_S}", "-rss_limit_mb=2048", "-max_len=4096"]
    found = f"-artifact_prefix={folder}/found-{options.target}-"
    atheris.Setup([sys.argv[0], *limits, found, "-print_final_stats=1", "-verbosity=1", str(folder)], calling(target))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
