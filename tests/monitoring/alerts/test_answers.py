"""What targets answer is shown to people: on one line, bounded, without credentials, whatever they send."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring.alerts.errors import TargetFailed
from monitoring.alerts.targets.answers import CHARACTERS, fit_to_show, secrets_of_url
from tests.monitoring.alerts.running_alerts import running_alerts
from tests.peers.webhook import WebhookServer

HOOK = "https://joe:pa55word@hooks.example/services/T0KENT0KEN?key=quer%2Fy-key"
SECRETS = [*secrets_of_url(HOOK), "Bearer h3ader-value"]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("no such hook", "no such hook"),
        ("a\r\nSet-Cookie: x\x1b[31m\x00b\u202ec", "a Set-Cookie: x [31m b c"),
        (f"cannot POST {HOOK}", "cannot POST https://hooks.example/***/…"),
        ("/services/T0KENT0KEN is unknown", "*** is unknown"),
        ("T0KENT0KEN", "***"),
        ("quer/y-key quer%2Fy-key", "*** ***"),
        ("got h3ader-value", "got ***"),
        ("Authorization: Bearer 0ther-t0ken", "Authorization: Bearer ***"),
        ('{"error": "denied", "api_key": "0ther-key", "n": 1}', '{"error": "denied", "api_key": "***", "n": 1}'),
        ("password=hunter22&x=1", "password=***&x=1"),
        ("see rtsp://admin:hunter22@10.0.0.7/live", "see rtsp://10.0.0.7/live"),
        ("x" * 5000, "x" * CHARACTERS),
    ],
)
def test_an_answer_is_fit_to_be_shown(answer: str, shown: str) -> None:
    assert fit_to_show(answer, SECRETS) == shown


@pytest.mark.parametrize("before", [0, 100, 290, 4080])
async def test_a_webhook_that_repeats_its_request_gives_nothing_away(tmp_path: Path, before: int) -> None:
    """Also where the answer is cut off in the middle of a secret."""
    secrets = ("s3cret-in-the-path", "s3cret-in-the-header")
    with WebhookServer() as server:
        server.answer, server.headers = 400, {"Content-Type": "text/plain"}
        server.words = b" " * before + b"POST /hook/s3cret-in-the-path\n\x07Authorization: Token s3cret-in-the-header"
        server.words += b" and more" * 1000
        headers = {"Authorization": f"Token {secrets[1]}"}
        target = {"type": "webhook", "name": "ops", "url": f"{server.url}/{secrets[0]}", "headers": headers}
        with running_alerts(tmp_path, targets=[target]) as monitor:
            with pytest.raises(TargetFailed) as failed:
                await monitor.alerts.test("ops")
    told = str(failed.value)
    assert "answered 400" in told and told.isprintable() and len(told) <= CHARACTERS + 30
    assert not any(secret[:6] in told for secret in secrets)
