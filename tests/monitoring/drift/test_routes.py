"""Drift over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from monitoring.core.errors import MonitoringError
from monitoring.drift.drift import Drift, card_lookup
from monitoring.drift.routes import drift_routes
from monitoring.drift.settings import DriftSettings
from tests.monitoring.drift.made import START_S, box, figures, result
from tests.monitoring.happened import happened
from tests.monitoring.who import admit


async def test_reports_of_streams_and_commissioning(tmp_path: Path) -> None:
    removed: set[str] = set()
    drift = Drift(DriftSettings(), card_lookup(tmp_path), removed.__contains__)
    for stream_id in ("door", "yard"):
        drift.restore(stream_id, None)
        for number in range(130):
            at_s = START_S + number
            drift.take_result(result(at_s, [box(number // 10)], figures(at_s), stream_id=stream_id), [])
    app = admit(FastAPI())
    app.include_router(drift_routes(drift, DriftSettings().commission_s))

    @app.exception_handler(MonitoringError)
    async def problem(request: Request, error: MonitoringError) -> JSONResponse:
        assert error.problem is not None
        return JSONResponse({"detail": str(error)}, error.problem[1])

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = (await http.get("/v1/drift")).json()
        assert answer["drifted"] is False
        assert [(one["stream_id"], one["model"]) for one in answer["reports"]] == [
            ("door", "mask"),
            ("door", "mask-classifier"),
            ("yard", "mask"),
            ("yard", "mask-classifier"),
        ]
        assert answer == (await http.get("/drift")).json()
        assert len((await http.get("/v1/drift", params={"stream": "yard"})).json()["reports"]) == 2
        assert len((await http.get("/v1/drift", params={"model": "mask"})).json()["reports"]) == 2
        one = (await http.get("/v1/drift/door")).json()
        assert {report["state"] for report in one["reports"]} == {"commissioning"}
        assert one["reports"][0]["schema"] == "livesight.drift/1"
        assert (await http.get("/v1/drift/nobody")).status_code == 404
        assert (await http.post("/v1/drift/nobody/commission")).status_code == 404
        accepted = await http.post("/v1/drift/door/commission")
        assert accepted.status_code == 202
        assert accepted.json() == {"stream_id": "door", "commission_s": 604800.0}

        drift.take_event(happened(131, "stream_down", "door", session="s1", reason="removed"), [])
        late = result(START_S + 131, [box(1)], figures(START_S + 131), stream_id="door")
        drift.take_result(late, [])  # read after the event
        assert {one["stream_id"] for one in (await http.get("/v1/drift")).json()["reports"]} == {"yard"}
        assert (await http.get("/v1/drift/door")).status_code == 404
        assert (await http.post("/v1/drift/door/commission")).status_code == 404
        assert drift.dump("door")["series"] == [], "another camera of that name begins anew"
        drift.take_result(result(START_S + 200, [box(1)], figures(START_S + 200), session="s2", stream_id="door"), [])
        assert (await http.get("/v1/drift/door")).status_code == 200
        removed.add("yard")  # while no node ran it
        drift.tick(round((START_S + 201) * 1e9), [])
        assert {one["stream_id"] for one in (await http.get("/v1/drift")).json()["reports"]} == {"door"}
