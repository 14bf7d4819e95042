"""The standing case: `livesight bench` on RTSP cameras of this machine, held against what is promised of it.

    python deployment/bench/standing.py [--cases 8 16 drift] [--runs 3] [--seconds 30] [--output FILE]

Each run is a process of its own on a server of its own. Judged is the median of the runs. Exit code 1 when something
does not hold.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import clip
from cameras import Cameras
from machine import describe

ROOT = Path(__file__).resolve().parents[2]
DRIFT_S = 600.0
CAMERAS = {"8": 8, "16": 16, "drift": 8}
Report = dict[str, Any]


def bench(cameras: int, seconds: float, model: str) -> Report:
    """One run of `livesight bench`. Raises subprocess.CalledProcessError."""
    with Cameras(cameras) as served:
        command = [sys.executable, "livesight.py", "bench", *served.urls, "--seconds", str(seconds)]
        command += ["--models", model, "--json"]
        done = subprocess.run(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, check=True)
    report: Report = json.loads(done.stdout)
    sys.stderr.write(f"{cameras} cameras: {line(report)}\n")
    return report


def line(report: Report) -> str:
    """One run in a few words."""
    age, cpu = report["age_ms"], report["cpu"]
    return (
        f"{report['analysed_fps']:g}/s of {report['decoded_fps']:g}/s decoded, ceiling {report['ceiling']['fps']:g}/s, "
        f"age {age['p50']:g}/{age['p95']:g}/{age['p99']:g} ms, fairness {report['fairness']:g}, "
        f"cores {cpu['process']:g} of {cpu['machine']:g}, steal {cpu['steal']:g}"
    )


def median(reports: Sequence[Report], figure: Callable[[Report], float]) -> float:
    """The middle one of a figure."""
    return round(statistics.median(figure(report) for report in reports), 3)


def worked(report: Report) -> bool:
    """Whether the machine was used to the full, or nothing had to be dropped."""
    cpu = report["cpu"]
    return bool(cpu["machine"] + cpu["steal"] >= 0.9 * cpu["cores"] or not report["dropped"])


def judge(case: str, reports: Sequence[Report]) -> dict[str, tuple[str, bool]]:
    """What is promised: name → (the figure, whether it holds)."""
    if case == "drift":
        first, last = (reports[0]["minutes"][index]["age_ms"]["p95"] for index in (0, -1))
        return {"p95 of the last minute ≤ 1.25 × the first": (f"{last:g} / {first:g} ms", last <= 1.25 * first)}
    fairness, p99 = median(reports, lambda r: r["fairness"]), median(reports, lambda r: r["age_ms"]["p99"])
    verdicts = {
        "fairness ≥ 0.8": (f"{fairness:g}", fairness >= 0.8),
        "p99 age ≤ 150 ms": (f"{p99:g} ms", p99 <= 150.0),
    }
    if case == "8":
        share = median(reports, lambda r: r["ceiling_share"])
        busy = sum(worked(report) for report in reports)
        verdicts["analysed ≥ 0.6 × the ceiling"] = f"{share:g}", share >= 0.6
        verdicts["CPU and steal ≥ 0.9 of the cores, or nothing dropped"] = (
            f"{busy} of {len(reports)} runs",
            busy * 2 > len(reports),
        )
    return verdicts


def table(cases: dict[str, list[Report]], verdicts: dict[str, dict[str, tuple[str, bool]]]) -> str:
    """Markdown: a row a run, then what was promised."""
    rows = [
        "| cameras | decoded/s | analysed/s | ceiling/s | share | age p50 / p95 / p99 ms | fairness "
        "| cores: ours, all, stolen | RSS MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for reports in cases.values():
        for report in reports:
            age, cpu = report["age_ms"], report["cpu"]
            cells = (
                f"{report['streams']} for {report['seconds']:g} s",
                f"{report['decoded_fps']:g}",
                f"{report['analysed_fps']:g}",
                f"{report['ceiling']['fps']:g}",
                f"{report['ceiling_share']:g}",
                f"{age['p50']:g} / {age['p95']:g} / {age['p99']:g}",
                f"{report['fairness']:g}",
                f"{cpu['process']:g}, {cpu['machine']:g}, {cpu['steal']:g}",
                f"{report['peak_rss_mb']:g}",
            )
            rows.append("| " + " | ".join(cells) + " |")
    rows += ["", "| case | promised | measured | holds |", "|---|---|---|---|"]
    for case, promises in verdicts.items():
        for name, (figure, holds) in promises.items():
            rows.append(f"| {case} | {name} | {figure} | {'yes' if holds else '**no**'} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    """Run the cases, write the report as JSON and its tables as Markdown; 1 when something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=list(CAMERAS), default=list(CAMERAS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--drift-seconds", type=float, default=DRIFT_S)
    parser.add_argument("--model", default="mask")
    parser.add_argument("--output", type=Path, default=ROOT / "artifacts" / "bench" / "standing.json")
    options = parser.parse_args()
    clip.standing_clip()
    began, machine = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), describe()
    cases: dict[str, list[Report]] = {}
    for case in options.cases:
        runs, seconds = (1, options.drift_seconds) if case == "drift" else (options.runs, options.seconds)
        cases[case] = [bench(CAMERAS[case], seconds, options.model) for _ in range(runs)]
    verdicts = {case: judge(case, reports) for case, reports in cases.items()}
    text = table(cases, verdicts)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    report = {"began": began, "machine": machine, "cases": cases, "verdicts": verdicts, "table": text}
    options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    options.output.with_suffix(".md").write_text(text)
    sys.stdout.write(text)
    return 0 if all(holds for promises in verdicts.values() for _, holds in promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
