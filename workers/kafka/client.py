"""kafka-python's clients, from our settings, opened without a leak and named when they fail. Blocks: never on the loop.

`client_options` is what every client needs (addresses, TLS, SASL, time-outs); `open_producer`, `open_consumer` and
`open_admin` connect, and raise BusError, with nothing left behind, when they cannot.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)

from workers.errors import BusError
from workers.kafka.broker_probe import check_reachable, tls_context
from workers.kafka.kafka_python import (
    Producer,
    check_client,
    connection_failures,
    forget_connections,
    note_connections,
)
from workers.kafka.permissions import Operation, explain_denial
from workers.kafka.settings import Compression, KafkaSettings

Client = TypeVar("Client")

log = structlog.get_logger(__name__)

LOGIN_ERRORS = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError, AuthorizationError)
NEVER_MS = 7 * 24 * 3600 * 1000
CODEC_MODULES: dict[Compression, str | None] = {"lz4": "lz4", "zstd": "zstandard", "gzip": None, "none": None}


def choose_compression(configured: Compression | None) -> Compression:
    """`configured`, or the best that is installed. Raises BusError when the configured codec is not installed."""
    if configured is None:
        return next(name for name, module in CODEC_MODULES.items() if _installed(module))
    if not _installed(module := CODEC_MODULES[configured]):
        raise BusError(f"kafka.compression: {configured} needs the package {module}, which is not installed")
    return configured


def _installed(module: str | None) -> bool:
    """A folder of that name somewhere on the path is no package."""
    found = None if module is None else importlib.util.find_spec(module)
    return module is None or (found is not None and found.origin is not None)


def open_producer(settings: KafkaSettings) -> Producer:
    """Connect a producer. Raises BusError when no broker answers within `connect_timeout_s`.

    Not idempotent: an idempotent producer does not survive the loss of its broker's state. One request in flight a
    connection keeps the order per partition; what fails for a while is tried again in its place, for ever.
    """
    return _opened(Producer, producer_options(settings), settings)


def open_consumer(settings: KafkaSettings, options: Mapping[str, Any] | None = None) -> Any:
    """Connect a KafkaConsumer; `options` (group_id, auto_offset_reset, …) win. Raises BusError."""
    return _opened(KafkaConsumer, {**consumer_options(settings), **(options or {})}, settings)


def open_admin(settings: KafkaSettings) -> Any:
    """Connect a KafkaAdminClient. Raises BusError."""
    return _opened(KafkaAdminClient, client_options(settings), settings)


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """What producers, consumers and admin clients are all opened with."""
    password = settings.sasl_password
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "client_id": settings.client_id,
        "security_protocol": settings.security_protocol,
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": None if password is None else password.get_secret_value(),
        "bootstrap_timeout_ms": int(settings.connect_timeout_s * 1000),
        "request_timeout_ms": int(settings.request_timeout_s * 1000),
        "reconnect_backoff_max_ms": int(settings.retry_s * 1000),
    }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = tls_context(settings)
    return options


def producer_options(settings: KafkaSettings) -> dict[str, Any]:
    """What `open_producer` opens with."""
    compression = choose_compression(settings.compression)
    return {
        **client_options(settings),
        "compression_type": None if compression == "none" else compression,
        "acks": "all",
        "enable_idempotence": False,
        "max_in_flight_requests_per_connection": 1,
        "allow_auto_create_topics": False,  # they are created as configured, see topics.py
        "linger_ms": 0,  # the bus gathers
        "batch_size": 128 * 1024,
        "max_request_size": settings.message_bytes + 1024,
        "max_block_ms": int(min(1.0, settings.connect_timeout_s) * 1000),  # a topic that is not there holds up no other
        "delivery_timeout_ms": NEVER_MS,
        "metrics_enabled": False,
    }


def consumer_options(settings: KafkaSettings) -> dict[str, Any]:
    """What `open_consumer` opens with; without a group, from the newest message on."""
    return {
        **client_options(settings),
        "allow_auto_create_topics": False,
        "auto_offset_reset": "latest",
        "enable_auto_commit": False,
        "max_partition_fetch_bytes": max(2**20, 2 * settings.message_bytes),
        "metrics_enabled": False,
    }


def describe(error: BaseException) -> str:
    """A broker's error in few words."""
    text = str(error) or type(error).__name__
    name = type(error).__name__.removesuffix("Error")
    return text if name in text else f"{name}: {text}"


@contextmanager
def reporting(fail: Callable[[str], None], operation: Operation = "READ", group: str | None = None) -> Iterator[None]:
    """Report what goes wrong with a broker to `fail`, in words; what nobody expected is logged with its traceback too.

    operation, group: what is done with topics, in which consumer group: so that a refusal says what is needed.
    """
    try:
        yield
    except BusError as error:
        fail(str(error))
    except (KafkaError, OSError, ValueError, RuntimeError) as error:
        fail(explain_denial(error, operation, group) or describe(error))
    except Exception as error:
        log.exception("kafka_thread_failed")
        fail(describe(error))


def _opened(kind: Callable[..., Client], options: dict[str, Any], settings: KafkaSettings) -> Client:
    check_reachable(settings, min(settings.connect_timeout_s, 2.0))  # the client leaks a socket for each refusal
    clients: list[Any] = []
    connections: deque[Any] = deque(maxlen=8)

    def make_client(**configs: Any) -> Any:
        client = KafkaProducer.DEFAULT_CONFIG["kafka_client"](**configs)
        clients.append(client)
        note_connections(client, connections)
        return client

    try:
        opened = kind(kafka_client=make_client, **options)
        for client in clients:
            forget_connections(client)
            check_client(client, opened)
    except BusError:
        opened.close()  # type: ignore[attr-defined]
        raise
    except (KafkaError, OSError, ValueError, RuntimeError, AssertionError) as error:
        for client in clients:
            client.close()  # else its sockets stay open until collected
        raise BusError(_explained(error, connections, settings)) from error
    return opened


def _explained(error: BaseException, connections: deque[Any], settings: KafkaSettings) -> str:
    """What the constructor's error means, in terms of the settings."""
    failures = connection_failures(connections)
    error = next((failure for failure in failures if isinstance(failure, LOGIN_ERRORS)), error)
    if isinstance(error, LOGIN_ERRORS):
        return f"{describe(error)} (user {settings.sasl_username}, {settings.sasl_mechanism})"
    if not isinstance(error, KafkaTimeoutError):
        return describe(error)
    login = f", sasl_mechanism {settings.sasl_mechanism}" if settings.sasl_mechanism else ""
    return (
        f"{', '.join(settings.bootstrap_servers)}: connects, but gives no Kafka answer within "
        f"{settings.connect_timeout_s:g} s (is kafka.security_protocol {settings.security_protocol}{login} right?)"
    )
