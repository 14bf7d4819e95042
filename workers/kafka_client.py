"""kafka-python's producer, opened without a leak and closed without a wait. Blocks: never on the event loop."""

from __future__ import annotations

import importlib.util
import socket
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from workers.errors import BusError
from workers.settings import Compression, KafkaSettings

NEVER_MS = 7 * 24 * 3600 * 1000
CODEC_MODULES: dict[Compression, str | None] = {"lz4": "lz4", "zstd": "zstandard", "gzip": None, "none": None}


def choose_compression(wished: Compression | None) -> Compression:
    """`wished`, or the best that is installed. Raises BusError when the wished codec is not there."""
    if wished is None:
        return next(name for name, module in CODEC_MODULES.items() if _installed(module))
    if not _installed(CODEC_MODULES[wished]):
        raise BusError(f"kafka.compression: {wished} needs the package {CODEC_MODULES[wished]}, which is not installed")
    return wished


def _installed(module: str | None) -> bool:
    return module is None or importlib.util.find_spec(module) is not None


class Producer(KafkaProducer):  # type: ignore[misc]
    """A producer whose `close` is bounded.

    KafkaProducer.close flushes first, which waits once a batch for a dead broker, and then raises without having
    stopped its thread.
    """

    def flush(self, timeout: float | None = None) -> None:
        """Nothing: the bus knows what is unconfirmed and waits for that itself."""

    def abandon(self, timeout_s: float) -> bool:
        """Stop at once, whatever is unsent; False when its thread did not end within `timeout_s`. Idempotent."""
        self.close(timeout=0)
        self._sender.join(timeout_s)
        return not self._sender.is_alive()


def open_producer(settings: KafkaSettings) -> Producer:
    """Connect. Raises BusError, with nothing left behind, when no broker answers within `connect_timeout_s`.

    Not idempotent: an idempotent producer does not survive the loss of its broker's state. One request in flight a
    connection keeps the order per partition; what fails for a while is tried again in its place, for ever.
    """
    unreachable = probe(settings, min(settings.connect_timeout_s, 2.0))
    if unreachable is not None:
        raise BusError(unreachable)  # asked first, because the client leaks a socket for each refused connection
    clients: list[Any] = []

    def make_client(**configs: Any) -> Any:
        clients.append(KafkaProducer.DEFAULT_CONFIG["kafka_client"](**configs))
        return clients[-1]

    try:
        return Producer(kafka_client=make_client, **_options(settings))
    except (KafkaError, OSError, ValueError, RuntimeError, AssertionError) as error:
        for client in clients:
            client.close()  # else its sockets stay open until collected
        raise BusError(describe(error)) from error


def probe(settings: KafkaSettings, timeout_s: float = 1.0) -> str | None:
    """None when some bootstrap server accepts a connection, else why the last one does not."""
    reason: str | None = None
    for address in settings.bootstrap_servers:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
            return None
        except OSError as error:
            reason = error.strerror or str(error)
    return reason


def describe(error: BaseException) -> str:
    """A broker's error in few words."""
    text = str(error) or type(error).__name__
    name = type(error).__name__.removesuffix("Error")
    return text if name in text else f"{name}: {text}"


def _options(settings: KafkaSettings) -> dict[str, Any]:
    compression = choose_compression(settings.compression)
    request_ms = int(settings.request_timeout_s * 1000)
    password = settings.sasl_password
    return {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "client_id": settings.client_id,
        "security_protocol": settings.security_protocol,
        "ssl_cafile": None if settings.ssl_cafile is None else str(settings.ssl_cafile),
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": None if password is None else password.get_secret_value(),
        "compression_type": None if compression == "none" else compression,
        "acks": "all",
        "enable_idempotence": False,
        "max_in_flight_requests_per_connection": 1,
        "linger_ms": 0,  # the bus gathers
        "batch_size": 128 * 1024,
        "max_request_size": settings.message_bytes + 1024,
        "max_block_ms": int(settings.connect_timeout_s * 1000),
        "bootstrap_timeout_ms": int(settings.connect_timeout_s * 1000),
        "request_timeout_ms": request_ms,
        "delivery_timeout_ms": NEVER_MS,
        "reconnect_backoff_max_ms": int(settings.retry_s * 1000),
        "metrics_enabled": False,
    }
