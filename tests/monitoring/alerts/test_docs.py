"""What docs/alerts.md shows works: its settings are taken, its receiver takes what is signed and nothing else."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

from livesight import load_settings
from tests.monitoring.alerts.running_alerts import eventually, running_alerts
from tests.peers.ports import free_port

PAGE = (Path(__file__).resolve().parents[3] / "docs/alerts.md").read_text()


def block(name: str) -> str:
    """The code that follows a mark."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", PAGE, re.S)
    assert found is not None, name
    return found[1]


def test_the_settings_are_taken(tmp_path: Path) -> None:
    config = tmp_path / "livesight.yaml"
    config.write_text(block("settings"))
    alerts = load_settings(config, environ={}).monitoring.alerts
    assert [target.name for target in alerts.targets] == ["ops", "home", "mail", "phone"]
    assert "secret" not in repr(alerts).replace("secret=", ""), "nothing shows a secret by accident"


def test_the_receiver_takes_what_is_signed_once(tmp_path: Path) -> None:
    port = free_port()
    code = block("receiver").replace("9000", str(port))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as hook:
        try:
            eventually(lambda: answers(port))
            target = {"type": "webhook", "name": "ops", "url": f"http://127.0.0.1:{port}/", "retry_min_s": 0.1}
            signed = {**target, "secret": "a long secret of yours"}
            forged = {**target, "name": "forger", "secret": "a long secret of others"}
            with running_alerts(tmp_path, targets=[signed, forged]) as monitor:
                alert = monitor.raise_alert()
                eventually(lambda: monitor.state(alert)["ops"] == ["delivered"])
                eventually(lambda: monitor.alerts.queues()[1].error)
                assert "401" in str(monitor.alerts.queues()[1].error)
        finally:
            hook.kill()
            said, _ = hook.communicate()
    assert said.splitlines() == ["alert door Alert number 1"]


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
