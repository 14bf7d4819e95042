"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.peers import face_id
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.kafka import Broker, chosen
from tests.peers.kafka_jars import Unavailable

ROOT = Path(__file__).resolve().parents[1]
BROKER = "TEST_BROKER"
SLOWEST = ("test_chain.py", "test_cli.py", "test_page.py", "test_monitoring_pages.py", "test_leases.py")
SLOW = (
    "cluster/",
    "deployment/",
    "training/",
    "web/",
    "api/test_flood.py",
    "api/test_page.py",
    "api/test_video.py",
    "monitoring/alerts/test_apart.py",
    "monitoring/alerts/test_clips.py",
    "monitoring/alerts/test_service.py",
    "monitoring/events/test_scene.py",
    "monitoring/ingest/test_kafka",
    "monitoring/report/",
    "monitoring/store/test_clock_leap.py",
    "monitoring/test_roles.py",
    "stream/sources/test_rtsp.py",
    "stream/webrtc/test_whip_chromium.py",
    "test_cli.py",
    "test_explain.py",
    "test_outage.py",
    "test_promotion.py",
    "test_readme.py",
    "test_service.py",
    "test_topics.py",
    "test_wheel.py",
    "workers/cluster/test_lease_group.py",
    "workers/explain/",
    "workers/inference/test_real",
    "workers/kafka/",
    "workers/node/test_max_fps.py",
    "workers/spool/",
)
"""What `make test-fast` leaves out, by beginnings of paths: clusters, training, browsers, brokers, outages."""
NO_DATA = "TEST_DATA_DIR"
_TOLD_AT_ONCE = 4000
"""Characters of a failure, its end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what is slow, and puts the slowest files first: none is left for one process alone at the end.

    What needs Keycloak runs only where `-m` asks for it (`make test-oidc`).
    """
    if "keycloak" not in str(config.option.markexpr):
        left_out = [item for item in items if item.get_closest_marker("keycloak") is not None]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        if item.path.relative_to(ROOT / "tests").as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    order = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


class FailuresAtOnce:
    """Tells of each failure when it happens: a run that is ended from outside would take them all with it."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See pytest."""
        if report.failed:
            self._reporter.write_line(f"\nFAILED {report.nodeid} ({report.when}, {report.duration:.0f} s)", red=True)
            self._reporter.write_line(report.longreprtext[-_TOLD_AT_ONCE:])


def in_ci() -> bool:
    """Whether this is a run that decides, and that nobody watches."""
    return os.environ.get("CI", "") not in ("", "false", "0")


def unexpected_skips(config: pytest.Config) -> list[str]:
    """`path: reason` of what was skipped though the machine should have all that tests need.

    A clone of the project alone has no shared data, and not every machine Apache Kafka (`TEST_BROKER=kafka` insists on
    it); what else may be missing is named in `LIVESIGHT_TEST_MISSING` (words of the reasons, by comma).
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    missing = [word for word in os.environ.get("LIVESIGHT_TEST_MISSING", "").split(",") if word]
    missing += [] if (ROOT.parent / "shared" / "data").is_dir() else [NO_DATA]
    missing += ["Apache Kafka"] if chosen().jars is None else []
    found = set()
    for report in reporter.stats.get("skipped", []) if reporter is not None else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(word in reason for word in missing):
            found.add(f"{report.nodeid.split('::')[0]}: {reason}")
    return sorted(found)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI an unexpected skip fails the run: else nobody notices a peer that can no longer be installed."""
    if in_ci() and not hasattr(session.config, "workerinput") and (skips := unexpected_skips(session.config)):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        assert reporter is not None
        reporter.write_line("\n  ".join(["", "unexpected skips (a failure in CI):", *skips]))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Choose the broker, once for all processes, and say which one it is."""
    if hasattr(session.config, "workerinput"):
        return
    try:
        choice = chosen()
    except Unavailable as reason:
        raise pytest.UsageError(f"{BROKER}={os.environ[BROKER]}: {reason}") from reason
    os.environ[BROKER] = "tansu" if choice.jars is None else "kafka"
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and in_ci():
        session.config.pluginmanager.register(FailuresAtOnce(reporter))
    if reporter is not None:
        reporter.write_line(f"The broker of these tests: {choice.why}")


@pytest.fixture(scope="session", autouse=True)
def _loggers_follow_the_configuration() -> Iterator[None]:
    """No logger keeps the one it met first, or a later test in the process looks for lines where they are not."""
    configure = structlog.configure

    def without_cache(**options: Any) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", without_cache)
        yield


@pytest.fixture(scope="session")
def own_broker() -> Iterator[Broker]:
    """This process's broker, for `broker`. Not started yet."""
    broker = Broker()
    yield broker
    broker.kill()


@pytest.fixture
def broker(own_broker: Broker) -> Broker:
    """A broker that runs and has nothing. Tests share it: what one did to it, the next does not see."""
    own_broker.empty()
    return own_broker


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The shared data for tests, `TEST_DATA_DIR`; skips the test where it is absent."""
    folder = Path(os.environ.get("TEST_DATA_DIR", ROOT.parent / "shared" / "data")).resolve()
    if not (folder / "videos").is_dir():
        pytest.skip(f"TEST_DATA_DIR: there is no {folder}/videos")
    return folder


@pytest.fixture(scope="session")
def face_id_models() -> Path:
    """A root of models that has face-id, made once for the machine; skips the test where it cannot be had."""
    return face_id.models()


@pytest.fixture(scope="session")
def numbered_h264(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw H.264 for an RTSP server: 500 pictures of 320×180, numbered from 0, 25 fps, a key frame each half second."""
    return make_numbered(tmp_path_factory.mktemp("clips") / "numbered.h264", ClipSpec(frames=500, gop=12))


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    """Fails the test when threads that it started are still there 5 s after its end."""
    before = set(threading.enumerate())
    yield
    deadline_s = time.monotonic() + 5
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not left, f"threads left behind: {sorted(thread.name for thread in left)}"
