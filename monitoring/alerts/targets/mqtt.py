"""Alerts to an MQTT broker. Runs on the dispatcher's event loop; paho's network loop has a thread of its own.

A connection is kept for the next alert. One that is broken, or that does not confirm in time, is dropped with all that
paho holds for it: what is not confirmed is sent again by the dispatcher, and by nobody else.
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

from monitoring.alerts.errors import Undelivered
from monitoring.alerts.settings import MqttTarget
from monitoring.alerts.targets.notice import Notice
from workers.kafka.background_call import ABANDONED

_KEEPALIVE_S = 30


class Mqtt:
    """Publishes a notice's JSON. With QoS 1 or 2 it has arrived when the broker says so; with 0, when it was sent."""

    def __init__(self, settings: MqttTarget) -> None:
        self._settings = settings
        self._connection: _Connection | None = None
        self._turn = asyncio.Lock()

    async def send(self, notice: Notice) -> None:
        """See Target."""
        event = notice.event
        topic = self._settings.topic.format(
            stream=event.stream_id, rule=event.rule or "", severity=notice.severity, kind=notice.kind
        )
        async with self._turn:
            if self._connection is None or self._connection.is_over:
                self._connection = _Connection(self._settings)
            try:
                await self._connection.publish(topic, notice.to_json())
            except BaseException:  # cancelled too: who knows what the broker has of it
                self._connection.drop()
                self._connection = None
                raise

    async def close(self) -> None:
        """See Target."""
        if self._connection is not None:
            self._connection.drop()
            self._connection = None


class _Connection:
    """One connection, once: it is never repaired. paho's callbacks come on its thread and only wake the loop."""

    def __init__(self, settings: MqttTarget) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._open: asyncio.Future[None] = self._loop.create_future()
        self._confirmed: dict[int, asyncio.Future[None]] = {}
        self._why = "the connection has ended"
        self.is_over = False
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
        _may_be_left()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return when it has arrived. Raises Undelivered."""
        await asyncio.shield(self._open)
        if self.is_over:
            raise Undelivered(self._why)
        info = self._client.publish(topic, payload, self._settings.qos, self._settings.retain)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise Undelivered(f"the message was not sent: {paho.error_string(info.rc)}")
        # the confirmation is told by a call on this loop, which comes after this line whatever the other thread does
        confirmed = self._confirmed[info.mid] = self._loop.create_future()
        try:
            await confirmed
        finally:
            self._confirmed.pop(info.mid, None)

    def drop(self) -> None:
        """Close; paho's thread ends by itself. Idempotent."""
        self._end("the connection was closed")
        self._client.disconnect()

    def _end(self, why: str) -> None:
        """On the loop: whoever waits learns why it is over."""
        if self.is_over:
            return
        self.is_over, self._why = True, why
        for waiting in (self._open, *self._confirmed.values()):
            if not waiting.done():
                waiting.set_exception(Undelivered(why))
                waiting.exception()  # nobody may be left to ask

    def _tell(self, call: Callable[..., None], *arguments: Any) -> None:
        """From paho's thread; after the loop's end there is nobody to tell."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            self._client.disconnect()

    # on paho's thread

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        if code.is_failure:
            self._tell(self._end, f"the broker refuses the connection: {code.getName()}")
            client.disconnect()
        elif self.is_over:
            client.disconnect()
        else:
            self._tell(self._settle, self._open)

    def _on_connect_fail(self, client: paho.Client, userdata: Any) -> None:
        client.loop_stop()  # else it would try for ever; on its own thread this only sets a flag
        doubt = ", or its certificate is not trusted" if self._settings.tls else ""  # paho does not tell
        self._tell(self._end, f"the broker cannot be reached{doubt}")

    def _on_disconnect(self, client: paho.Client, userdata: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        self._tell(self._end, f"the broker ended the connection: {code.getName()}")

    def _on_publish(self, client: paho.Client, userdata: Any, mid: int, code: ReasonCode, properties: Any) -> None:
        self._tell(self._published, mid)

    # on the loop

    def _published(self, mid: int) -> None:
        if (confirmed := self._confirmed.get(mid)) is not None:
            self._settle(confirmed)

    def _settle(self, waiting: asyncio.Future[None]) -> None:
        if not waiting.done():
            waiting.set_result(None)


def _may_be_left() -> None:
    """paho's thread ends by itself, though while it connects not at once: nobody need wait for it."""
    for thread in threading.enumerate():
        if thread.name.startswith("paho-mqtt-client"):
            thread.name = f"{ABANDONED}{thread.name}"
