"""MLflow: parameters, metrics of each epoch, plots and checkpoints of a training run. Runs on the training's thread.

Tracked into local files (`mlflow.db` and `mlartifacts/` in the given folder), or to the server that
MLFLOW_TRACKING_URI names. A run that is resumed goes on as the same MLflow run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from training.errors import RunError

RUN_FILE = "mlflow_run_id"
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """folder: of the run, where its MLflow id is stored; store: the folder of local tracking files."""

    folder: Path
    store: Path
    experiment: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)


class MlflowRun:
    """One MLflow run in progress."""

    def __init__(self, client: Any, run_id: str) -> None:
        self.id = run_id
        self._client = client

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters; those recorded before keep their value."""
        known = set(self._client.get_run(self.id).data.params)
        for key, value in values.items():
            if key not in known:
                self._client.log_param(self.id, key, str(value)[:500])

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Record the metrics of one epoch (counted from 1)."""
        for key, value in values.items():
            self._client.log_metric(self.id, _name(key), float(value), step=step)

    def files(self, *paths: Path, folder: str | None = None) -> None:
        """Keep files with the run."""
        for path in paths:
            if path.is_file():
                self._client.log_artifact(self.id, str(path), folder)


@contextmanager
def tracked(settings: TrackSettings, resume: bool = False) -> Iterator[MlflowRun]:
    """A run that ends as finished, as failed when an exception leaves, as killed when the user or a signal ends it.

    On the main thread SIGTERM and SIGHUP become a SystemExit meanwhile, unless something else handles or ignores them.
    Raises RunError when the tracking store cannot be used.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow
    from mlflow.exceptions import MlflowException

    settings.folder.mkdir(parents=True, exist_ok=True)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or _local(settings.store)
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        run_id = _run_id(client, settings, uri, resume)
    except (MlflowException, OSError) as error:
        raise RunError(f"MLflow at {uri}: {error}") from error
    status = "FAILED"
    with _signals_leave():
        try:
            yield MlflowRun(client, run_id)
            status = "FINISHED"
        except (KeyboardInterrupt, SystemExit):
            status = "KILLED"
            raise
        finally:
            client.set_terminated(run_id, status)


@contextmanager
def _signals_leave() -> Iterator[None]:
    """A signal that ends the process unwinds it instead, once: the next one ends it at once, as when nobody answers."""
    owner = os.getpid()

    def leave(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != owner:  # a data loader's process, which has the handler by its fork
            os.kill(os.getpid(), number)
        raise SystemExit(128 + number)

    on_main = threading.current_thread() is threading.main_thread()
    taken = [number for number in _ENDING if on_main and signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _local(store: Path) -> str:
    store.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{store.resolve() / 'mlflow.db'}"


def _run_id(client: Any, settings: TrackSettings, uri: str, resume: bool) -> str:
    kept = settings.folder / RUN_FILE
    if resume and kept.is_file():
        run_id = kept.read_text().strip()
        client.update_run(run_id, status="RUNNING")
        return run_id
    experiment = client.get_experiment_by_name(settings.experiment)
    if experiment is None:
        place = (settings.store.resolve() / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
        experiment_id = client.create_experiment(settings.experiment, artifact_location=place)
    else:
        experiment_id = experiment.experiment_id
    tags = {"mlflow.runName": settings.name, **settings.tags}
    run_id = str(client.create_run(experiment_id, tags=tags).info.run_id)
    kept.write_text(run_id + "\n")
    return run_id


def git_commit(folder: Path | None = None) -> str:
    """The commit of the working copy, with a `+` when it was changed since; "unknown" outside of one."""
    where = folder or Path(__file__).resolve().parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=where, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=where,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+" if dirty else "")


def _name(key: str) -> str:
    """MLflow refuses parentheses in names."""
    return key.replace("(", "").replace(")", "")
