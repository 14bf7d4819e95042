"""Webhooks go only where the policy allows, whatever listens there."""

from __future__ import annotations

import asyncio
import socket
from uuid import uuid4

import pytest
from pydantic import SecretStr

from monitoring.alerts.errors import DeliveryFailed
from monitoring.alerts.targets.notice import Notice
from monitoring.alerts.targets.settings import WebhookSettings
from monitoring.alerts.targets.webhook import WebhookTarget
from stream.frame import new_session
from stream.network.networks import NetworkSettings
from tests.peers.redirecting import Recorder
from workers.bus.event import Event

ALERT = Event(id=uuid4(), kind="alert", stream_id="gate", session=new_session(), pts_us=1, captured_at_ns=1, node="n")


async def sent(url: str, networks: NetworkSettings) -> str:
    """Why it was not delivered."""
    target = WebhookTarget(WebhookSettings(name="w", url=SecretStr(url), timeout_s=2), networks)
    try:
        with pytest.raises(DeliveryFailed) as failed:
            async with asyncio.timeout(5):
                await target.send(Notice("n", "test", ALERT, {}))
        return str(failed.value)
    finally:
        await target.close()


async def test_a_denied_address_gets_nothing_and_looks_like_a_closed_port() -> None:
    denied = NetworkSettings(loopback=False)
    with Recorder() as recorder:
        to_open = await sent(f"http://127.0.0.1:{recorder.port}/x", denied)
        assert recorder.connections == 0
        await sent(f"http://127.0.0.1:{recorder.port}/x", NetworkSettings())
        assert recorder.received.startswith(b"POST /x")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await sent(f"http://127.0.0.1:{port}/x", denied) == to_open
    assert "refused by policy" in to_open
