"""The written report: its content, on SQLite and PostgreSQL; the command; runs of a real MLflow."""

from __future__ import annotations

import base64
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitoring.alerts.alert_writer import write_alerts
from monitoring.alerts.tables import deliveries
from monitoring.alerts.targets.settings import WebhookSettings
from monitoring.captions.stored_captions import SceneCaption, add_captions
from monitoring.core.errors import BadQuery
from monitoring.migrations import MONITORING
from monitoring.report.drift_history import EVERY_NS, DriftHistory, drift_history
from monitoring.report.mlflow import newest_runs
from monitoring.report.page import render_report
from monitoring.report.period import Period, period_of
from monitoring.report.read_report import read_report
from monitoring.report.report_data import ReportData, ReportSubject, TrainingRuns
from monitoring.rules.rule import Rule, SeenCondition
from monitoring.store.media import MediaFile, MediaStore
from monitoring.store.writes import add_events
from tests.monitoring.happened import BEGAN_NS, SESSION, happened
from tests.peers.livesight_process import ROOT
from tests.peers.ports import free_port
from workers.access.principal import ALL_STREAMS
from workers.bus.drift_report import DriftReport, FeatureReport
from workers.bus.event import Event
from workers.captions.caption import Caption, Phrase
from workers.database.database import Database
from workers.database.migrations import migrate

BEGAN = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
DAY = Period(BEGAN - timedelta(hours=1), BEGAN + timedelta(hours=23))
JPEG = b"\xff\xd8\xff\xe0 an image \xff\xd9"
NASTY = '<script>alert("1")</script>'


def a_report(at_ns: int, drifted: bool = False, state: str = "watching") -> DriftReport:
    feature = FeatureReport(
        feature="brightness",
        group="picture",
        reference="own",
        window="recent",
        samples=30,
        effective_samples=12.5,
        score=0.61,
        p_value=1e-7,
        psi=1.5,
        drifted=drifted,
        edges=(0.0, 0.5, 1.0),
        shares=(0.9, 0.1),
        reference_shares=(0.2, 0.8),
    )
    cause: dict[str, Any] = {"cause": "picture", "text": "It is darker than it was."} if drifted else {}
    return DriftReport(
        stream_id="door", model="mask", version=1, captured_at_ns=at_ns, state=state, commissioned_share=1,
        drifted=drifted, score=0.61, features=(feature,), **cause,
    )  # fmt: skip


class Document(HTMLParser):
    """What a report holds: its texts, its tags and all that it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.pieces: list[str] = []
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.pieces))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "srcset", "poster")]
        if tag == "link":
            self.fetched.append(tag)

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def store(database: Database, events: list[Event], rule: Rule | None = None) -> None:
    target = WebhookSettings(name="ops", url="http://127.0.0.1:9/hook")
    with database.write() as connection:
        write_alerts(connection, add_events(connection, events), lambda name: rule, [target])


def data_of(database: Database, folder: Path, period: Period = DAY, zone: str = "UTC") -> ReportData:
    subject = ReportSubject(period, zone, ALL_STREAMS, ALL_STREAMS)
    return read_report(database, MediaStore(folder), subject, TrainingRuns())


def a_day() -> list[Event]:
    """Two cameras; one is away for an hour of the day; four tracks, one of them with an alert."""
    tracks = [
        happened(number, kind, track_id=number, label=label, confidence=confidence)
        for number, label, confidence in ((1, "with_mask", 0.9), (2, "with_mask", 0.7), (3, "without_mask", 0.6))
        for kind in ("track_began", "track_ended")
    ]
    hours = 3600
    return [
        happened(0, "stream_up"),
        happened(0, "stream_up", "gate"),
        *tracks,
        happened(10, "alert", track_id=3, label="without_mask", rule="mask", severity="critical", text=NASTY),
        happened(2 * hours, "stream_down", "gate"),
        happened(3 * hours, "stream_up", "gate"),
        happened(40 * hours, "track_began", track_id=9),  # another day
    ]


def test_it_shows_what_is_stored(database: Database, tmp_path: Path) -> None:
    rule = Rule(name="mask", when=SeenCondition())
    store(database, a_day(), rule)
    media = MediaStore(tmp_path)
    crop = MediaFile("crop", "door", SESSION, 3_000_000, BEGAN_NS, "image/jpeg", track_id=3, quality=1.0)
    path = media.write(crop, JPEG)
    with database.write() as connection:
        media.add(connection, crop, path, len(JPEG))
    history = DriftHistory(lambda: [a_report(BEGAN_NS, drifted=True)])
    with database.write() as connection:
        history.write(connection, [])

    with database.write() as connection:
        for at_s, text in ((60, "A person is in view."), (120, "{person:01ADA} (person) is in view.")):
            caption = Caption(text=text, phrases=(Phrase(text=text),))
            add_captions(connection, [SceneCaption("door", SESSION, at_s * 10**6, BEGAN_NS + at_s * 10**9, caption)])

    data = data_of(database, tmp_path)
    assert [(one.text, one.captions) for one in data.scenes] == [("Somebody who is known (person) is in view.", 2)]
    assert data.kinds["track_began"] == 3
    assert data.by_label == {"with_mask": 2, "without_mask": 1}
    assert data.by_day["2026-09-21"]["alert"] == 1
    assert data.by_hour[14] == 3
    assert [(one.label, one.tracks, round(one.confidence, 6)) for one in data.confidence] == [
        ("with_mask", 2, 0.8),
        ("without_mask", 1, 0.6),
    ]
    assert data.outages["door"].share == 0
    assert (data.outages["gate"].times, data.outages["gate"].share) == (1, pytest.approx(1 / 23))
    assert [(one.stored, one.drifted) for one in data.drift] == [(1, 1)]
    store(database, [happened(50_000, "stream_down", reason="removed")])
    assert data_of(database, tmp_path).drift == [], "of a camera that is gone"
    assert [(alert.waiting, alert.image) for alert in data.alerts] == [(["ops"], JPEG)]

    document = Document(render_report(data))
    assert "script" not in document.tags and NASTY in document.text
    assert document.fetched == [f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"]
    for words in (
        "Critical alerts 1",
        "It is darker than it was.",
        "without mask",
        "95.65%",
        "ops (retrying)",
        "What it showed",
    ):
        assert words in document.text, words


def test_days_are_those_of_the_time_zone(database: Database, tmp_path: Path) -> None:
    store(database, a_day())
    data = data_of(database, tmp_path, zone="Pacific/Auckland")  # 12 hours ahead
    assert data.by_day["2026-09-22"]["track_began"] == 3
    assert data.by_hour[2] == 3


def test_a_camera_that_was_down_before_is_down_until_it_comes(database: Database, tmp_path: Path) -> None:
    store(database, [happened(0, "stream_up"), happened(60, "stream_down"), happened(600, "stream_up")])
    period = Period(BEGAN + timedelta(seconds=300), BEGAN + timedelta(seconds=900))
    outage = data_of(database, tmp_path, period).outages["door"]
    assert (outage.times, outage.share) == (0, pytest.approx(0.5))


@pytest.mark.parametrize("before_s", [0, 250])
def test_what_livesight_does_not_watch_is_neither_up_nor_down(
    database: Database, tmp_path: Path, before_s: int
) -> None:
    """Changed at 100 s and back at 200 s, then lost at 300 s, restarted meanwhile, and back at 400 s."""
    other = "another-session"
    happenings = [
        happened(0, "stream_up"),
        happened(100, "stream_down", reason="replaced"),
        happened(200, "stream_up", session=other),
        happened(201, "stream_down", reason="released"),  # of the session before, which ran on meanwhile
        happened(300, "stream_down", session=other, reason="no route"),
        happened(320, "stream_down", session=other, reason="shutdown"),
        happened(360, "stream_down", session="third", reason="no route"),
        happened(400, "stream_up", session="fourth"),
        happened(600, "stream_down", session="fourth", reason="removed"),
    ]
    store(database, happenings)
    period = Period(BEGAN + timedelta(seconds=before_s), BEGAN + timedelta(seconds=1000))
    outage = data_of(database, tmp_path, period).outages["door"]
    watched_s = 460 if before_s == 0 else 310
    assert (outage.times, outage.share) == (1, pytest.approx(60 / watched_s))


def test_undelivered_alerts_are_named(database: Database, tmp_path: Path) -> None:
    store(database, a_day())
    with database.write() as connection:
        connection.execute(deliveries.update().values(state="given_up"))
    text = Document(render_report(data_of(database, tmp_path))).text
    assert "ops (given up)" in text and "Undelivered alerts 1" in text


def test_an_empty_time_is_a_report_too(database: Database, tmp_path: Path) -> None:
    text = Document(render_report(data_of(database, tmp_path))).text
    assert "There are no events in this period." in text and "There were no alerts." in text


def test_drift_is_stored_each_hour_and_when_it_changes(database: Database) -> None:
    now: list[DriftReport] = []

    def keep(history: DriftHistory, *reports: DriftReport) -> int:
        now[:] = reports
        with database.write() as connection:
            history.write(connection, [])
        history.committed([])
        with database.read() as connection:
            return len(connection.execute(drift_history.select()).all())

    history = DriftHistory(lambda: now)
    minute = 60 * 10**9
    assert keep(history) == 0
    assert keep(history, a_report(BEGAN_NS)) == 1
    assert keep(history, a_report(BEGAN_NS + minute)) == 1
    assert keep(history, a_report(BEGAN_NS + 2 * minute, drifted=True)) == 2
    assert keep(history, a_report(BEGAN_NS + 3 * minute, drifted=True)) == 2
    assert keep(history, a_report(BEGAN_NS + 2 * minute + EVERY_NS, drifted=True)) == 3
    again = DriftHistory(lambda: now)  # after a restart
    assert keep(again, a_report(BEGAN_NS + 3 * minute + EVERY_NS, drifted=True)) == 3
    assert keep(again, a_report(BEGAN_NS + 4 * minute + EVERY_NS)) == 4


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("7d", BEGAN - timedelta(days=7)),
        ("90m", BEGAN - timedelta(minutes=90)),
        ("2w", BEGAN - timedelta(days=14)),
        ("2026-09-01", datetime(2026, 9, 1, tzinfo=UTC)),
        ("2026-09-01T10:00:00+02:00", datetime(2026, 9, 1, 8, tzinfo=UTC)),
    ],
)
def test_periods(text: str, since: datetime) -> None:
    assert period_of(text, BEGAN) == Period(since, BEGAN)


@pytest.mark.parametrize(
    "text", ["", "7", "7y", "0d", "-1d", "99999w", "yesterday", "2026-13-01", "2030-01-01", "1900-01-01"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="since"):
        period_of(text, BEGAN)


def livesight(state_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("LIVESIGHT_")}
    environment = {**inherited, "LIVESIGHT_STATE_DIR": str(state_dir), **settings}
    command = [sys.executable, "-m", "livesight", "report", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_the_command_writes_a_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'livesight.db'}")
    migrate(database, MONITORING)
    now = time.time_ns()
    store(database, [happened(1, captured_at_ns=now - 10**9, track_id=1, label="with_mask")])
    database.close()
    done = livesight(tmp_path, "--since", "7d", "--output", str(tmp_path / "out.html"))
    assert done.returncode == 0, done.stderr
    assert "Came into view 1" in Document((tmp_path / "out.html").read_text()).text
    done = livesight(tmp_path, "--output", "-", "--tz", "Europe/Berlin")
    assert done.stdout.startswith("<!doctype html>") and "Europe/Berlin" in done.stdout


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    for arguments, words in (
        (("--since", "7x"), "since: '7x' is neither an age"),
        ((), "there is no database"),
    ):
        done = livesight(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert words in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server, which takes seconds to start."""
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("mlflow is not installed; the extra train has it")
    folder, url = tmp_path_factory.mktemp("mlflow"), f"http://127.0.0.1:{free_port()}"
    store_uri = f"sqlite:///{folder / 'mlflow.db'}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store_uri, "--workers", "1"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", url.rpartition(":")[2]],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            start_new_session=True,
        )
    try:
        deadline_s = time.monotonic() + 200
        while True:
            try:
                if httpx.get(f"{url}/health", timeout=2).text == "OK":  # and no other server that came to have the port
                    break
            except httpx.HTTPError:
                pass
            assert server.poll() is None and time.monotonic() < deadline_s, (folder / "log").read_text()[-2000:]
            time.sleep(0.2)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


@pytest.mark.timeout(300)
def test_runs_of_mlflow(mlflow_url: str) -> None:
    api = f"{mlflow_url}/api/2.0/mlflow"
    with httpx.Client(timeout=30) as client:
        made = client.post(f"{api}/experiments/create", json={"name": "detector"}).raise_for_status().json()
        request = {"experiment_id": made["experiment_id"], "start_time": 1_790_000_000_000, "run_name": "swift-fox"}
        run = client.post(f"{api}/runs/create", json=request).raise_for_status().json()["run"]["info"]["run_id"]
        metric = {"run_id": run, "key": "map50", "value": 0.847, "timestamp": 1_790_000_001_000, "step": 0}
        client.post(f"{api}/runs/log-metric", json=metric).raise_for_status()
        client.post(f"{api}/runs/update", json={"run_id": run, "status": "FINISHED"}).raise_for_status()
    found = newest_runs(mlflow_url)
    assert found.why is None
    assert [(one.name, one.experiment, one.status, one.started_ms, one.metrics) for one in found.runs] == [
        ("swift-fox", "detector", "FINISHED", 1_790_000_000_000, {"map50": 0.847})
    ]


def test_no_mlflow_is_said_in_words() -> None:
    assert newest_runs(None).why == "No MLflow server is set (monitoring.mlflow_url)."
    why = newest_runs(f"http://user:secret@127.0.0.1:{free_port()}").why
    assert why is not None and "does not answer as an MLflow server" in why and "secret" not in why
