"""No secret of an address reaches the logs, whatever it stands in."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import logging, structlog
from workers.logs import Verbatim, configure_logs
configure_logs("info", {style!r})
log = structlog.get_logger("ours")
url = "rtsp://admin:hunter2@10.0.0.5/user=admin_password=hunter2"
log.warning("text", error="cannot open '" + url + "'", where={{"url": url}}, several=[url, 3])
log.warning(url)
logging.getLogger("theirs").error("failed: %s", url)
for logger in (log, logging.getLogger("theirs")):
    try:
        raise OSError(5, "gone", url)
    except OSError:
        logger.exception("broken")
log.info("link", link=Verbatim("http://127.0.0.1:8000/first?token=shown-once"), count=7)
"""


@pytest.mark.parametrize("style", ["json", "console"])
def test_addresses_are_cut_down_in_every_record(style: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(style=style)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stderr and "admin" not in done.stderr
    assert done.stderr.replace("\\u2026", "…").count("rtsp://10.0.0.5/…") >= 6
    assert "http://127.0.0.1:8000/first?token=shown-once" in done.stderr
    if style == "json":
        records = [json.loads(line) for line in done.stderr.splitlines()]
        assert records[-1]["count"] == 7
