"""Training runs of an MLflow server, over its REST API. Any thread; blocks for at most `TIMEOUT_S` per request.

Serving does not install MLflow; the API is described at https://mlflow.org/docs/latest/rest-api.html.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import httpx

from monitoring.report.report_data import TrainingRun, TrainingRuns
from stream.url_redaction import redact, without_credentials

TIMEOUT_S = 5.0
_MAX_EXPERIMENTS = 100
_NAME_TAG = "mlflow.runName"


def newest_runs(url: str | None, limit: int = 20) -> TrainingRuns:
    """The newest runs of all experiments. Never raises: `why` has the error."""
    if url is None:
        return TrainingRuns(why="No MLflow server is set (monitoring.mlflow_url).")
    base = url.rstrip("/")
    try:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client:
            search = f"{base}/api/2.0/mlflow/experiments/search"
            found = _post(client, search, {"max_results": _MAX_EXPERIMENTS}).get("experiments", ())
            experiments = {one["experiment_id"]: one["name"] for one in found}
            if not experiments:
                return TrainingRuns(why="The MLflow server has no experiments.")
            query = {
                "experiment_ids": list(experiments),
                "max_results": limit,
                "order_by": ["attributes.start_time DESC"],
            }
            found = _post(client, f"{base}/api/2.0/mlflow/runs/search", query).get("runs", ())
            runs = [_run(one, experiments, base) for one in found]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        return TrainingRuns(why=f"{redact(base)} does not answer as an MLflow server: {_reason(error)}")
    return TrainingRuns(runs, None if runs else "The MLflow server has no runs.")


def _post(client: httpx.Client, url: str, query: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = client.post(url, json=query).raise_for_status().json()
    return answer


def _run(found: dict[str, Any], experiments: Mapping[str, str], base: str) -> TrainingRun:
    info, data = found["info"], found.get("data", {})
    tags = {tag["key"]: tag["value"] for tag in data.get("tags", ())}
    experiment = info["experiment_id"]
    return TrainingRun(
        name=info.get("run_name") or tags.get(_NAME_TAG) or info["run_id"],
        experiment=experiments.get(experiment, experiment),
        status=info.get("status", "UNKNOWN"),
        started_ms=int(info["start_time"]) if info.get("start_time") else None,
        metrics={one["key"]: value for one in data.get("metrics", ()) if math.isfinite(value := float(one["value"]))},
        url=without_credentials(f"{base}/#/experiments/{experiment}/runs/{info['run_id']}"),
    )


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP status {error.response.status_code}"
    return redact(str(error)) or type(error).__name__
