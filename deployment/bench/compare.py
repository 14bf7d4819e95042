"""Livesight beside other ways to watch the same cameras with the same weights. README.md says how to read it.

    python deployment/bench/compare.py --weights best.pt --ultralytics .venv-u/bin/python --roboflow .venv-r/bin/python

Every variant runs alone, in turn, over and over (ABC ABC), on RTSP cameras of this machine. Counted are fresh results:
of a picture not seen before, at most half a second after the camera sent it. In the last round one camera is killed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clip
from cameras import Cameras
from freshness import Result, parse, summary, window
from machine import UsageMeter, describe
from table import markdown

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OFFLINE = ("YOLO_OFFLINE", "TELEMETRY_OPT_OUT", "DISABLE_VERSION_CHECK")  # nobody calls home while measured
KILL_SEEN_S = 12.0
KILL_RATE_S = 5.0


@dataclass(frozen=True)
class Variant:
    """One way to run. `group`: ours, defaults (nothing or 640 chosen for the peer), shape (given our input)."""

    name: str
    title: str
    group: str
    script: str
    model: str
    shape_wh: tuple[int, int] | None = None


def variants(model: str, shape_wh: tuple[int, int]) -> list[Variant]:
    """All that are compared, in the order of a round."""
    at = f"{shape_wh[0]}×{shape_wh[1]}"
    ultralytics, roboflow, suffix = "run_ultralytics.py", "run_roboflow.py", "_openvino_model"
    export = "Ultralytics, its OpenVINO export"
    return [
        Variant("livesight", f"Livesight, {at}", "ours", "run_livesight.py", model),
        Variant("u-640", f"{export}, 640×640", "defaults", ultralytics, "openvino-640" + suffix),
        Variant("u-own", f"{export}, no size given", "defaults", ultralytics, "openvino-own" + suffix),
        Variant("u-pt", "Ultralytics, .pt, no size given", "defaults", ultralytics, "model.pt"),
        Variant("r-640", "Roboflow InferencePipeline, 640×640", "defaults", roboflow, "model.onnx"),
        Variant("u-shape", f"{export}, {at}", "shape", ultralytics, "openvino-shape" + suffix, shape_wh),
        Variant("r-shape", f"Roboflow InferencePipeline, {at}", "shape", roboflow, "model.onnx", shape_wh),
    ]


@dataclass
class Stage:
    """The cameras, and what every run needs. The last camera has a server of its own, to be killed."""

    options: argparse.Namespace
    folder: Path
    servers: list[Cameras] = field(default_factory=list)
    pictures: int = 0

    @property
    def urls(self) -> list[str]:
        """All cameras."""
        return [url for server in self.servers for url in server.urls]

    def clock_s(self, camera: int, at_s: float) -> float | None:
        """When picture 0 of a camera was due, for the client that played it at a time."""
        server = self.servers[-1 if camera == len(self.urls) - 1 else 0]
        known = [clock for clock in server.clock_s(f"cam{camera}") if clock <= at_s]
        return known[-1] if known else None

    def results(self, record: Path) -> list[Result]:
        """What a runner has said so far."""
        return parse(record.read_text() if record.exists() else "", self.clock_s, self.pictures, clip.FPS)


@contextmanager
def running(stage: Stage, variant: Variant, record: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The variant's process, from start to end."""
    options = stage.options
    python = {"run_ultralytics.py": options.ultralytics, "run_roboflow.py": options.roboflow}.get(
        variant.script, sys.executable
    )
    model = variant.model if variant.group == "ours" else str(options.exports / variant.model)
    spec = {"urls": stage.urls, "model": model, "records": str(record), "shape_wh": variant.shape_wh}
    spec_file = record.with_suffix(".json")
    spec_file.write_text(json.dumps(spec))
    environment = {**os.environ, **dict.fromkeys(OFFLINE, "True"), "PYTHONUNBUFFERED": "1"}
    with record.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [python, str(HERE / variant.script), str(spec_file)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_live(stage: Stage, process: subprocess.Popen[bytes], record: Path) -> float:
    """Seconds until every camera had a result. Raises RuntimeError when the runner ends or takes too long."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < stage.options.start_timeout:
        time.sleep(0.25)
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode}; see {record.with_suffix('.log')}")
        if len({result.camera for result in stage.results(record)}) == len(stage.urls):
            return time.monotonic() - began_s
    raise RuntimeError(f"not all cameras had a result within {stage.options.start_timeout} s")


def kill_check(stage: Stage, process: subprocess.Popen[bytes], record: Path) -> dict[str, Any]:
    """Kill the last camera: do the others go on?"""
    killed_s = time.monotonic()
    stage.servers[-1].kill()
    time.sleep(KILL_SEEN_S)
    now_s = time.monotonic()
    others = [result for result in stage.results(record) if result.camera != len(stage.urls) - 1]
    before = window(others, killed_s - KILL_RATE_S, killed_s)
    after = window(others, now_s - KILL_RATE_S, now_s)
    return {
        "others_before_per_s": round(len(before) / KILL_RATE_S, 1),
        "others_after_per_s": round(len(after) / KILL_RATE_S, 1),
        "others_stopped": len(stage.urls) - 1 - len({result.camera for result in after}),
        "alive": process.poll() is None,
    }


def measure(stage: Stage, variant: Variant, number: int, kill: bool) -> dict[str, Any]:
    """One run of one variant."""
    for server in stage.servers:
        server.forget_clocks()
    record = stage.folder / f"{variant.name}-{number}.txt"
    record.unlink(missing_ok=True)
    run: dict[str, Any] = {"variant": variant.name, "round": number}
    try:
        with running(stage, variant, record) as process:
            run["live_after_s"] = round(wait_live(stage, process, record), 1)
            time.sleep(stage.options.warmup)
            meter, begin_s = UsageMeter(process.pid), time.monotonic()
            time.sleep(stage.options.seconds)
            end_s, usage = time.monotonic(), meter.read()
            seen = window(stage.results(record), begin_s, end_s)
            run |= summary(seen, len(stage.urls), end_s - begin_s) | {"usage": usage.as_dict()}
            if kill:
                run["kill"] = kill_check(stage, process, record)
    except RuntimeError as error:
        run |= {"error": str(error), "fresh_per_s": 0.0}
    if kill:
        stage.servers[-1].start()
    sys.stderr.write(json.dumps(run) + "\n")
    return run


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="the weights that the model was made from (.pt)")
    parser.add_argument("--ultralytics", help="python of the environment of requirements-ultralytics.txt")
    parser.add_argument("--roboflow", help="python of the environment of requirements-roboflow.txt")
    parser.add_argument("--model", default="mask", help="Livesight's model")
    parser.add_argument("--shape", default="448x256", help="the input that Livesight picks for these cameras")
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=15.0, help="measured, a run")
    parser.add_argument("--warmup", type=float, default=6.0, help="after every camera had a result")
    parser.add_argument("--start-timeout", type=float, default=90.0)
    parser.add_argument("--only", nargs="*", help="names of the variants to run")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--exports", type=Path, default=ROOT / "artifacts" / "bench" / "exports")
    parser.add_argument("--output", type=Path, default=ROOT / "artifacts" / "bench" / "compare.json")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[Variant]:
    """The variants whose environment is given, `--only` those asked for."""
    width, height = (int(side) for side in options.shape.split("x"))
    missing = {"run_ultralytics.py"} if not options.ultralytics else set()
    missing |= {"run_roboflow.py"} if not options.roboflow else set()
    every = [variant for variant in variants(options.model, (width, height)) if variant.script not in missing]
    return [variant for variant in every if not options.only or variant.name in options.only]


def main() -> None:
    """Run the rounds, write the report as JSON and its table as Markdown."""
    options = arguments()
    todo = chosen(options)
    if options.ultralytics and any(variant.group != "ours" for variant in todo):
        command = [options.ultralytics, HERE / "exports.py", options.weights, options.exports, options.shape]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    path = clip.standing_clip()
    report: dict[str, Any] = {"began": datetime.datetime.now(datetime.UTC).isoformat(), "machine": describe()}
    report["asked"] = {key: str(value) for key, value in vars(options).items()}
    folder = options.output.with_suffix("")
    folder.mkdir(exist_ok=True)
    with (
        Cameras(options.cameras - 1, path=path) as most,
        Cameras(1, first=options.cameras - 1, path=path) as last,
    ):
        stage = Stage(options, folder, [most, last], clip.count(path))
        report["runs"] = [
            measure(stage, variant, number, kill=number == options.rounds and not options.no_kill)
            for number in range(1, options.rounds + 1)
            for variant in todo
        ]
    report["table"] = markdown(report["runs"], [(variant.name, variant.title, variant.group) for variant in todo])
    options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    options.output.with_suffix(".md").write_text(report["table"])
    sys.stdout.write(report["table"])


if __name__ == "__main__":
    main()
