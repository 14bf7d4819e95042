"""Alerts to an MQTT broker. Runs on the dispatcher's event loop; paho's network loop has a thread of its own.

A connection stays open for the next alert. One that breaks, or does not confirm in time, is dropped with everything
that paho has queued: only the dispatcher sends unconfirmed messages again.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from monitoring.alerts.errors import DeliveryFailed
from monitoring.alerts.targets.notice import Notice
from monitoring.alerts.targets.settings import MqttSettings
from workers.kafka.background_call import ABANDONED

_KEEPALIVE_S = 30


class MqttTarget:
    """Publishes the notice's JSON. QoS 1 and 2: delivered when the broker confirms; QoS 0: when sent."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._connection: _Connection | None = None
        self._lock = asyncio.Lock()

    async def send(self, notice: Notice) -> None:
        """See AlertTarget."""
        event = notice.event
        topic = self._settings.topic.format(
            stream=event.stream_id, rule=event.rule or "", severity=notice.severity, kind=notice.kind
        )
        async with self._lock:
            if self._connection is None or self._connection.is_closed:
                self._connection = _Connection(self._settings)
            try:
                await self._connection.publish(topic, notice.to_json())
            except BaseException:  # cancellation too: the broker may have part of the message
                self._connection.drop()
                self._connection = None
                raise

    async def close(self) -> None:
        """See AlertTarget."""
        if self._connection is not None:
            self._connection.drop()
            self._connection = None


class _Connection:
    """One connection; never reconnects. paho's callbacks run on its own thread and only schedule calls on the loop."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._open: asyncio.Future[None] = self._loop.create_future()
        self._confirmed: dict[int, asyncio.Future[None]] = {}
        self._reason = "the connection is closed"
        self.is_closed = False
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=settings.client_id or "", reconnect_on_failure=False
        )
        client.connect_timeout = settings.timeout_s
        if settings.tls:
            client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file and str(settings.ca_file)))
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            client.username_pw_set(settings.username, password)
        client.on_connect, client.on_connect_fail = self._on_connect, self._on_connect_fail
        client.on_disconnect, client.on_publish = self._on_disconnect, self._on_publish
        client.connect_async(settings.host, settings.port_used, keepalive=_KEEPALIVE_S)
        client.loop_start()
        _mark_abandoned()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when the message is delivered. Raises DeliveryFailed."""
        await asyncio.shield(self._open)
        if self.is_closed:
            raise DeliveryFailed(self._reason)
        info = self._client.publish(topic, payload, self._settings.qos, self._settings.retain)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise DeliveryFailed(f"the message was not sent: {paho.error_string(info.rc)}")
        # the confirmation is scheduled on this loop, so it runs after this line whatever the other thread does
        confirmed = self._confirmed[info.mid] = self._loop.create_future()
        try:
            await confirmed
        finally:
            self._confirmed.pop(info.mid, None)

    def drop(self) -> None:
        """Close. Does not wait for paho's thread, which ends by itself. Idempotent."""
        self._end("the connection was closed")
        self._client.disconnect()

    def _end(self, why: str) -> None:
        """On the loop: fail everything that waits on this connection."""
        if self.is_closed:
            return
        self.is_closed, self._reason = True, why
        for waiting in (self._open, *self._confirmed.values()):
            if not waiting.done():
                waiting.set_exception(DeliveryFailed(why))
                waiting.exception()  # mark it retrieved: there may be no one left to await it

    def _schedule(self, call: Callable[..., None], *arguments: Any) -> None:
        """Run a call on the loop, from paho's thread; nothing happens once the loop is closed."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            self._client.disconnect()

    # on paho's thread

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        if code.is_failure:
            self._schedule(self._end, f"the broker refused the connection: {code.getName()}")
            client.disconnect()
        elif self.is_closed:
            client.disconnect()
        else:
            self._schedule(self._resolve, self._open)

    def _on_connect_fail(self, client: paho.Client, userdata: Any) -> None:
        client.loop_stop()  # otherwise it retries for ever; on its own thread this only sets a flag
        hint = ", or its certificate is not trusted" if self._settings.tls else ""  # paho does not say which
        self._schedule(self._end, f"the broker is unreachable{hint}")

    def _on_disconnect(self, client: paho.Client, userdata: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        self._schedule(self._end, f"the broker closed the connection: {code.getName()}")

    def _on_publish(self, client: paho.Client, userdata: Any, mid: int, code: ReasonCode, properties: Any) -> None:
        self._schedule(self._published, mid)

    # on the loop

    def _published(self, mid: int) -> None:
        if (confirmed := self._confirmed.get(mid)) is not None:
            self._resolve(confirmed)

    def _resolve(self, waiting: asyncio.Future[None]) -> None:
        if not waiting.done():
            waiting.set_result(None)


def _mark_abandoned() -> None:
    """Exempt paho's threads from the shutdown's check: they end by themselves, but not at once while connecting."""
    for thread in threading.enumerate():
        if thread.name.startswith("paho-mqtt-client"):
            thread.name = f"{ABANDONED}{thread.name}"
