"""`livesight doctor`: what works on this machine, and why the rest does not. Blocks for seconds."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import av
import av.codec
from pydantic import BaseModel, ConfigDict

from stream.config import DEFAULT_MODELS
from workers import descriptors
from workers.errors import WorkerError
from workers.kafka.settings import KafkaSettings
from workers.model_card import CARD_FILE, ModelStore, load_card
from workers.settings import WorkerSettings
from workers.state_directory import open_to_others, why_open, why_refused

PACKAGES = ("livesight", "openvino", "av", "opencv-python", "aiortc", "fastapi", "uvicorn", "kafka-python", "crc32c")
DECODERS = ("h264", "hevc", "vp8", "vp9", "av1", "mjpeg")
NEEDED_DECODERS = ("h264", "vp8", "mjpeg")
_FEW_DESCRIPTORS = 4096
Verdict = Literal["ok", "absent", "wrong"]

# In a process of its own: importing torch takes seconds and hundreds of megabytes
_LIST_TORCH_DEVICES = """
import json, torch
devices = ["cpu"] + [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
print(json.dumps({"version": torch.__version__, "devices": devices}))
"""


class CheckResult(BaseModel):
    """One check. `absent`: not there, and not needed."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    subject: str
    verdict: Verdict
    detail: str


def examine(
    workers: WorkerSettings,
    kafka: KafkaSettings | None,
    store: ModelStore,
    state_dir: Path,
    default_model: str = DEFAULT_MODELS[0],
) -> list[CheckResult]:
    """Run all checks. Never raises: what fails is a finding."""
    checks: list[tuple[str, Callable[[], Iterator[CheckResult]]]] = [
        ("versions", _versions),
        ("machine", _machine),
        ("descriptors", _descriptors),
        ("OpenVINO", lambda: _openvino(workers)),
        ("PyTorch", lambda: _torch(workers)),
        ("decoders", _decoders),
        ("models", lambda: _models(store, default_model, workers.identity.model)),
        ("inference", lambda: _inference(store, workers, default_model)),
        ("cameras", _cameras),
        ("Kafka", lambda: _kafka(kafka)),
        ("state_dir", lambda: _state(state_dir)),
    ]
    findings: list[CheckResult] = []
    for subject, check in checks:
        try:
            findings.extend(check())
        except Exception as error:  # noqa: BLE001 - a failure is a finding
            findings.append(CheckResult(subject=subject, verdict="wrong", detail=f"{type(error).__name__}: {error}"))
    return findings


def _versions() -> Iterator[CheckResult]:
    found = [f"Python {platform.python_version()}"]
    missing: list[str] = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            (found if name == "livesight" else missing).append(f"{name} (not installed)")
    yield CheckResult(subject="versions", verdict="ok", detail=", ".join(found))
    if missing:
        yield CheckResult(subject="versions", verdict="wrong", detail=", ".join(missing))


def _machine() -> Iterator[CheckResult]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield CheckResult(subject="machine", verdict="ok", detail=f"{platform.platform()}, {cores} cores for this process")


def _descriptors() -> Iterator[CheckResult]:
    most = descriptors.hard_limit()
    detail = f"a service may open {most} files: cameras, connections and files share them"
    if most <= _FEW_DESCRIPTORS:
        detail += f"; raise the hard limit (ulimit -Hn) for more than some {most - 256} connections"
    yield CheckResult(subject="descriptors", verdict="ok" if most >= 512 else "wrong", detail=detail)


def _openvino(settings: WorkerSettings) -> Iterator[CheckResult]:
    import openvino as ov

    core = ov.Core()
    device = settings.device or "CPU"
    for found in core.available_devices:
        name = core.get_property(found, "FULL_DEVICE_NAME")
        able = core.get_property(found, "OPTIMIZATION_CAPABILITIES")
        fast = [kind for kind in ("BF16", "FP16", "INT8") if kind in able]
        yield CheckResult(subject=f"OpenVINO {found}", verdict="ok", detail=f"{name}; {', '.join(fast) or 'FP32 only'}")
    if settings.backend != "torch" and device.split(".")[0] not in {d.split(".")[0] for d in core.available_devices}:
        detail = f"workers.device is {device}, but OpenVINO has no such device; is its driver installed?"
        yield CheckResult(subject=f"OpenVINO {device}", verdict="wrong", detail=detail)


def _torch(settings: WorkerSettings) -> Iterator[CheckResult]:
    lacking: Verdict = "wrong" if settings.backend == "torch" else "absent"
    missing = [name for name in ("torch", "ultralytics") if importlib.util.find_spec(name) is None]
    if missing:
        detail = f"not installed: {', '.join(missing)}; for GPUs and training: pip install 'livesight[train]'"
        yield CheckResult(subject="PyTorch", verdict=lacking, detail=detail)
        return
    asked = subprocess.run(
        [sys.executable, "-c", _LIST_TORCH_DEVICES], capture_output=True, text=True, timeout=120, check=False
    )
    if asked.returncode:
        last = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        yield CheckResult(subject="PyTorch", verdict="wrong", detail=last)
        return
    answer = json.loads(asked.stdout)
    yield CheckResult(subject="PyTorch", verdict="ok", detail=f"{answer['version']}; {', '.join(answer['devices'])}")
    if len(answer["devices"]) == 1:
        yield CheckResult(subject="CUDA", verdict="absent", detail="PyTorch finds no GPU")


def _decoders() -> Iterator[CheckResult]:
    missing = []
    for name in DECODERS:
        try:
            av.codec.Codec(name, "r")
        except ValueError:
            missing.append(name)
    there = ", ".join(name for name in DECODERS if name not in missing)
    verdict: Verdict = "wrong" if set(missing) & set(NEEDED_DECODERS) else "ok"
    lacking = f"; missing: {', '.join(missing)}" if missing else ""
    yield CheckResult(subject="decoders", verdict=verdict, detail=f"{there}{lacking} (PyAV {av.__version__})")


def _models(store: ModelStore, default_model: str, faces: str) -> Iterator[CheckResult]:
    found = [path for root in store.roots for path in sorted(root.glob(f"*/*/{CARD_FILE}"))]
    cards = [path for path in found if path.parent.name.isdigit()]  # not `current`, which names one of them
    for path in cards:
        name = f"model {path.parent.parent.name} {path.parent.name}"
        try:
            card = load_card(path.parent)
            used = ", in service" if store.folder(card.name).resolve() == path.parent.resolve() else ""
            detail = f"{card.task}, {len(card.files)} files match the card{used}; {path.parent}"
            yield CheckResult(subject=name, verdict="ok", detail=detail)
        except WorkerError as error:
            yield CheckResult(subject=name, verdict="wrong", detail=str(error))
    there = {path.parent.parent.name for path in cards}
    if default_model not in there:
        looked = ", ".join(str(root) for root in store.roots)
        yield CheckResult(subject=f"model {default_model}", verdict="wrong", detail=f"not found; looked in {looked}")
    if faces not in there:
        detail = "not made; to tell who is seen, run: livesight people model"
        yield CheckResult(subject=f"model {faces}", verdict="absent", detail=detail)


def _inference(store: ModelStore, settings: WorkerSettings, default_model: str) -> Iterator[CheckResult]:
    from workers.engines.load import load_engine

    started_s = time.perf_counter()
    engine = load_engine(store, default_model, settings)
    try:
        loaded_s = time.perf_counter() - started_s
        with engine.request(engine.card.shapes_wh[0]) as request:
            request.run(1)
            started_s = time.perf_counter()
            request.run(1)
            took_ms = (time.perf_counter() - started_s) * 1000
    finally:
        engine.close()
    width, height = engine.card.shapes_wh[0]
    detail = f"{default_model} on {engine.backend}: loaded in {loaded_s:.1f} s, {took_ms:.1f} ms at {width}×{height}"
    yield CheckResult(subject="inference", verdict="ok", detail=detail)


def _cameras() -> Iterator[CheckResult]:
    cameras = sorted(Path("/dev").glob("video*"))
    if not cameras:
        yield CheckResult(subject="cameras", verdict="absent", detail="no /dev/video*")
    for camera in cameras:
        readable = os.access(camera, os.R_OK | os.W_OK)
        detail = f"device:{camera.name.removeprefix('video')}"
        denied = f"{detail}: permission denied; add the user to the group video"
        yield CheckResult(
            subject=str(camera), verdict="ok" if readable else "wrong", detail=detail if readable else denied
        )


def _kafka(settings: KafkaSettings | None) -> Iterator[CheckResult]:
    if settings is None:
        yield CheckResult(
            subject="Kafka",
            verdict="absent",
            detail="not configured (kafka.bootstrap_servers); results stay in this process",
        )
        return
    from workers.kafka.client import choose_compression, open_producer

    servers = ", ".join(settings.bootstrap_servers)
    try:
        producer = open_producer(settings)
    except WorkerError as error:
        yield CheckResult(subject="Kafka", verdict="wrong", detail=f"{servers}: {error}")
        return
    producer.abandon(2.0)
    compression = choose_compression(settings.compression)
    yield CheckResult(subject="Kafka", verdict="ok", detail=f"{servers} answers; compression {compression}")


def _state(path: Path) -> Iterator[CheckResult]:
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    if not writable:
        yield CheckResult(subject="state_dir", verdict="wrong", detail=f"{path}: {existing} is not writable")
    elif existing == path and (reason := why_refused(path)) is not None:
        yield CheckResult(subject="state_dir", verdict="wrong", detail=f"{path}: {reason}")
    elif existing == path and open_to_others(path.resolve()):
        yield CheckResult(subject="state_dir", verdict="wrong", detail=f"{path}: {why_open(path)}")
    else:
        yield CheckResult(subject="state_dir", verdict="ok", detail=str(path))
