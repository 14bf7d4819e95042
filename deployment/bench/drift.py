"""Drift by simulation: false alarms a camera-week, and how soon and how rightly real changes are found.

Cameras are simulated out of real detections (drift_world.py); what judges them is the service's own code
(monitoring/drift). The settings were chosen on the half `fit`; the table is of the half `test`.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from drift_clips import DEGRADED, extract
from drift_world import DAY, DETECTOR, FIGURES, Camera, Change, cameras, fit
from machine import describe
from scipy.stats import ks_2samp
from shared_data import data_dir

from monitoring.drift.comparison import rejected
from monitoring.drift.sampler import DriftSample
from monitoring.drift.settings import DriftSettings
from monitoring.drift.stream_drift import StreamDrift

WEEK = 7 * DAY
LEAD_S, WITHIN_S, WITHIN_TRACKS = 90 * 60.0, 600.0, 100
FIRST_DAY = 19_000  # since the epoch; any
KINDS = {"blur": "blurred", "dark": "dark", "turned": "moved", "jpeg": "blocky", "mix": "label"}
CAUSES = {"mix": "population", "worse": "model"}


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker needs to make its own world. `worse`: clips looked at by a worse model are there."""

    kept: Path
    half: str
    seed: int
    weeks_each: int
    runs: int
    worse: bool
    clumps: str = "usual"


@dataclass(frozen=True, slots=True)
class Detected:
    """One injected change: after how many seconds an alarm came (None: none), its cause and kinds, in time or not."""

    way: str
    after_s: float | None
    tracks: int
    in_time: bool
    cause: str | None
    kinds: tuple[str, ...]


def advance(stream: StreamDrift, samples: Sequence[DriftSample], from_s: float, fdr: float) -> list[tuple[float, Any]]:
    """Give a stream its samples; from `from_s` on compare when due. Returns when the alarm changed, and to what."""
    alarms = []
    for sample in samples:
        stream.add(sample)
        if sample.at_s >= from_s and stream.is_due(sample.at_s):
            findings = stream.compare(sample.at_s)
            if stream.judge(rejected(findings, fdr), sample.at_s):
                keys = [finding.key for finding in stream.found]
                alarms.append((sample.at_s, stream.alarm, stream.explanation, keys))
    return alarms


def plain(reference: Sequence[DriftSample], week: Sequence[DriftSample], rng: np.random.Generator) -> dict[str, float]:
    """What a KS test on sampled pictures says, p < 0.05 with Bonferroni over features, every ten minutes."""
    before = np.array([[one.numbers[name] for name in FIGURES] for one in reference if not one.model])
    after = np.array([[one.numbers[name] for name in FIGURES] for one in week if not one.model])
    before = before[rng.choice(len(before), min(5000, len(before)), replace=False)]
    said = []
    for start in range(0, len(after) - 60, 60):
        window = after[start : start + 60]
        ps = [ks_2samp(window[:, index], before[:, index], method="asymp").pvalue for index in range(len(FIGURES))]
        said.append(bool(min(ps) < 0.05 / len(FIGURES)))
    return {"windows": len(said), "said": sum(said)}


def commissioned(camera: Camera, settings: DriftSettings, start_s: float) -> tuple[StreamDrift, list[DriftSample]]:
    """A stream that has seen its first week."""
    stream = StreamDrift(settings, lambda model, _: model == DETECTOR)
    samples = camera.samples(start_s, start_s + WEEK)
    advance(stream, samples, float("inf"), settings.fdr)
    return stream, samples


def one_camera(setup: Setup, number: int) -> dict[str, Any]:
    """One camera: its first week, quiet weeks, and its share of the injected changes."""
    ways = (*DEGRADED, *(("none@worse",) if setup.worse else ()))
    world = fit(setup.kept, setup.half, ways, setup.clumps)
    camera = list(cameras(world, number + 1, setup.seed))[number]
    settings = DriftSettings()
    start_s = FIRST_DAY * DAY
    stream, first = commissioned(camera, settings, start_s)
    injected = [
        one
        for way in (*DEGRADED, "mix", *(("worse",) if setup.worse else ()))
        for one in injections(setup, camera, stream, way, start_s + WEEK)
    ]
    in_time = Counter(one.way for one in injected if one.in_time)
    print(f"camera {number}: found in time, of {setup.runs} each: {dict(in_time)}", file=sys.stderr, flush=True)  # noqa: T201
    quiet: list[dict[str, Any]] = []
    compared = None
    for week in range(setup.weeks_each):
        from_s = start_s + (1 + week) * WEEK
        samples = camera.samples(from_s, from_s + WEEK)
        if week == 0:
            compared = plain(first, samples, np.random.default_rng(number))
        alarms = advance(stream, samples, from_s, settings.fdr)
        raised = [(at_s, why, keys) for at_s, alarm, why, keys in alarms if alarm is not None]
        quiet.append({"alarms": [[at_s - from_s, why.cause, why.kinds, keys] for at_s, why, keys in raised]})
        print(f"camera {number}, week {week}: {quiet[-1]}", file=sys.stderr, flush=True)  # noqa: T201
    return {"quiet": quiet, "plain": compared, "injected": [asdict(one) for one in injected]}


def injections(setup: Setup, camera: Camera, stream: StreamDrift, way: str, from_s: float) -> list[Detected]:
    """Changes of one kind, each on a day of its own between 9 and 19 o'clock."""
    rng = np.random.default_rng([setup.seed, 77, sum(way.encode())])
    return [
        inject(camera, copy.deepcopy(stream), way, from_s + run * DAY + rng.uniform(9, 19) * 3600)
        for run in range(setup.runs)
    ]


def inject(camera: Camera, stream: StreamDrift, way: str, at_s: float) -> Detected:
    """A quiet hour and a half, then the change, for as long as it may take; a worse model may take 3 hours."""
    change = Change(at_s, way)
    if way == "mix":
        change = Change(at_s, without=0.5)
    elif way == "worse":
        change = Change(at_s, tracks_way="none@worse")
    limit_s = 3 * 3600.0 if way == "worse" else 1800.0
    samples = camera.samples(at_s - LEAD_S, at_s + limit_s, change)
    tracks_at = np.array([one.at_s for one in samples if one.model == DETECTOR and one.labels])
    tracks_at = tracks_at[tracks_at >= at_s]
    hundredth = tracks_at[WITHIN_TRACKS - 1] - at_s if len(tracks_at) >= WITHIN_TRACKS else limit_s
    alarms = [found for found in advance(stream, samples, at_s - 600, DriftSettings().fdr) if found[1] is not None]
    after = [found for found in alarms if found[0] >= at_s]
    if not after:
        return Detected(way, None, len(tracks_at), False, None, ())
    when_s, alarm, why, _ = after[0]
    seen = int(np.searchsorted(tracks_at, when_s))
    in_time = bool(when_s - at_s <= max(WITHIN_S, hundredth))
    return Detected(way, when_s - at_s, seen, in_time, alarm.cause, why.kinds)


def table(found: list[dict[str, Any]], setup: Setup) -> str:
    """The results as Markdown."""
    weeks = [week for one in found for week in one["quiet"]]
    alarms = [alarm for week in weeks for alarm in week["alarms"]]
    causes = Counter(f"{alarm[1]}: {', '.join(alarm[2])}" for alarm in alarms)
    baseline = [one["plain"] for one in found if one["plain"]]
    lines = [
        f"Half `{setup.half}`, {len(found)} cameras, {len(weeks)} camera-weeks without change at default settings.",
        "",
        "| | alarms a camera-week | most in one | share of windows |",
        "|---|---|---|---|",
    ]
    if weeks:
        most = max(len(week["alarms"]) for week in weeks)
        lines.append(f"| Livesight | {len(alarms) / len(weeks):.3g} ({len(alarms)} in all) | {most} | |")
    if baseline:
        said = sum(one["said"] for one in baseline) / sum(one["windows"] for one in baseline)
        rate = np.mean([one["said"] for one in baseline])
        worst = max(one["said"] for one in baseline)
        lines.append(f"| plain KS on sampled pictures, every 10 minutes | {rate:.3g} | {worst} | {said:.0%} |")
    if alarms:
        lines += ["", "False alarms by cause: " + "; ".join(f"{text} ({n})" for text, n in causes.most_common()) + "."]
    lines += [
        "",
        "| change | runs | found in time | median | slowest tenth | cause right | exactly right |",
        "|---|---|---|---|---|---|---|",
    ]
    by_way: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        for run in one["injected"]:
            by_way.setdefault(run["way"], []).append(run)
    lines += [_row(way, runs) for way, runs in by_way.items()]
    return "\n".join(lines) + "\n"


def _row(way: str, runs: list[dict[str, Any]]) -> str:
    later = [run["after_s"] for run in runs if run["after_s"] is not None]
    in_time = [run for run in runs if run["in_time"]]
    right = [run for run in in_time if run["cause"] == CAUSES.get(way, "picture")]
    exactly = [run for run in right if KINDS.get(way) in run["kinds"][:1]]
    middle = f"{np.median(later) / 60:.1f} min" if later else "–"
    slow = f"{np.quantile(later, 0.9) / 60:.1f} min" if later else "–"
    share = f"{len(right) / len(in_time):.1%}" if in_time else "–"
    exact = f"{len(exactly) / len(in_time):.1%}" if in_time and way in KINDS else "–"
    return f"| {way} | {len(runs)} | {len(in_time) / len(runs):.1%} | {middle} | {slow} | {share} | {exact} |"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_dir())
    parser.add_argument(
        "--kept", type=Path, default=Path("artifacts/bench/drift-clips"), help="detections of the clips"
    )
    parser.add_argument("--half", choices=("fit", "test"), default="test")
    parser.add_argument("--cameras", type=int, default=14)
    parser.add_argument("--weeks", type=int, default=4, help="quiet weeks a camera, beyond its first")
    parser.add_argument("--runs", type=int, default=15, help="injections of each kind a camera")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--clumps", choices=("usual", "clumped"), default="usual", help="see drift_world.py")
    parser.add_argument("--out", type=Path, default=Path("artifacts/bench"))
    arguments = parser.parse_args()
    extract(arguments.data, arguments.kept, ("none", *DEGRADED))
    plain_ones = arguments.kept.glob("*.none.jsonl")
    worse = all((path.parent / path.name.replace(".none.", ".none@worse.")).exists() for path in plain_ones)
    setup = Setup(
        arguments.kept, arguments.half, arguments.seed, arguments.weeks, arguments.runs, worse, arguments.clumps
    )
    began_s = time.monotonic()
    name = f"drift-{setup.half}" + ("" if setup.clumps == "usual" else f"-{setup.clumps}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    text = ""
    with ProcessPoolExecutor(arguments.processes) as pool:
        jobs = [pool.submit(one_camera, setup, number) for number in range(arguments.cameras)]
        for job in as_completed(jobs):  # what is done is kept: the whole takes long
            found.append(job.result())
            text = table(found, setup)
            report = {"machine": describe(), "seconds": round(time.monotonic() - began_s), "found": found}
            report["settings"] = DriftSettings().model_dump()
            (arguments.out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
            (arguments.out / f"{name}.md").write_text(text)
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
