"""Targets that fail, hang and recover: every alert arrives once, in order, and nobody else waits."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.server.lifecycle import threads_left
from tests.monitoring.alerts.running_alerts import AlertMonitor, eventually, running_alerts
from tests.peers.webhook import WebhookServer

pytestmark = pytest.mark.usefixtures("no_thread_left")


def hook(name: str, server: WebhookServer, **fields: Any) -> dict[str, Any]:
    """A webhook that is tried often."""
    fast = {"timeout_s": 0.5, "retry_min_s": 0.05, "retry_max_s": 0.3}
    return {"type": "webhook", "name": name, "url": server.url, **fast, **fields}


def texts(server: WebhookServer) -> list[str]:
    """What a target took, in order."""
    return [notice["text"] for notice in server.accepted]


def test_one_fails_one_hangs_one_drips_and_one_is_well(tmp_path: Path, database_url: str) -> None:
    """Twenty alerts, ten of them while all is broken: each arrives once at each target, in order."""
    with ExitStack() as stack:
        names = ("failing", "hanging", "dripping", "well")
        servers = {name: stack.enter_context(WebhookServer()) for name in names}
        servers["failing"].answer, servers["hanging"].answer, servers["dripping"].answer = 500, "hang", "drip"
        monitor = stack.enter_context(
            running_alerts(tmp_path, url=database_url, targets=[hook(name, server) for name, server in servers.items()])
        )
        before = [monitor.raise_alert() for _ in range(10)]
        well = servers["well"]
        well.wait_for(lambda: len(well.accepted) == 10, 5)
        for name in ("failing", "hanging", "dripping"):
            servers[name].wait_for(lambda name=name: len(servers[name].received) >= 3)  # type: ignore[misc]
            assert servers[name].accepted == []
        assert monitor.state(before[0]) == {
            "failing": ["waiting"], "hanging": ["waiting"], "dripping": ["waiting"], "well": ["delivered"],
        }  # fmt: skip
        eventually(lambda: "".join(monitor.alerts.problems()).count(": 10 alerts waiting since ") == 3)
        failing, hanging, _ = monitor.alerts.problems()
        assert failing.startswith("target failing: ") and " UTC: answered 500" in failing
        assert hanging.startswith("target hanging: ") and "did not answer within 0.5 s" in hanging
        for server in servers.values():
            server.answer = 200
        for _ in range(10):
            monitor.raise_alert()
        expected = [f"Alert number {number}" for number in range(1, 21)]
        for name, server in servers.items():
            server.wait_for(lambda server=server: len(server.accepted) >= 20)  # type: ignore[misc]
            assert texts(server) == expected, name
        eventually(lambda: not monitor.alerts.problems())


def test_tries_grow_apart_and_carry_the_same_id(tmp_path: Path) -> None:
    with WebhookServer() as server, running_alerts(tmp_path, targets=[hook("ops", server, retry_max_s=2.0)]) as monitor:
        server.answer = 503
        monitor.raise_alert()
        server.wait_for(lambda: len(server.received) == 5)
        server.answer = 200
        server.wait_for(lambda: server.accepted)
        tries = list(server.received)
        assert len({one.headers["webhook-id"] for one in tries}) == len({one.body for one in tries}) == 1
        waits = [after.at_s - before.at_s for before, after in pairwise(tries)]
        assert all(wait >= 0.75 * 0.05 * 2**number for number, wait in enumerate(waits))


def test_a_target_that_asks_for_patience_gets_it(tmp_path: Path) -> None:
    with WebhookServer() as server, running_alerts(tmp_path, targets=[hook("ops", server)]) as monitor:
        server.answer, server.headers = 429, {"retry-after": "1"}
        monitor.raise_alert()
        server.wait_for(lambda: server.received)
        server.answer, server.headers = 200, {}
        server.wait_for(lambda: server.accepted)
        first, second = server.received
        assert second.at_s - first.at_s >= 1.0


def test_what_waits_survives_a_restart(tmp_path: Path, database_url: str) -> None:
    """Alerts that were raised while the target was down arrive after a restart, before new ones, none twice."""
    with WebhookServer() as server:
        server.answer = 500
        targets = [hook("ops", server)]
        with running_alerts(tmp_path, url=database_url, targets=targets) as monitor:
            for _ in range(3):
                monitor.raise_alert()
            server.wait_for(lambda: server.received)
        with running_alerts(tmp_path, url=database_url, targets=targets) as monitor:
            monitor.count = 3
            server.answer = 200
            monitor.raise_alert()
            server.wait_for(lambda: len(server.accepted) >= 4)
        assert texts(server) == [f"Alert number {number}" for number in range(1, 5)]


def test_closing_waits_for_a_message_that_is_being_sent(tmp_path: Path) -> None:
    """A target that answers slowly does not get it twice, because the service was stopped meanwhile."""
    with WebhookServer() as server:
        server.delay_s = 0.5
        targets = [hook("ops", server, timeout_s=5)]
        with running_alerts(tmp_path, targets=targets) as monitor:
            monitor.raise_alert()
            server.wait_for(lambda: server.received)
        with running_alerts(tmp_path, targets=targets) as monitor:
            monitor.count = 1
            monitor.raise_alert()
            server.wait_for(lambda: len(server.accepted) >= 2)
        assert texts(server) == ["Alert number 1", "Alert number 2"]


def test_the_end_waits_for_nobody_who_hangs(tmp_path: Path) -> None:
    """A webhook, a broker and a mail server that say nothing: closing takes no longer than it is given."""
    with WebhookServer() as server, socket.create_server(("127.0.0.1", 0)) as silent:
        server.answer = "hang"
        port = silent.getsockname()[1]
        slow = {"timeout_s": 4.0}
        mail = f"mailto://127.0.0.1:{port}?from=a@example.org&to=b@example.org&mode=insecure"
        targets = [
            {"type": "webhook", "name": "hook", "url": server.url, **slow},
            {"type": "mqtt", "name": "home", "host": "127.0.0.1", "port": port, **slow},
            {"type": "apprise", "name": "mail", "url": mail, **slow},
        ]
        with running_alerts(tmp_path, targets=targets) as monitor:
            monitor.raise_alert()
            server.wait_for(lambda: server.received)
            eventually(lambda: "call-alert-mail" in [thread.name for thread in threading.enumerate()])
            began_s = time.monotonic()
            monitor.alerts.close(0.5)
            assert time.monotonic() - began_s < 1.5
            assert "alerts" not in [thread.name for thread in threading.enumerate()]
            assert "call-alert-mail" not in threads_left(0), "is nobody's fault but the target's"


def test_what_is_never_taken_is_given_up_visibly_and_can_be_taken_up(tmp_path: Path, database_url: str) -> None:
    with (
        WebhookServer() as server,
        running_alerts(tmp_path, url=database_url, targets=[hook("ops", server, give_up_s=0.6)]) as monitor,
    ):
        server.answer = 500
        lost = monitor.raise_alert()
        eventually(lambda: monitor.state(lost) == {"ops": ["given_up"]})
        problem = eventually(lambda: [one for one in monitor.alerts.problems() if "given up" in one])
        assert "target ops: 1 alert given up" in problem[0]
        delivery = monitor.alerts.deliveries.of_alerts([lost.id])[lost.id][0]
        assert delivery.error == "answered 500 Internal Server Error: out of order"
        server.answer = 200
        assert monitor.alerts.deliveries.retry(lost.id, "ops") == 1
        monitor.alerts.wake()
        server.wait_for(lambda: server.accepted)
        eventually(lambda: monitor.state(lost) == {"ops": ["delivered"]})


def test_a_clock_that_leaps_gives_nothing_up(tmp_path: Path) -> None:
    with WebhookServer() as server, running_alerts(tmp_path, targets=[hook("ops", server, give_up_s=3600)]) as monitor:
        server.answer = 500
        alert = monitor.raise_alert()
        server.wait_for(lambda: server.received)
        monitor.clock.leap_s = 40 * 86_400
        tries = len(server.received)
        server.wait_for(lambda: len(server.received) >= tries + 3)
        assert monitor.state(alert) == {"ops": ["waiting"]}
        monitor.clock.leap_s = 0
        server.answer = 200
        server.wait_for(lambda: server.accepted)
        eventually(lambda: monitor.state(alert) == {"ops": ["delivered"]})


def test_a_message_that_is_refused_lets_others_through(tmp_path: Path) -> None:
    """400 is about the message: three tries, then the next one."""
    with WebhookServer() as server, running_alerts(tmp_path, targets=[hook("ops", server)]) as monitor:
        server.answer = 400
        refused = monitor.raise_alert()
        server.wait_for(lambda: len(server.received) == 3)
        eventually(lambda: monitor.state(refused) == {"ops": ["given_up"]})
        server.answer = 200
        monitor.raise_alert()
        server.wait_for(lambda: server.accepted)
        assert texts(server) == ["Alert number 2"]
        assert len(server.received) == 4


def test_a_target_nobody_listens_at_is_tried_until_somebody_does(tmp_path: Path) -> None:
    with WebhookServer() as gone:
        port = gone.port
    target = {**hook("ops", gone), "url": f"http://127.0.0.1:{port}/hook"}
    with running_alerts(tmp_path, targets=[target]) as monitor:
        monitor.raise_alert()
        eventually(lambda: "unreachable" in str(monitor.alerts.queues()[0].error))
        with WebhookServer(port) as server:
            server.wait_for(lambda: server.accepted)


def test_a_target_that_left_the_configuration_is_given_up(tmp_path: Path, database_url: str) -> None:
    with WebhookServer() as server:
        server.answer = 500
        with running_alerts(tmp_path, url=database_url, targets=[hook("old", server)]) as monitor:
            alert = monitor.raise_alert()
            server.wait_for(lambda: server.received)
        with running_alerts(tmp_path, url=database_url, targets=[hook("new", server)]) as monitor:
            eventually(lambda: monitor.state(alert) == {"old": ["given_up"]})


def test_while_the_database_is_unreachable_nothing_is_sent_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert arrives, noting that fails for a while: it is noted later, not sent again."""
    with WebhookServer() as server, running_alerts(tmp_path, targets=[hook("ops", server)]) as monitor:
        _refuse_twice(monitor, monkeypatch)
        alert = monitor.raise_alert()
        eventually(lambda: monitor.state(alert) == {"ops": ["delivered"]})
        assert len(server.received) == 1
        assert monitor.alerts.problems() == []


def _refuse_twice(monitor: AlertMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    from monitoring.alerts.deliveries import Deliveries
    from workers.errors import DatabaseUnavailable

    really, refused = Deliveries.delivered, []

    def delivered(self: Any, delivery: Any) -> None:
        if len(refused) < 2:
            refused.append(delivery)
            raise DatabaseUnavailable("away")
        really(self, delivery)

    monkeypatch.setattr(Deliveries, "delivered", delivered)
