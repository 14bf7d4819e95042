"""Whether a broker can be reached: TCP, and TLS where it is configured. Blocks: never on the loop."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

from workers.errors import BusError
from workers.kafka.settings import KafkaSettings

HANDSHAKE_S = 3.0


@dataclass(frozen=True, slots=True)
class BrokerProbe:
    """What connecting to the bootstrap servers gave.

    problem: None when one of them accepts a connection (and speaks TLS, if it should), else why each does not.
    all_refuse: every server's host answers that nothing listens there. A host that does not answer, or a name that
    cannot be resolved, may be this machine's trouble alone.
    """

    problem: str | None
    all_refuse: bool


def probe(settings: KafkaSettings, timeout_s: float = 1.0) -> BrokerProbe:
    """Connect to one server after the other until one accepts; each gets `timeout_s`, all together twice that."""
    context = tls_context(settings) if settings.security_protocol.endswith("SSL") else None
    deadline_s = time.monotonic() + 2 * timeout_s
    problems, refusals = [], 0
    for host, port in _addresses(settings):
        left_s = min(timeout_s, max(0.05, deadline_s - time.monotonic()))
        try:
            with socket.create_connection((host, port), left_s) as plain:
                problem = None if context is None else _handshake(context, plain, host)
        except OSError as error:
            refusals += isinstance(error, ConnectionRefusedError)
            problem = error.strerror or str(error)
        if problem is None:
            return BrokerProbe(None, all_refuse=False)
        problems.append(f"{host}:{port}: {problem}")
    return BrokerProbe("; ".join(problems), all_refuse=refusals == len(problems))


def check_reachable(settings: KafkaSettings, timeout_s: float = 1.0) -> None:
    """Raises BusError with the reason when no bootstrap server can be reached."""
    problem = probe(settings, timeout_s).problem
    if problem is not None:
        raise BusError(problem)


def tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    """The TLS side of the settings. Raises BusError naming the file that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=None if settings.ssl_cafile is None else str(settings.ssl_cafile))
    except (OSError, ssl.SSLError) as error:
        raise BusError(f"kafka.ssl_cafile: {settings.ssl_cafile}: {error}") from error
    context.check_hostname = settings.ssl_check_hostname
    if settings.ssl_certfile is not None:
        password = settings.ssl_password
        try:
            context.load_cert_chain(
                settings.ssl_certfile, settings.ssl_keyfile, "" if password is None else password.get_secret_value()
            )
        except (OSError, ssl.SSLError) as error:
            raise BusError(f"kafka.ssl_certfile, kafka.ssl_keyfile: {settings.ssl_certfile}: {error}") from error
    return context


def _addresses(settings: KafkaSettings) -> Iterator[tuple[str, int]]:
    for address in settings.bootstrap_servers:
        host, _, port = address.rpartition(":")
        yield host.strip("[]"), int(port)


def _handshake(context: ssl.SSLContext, plain: socket.socket, host: str) -> str | None:
    """None, or why TLS fails."""
    plain.settimeout(HANDSHAKE_S)
    try:
        context.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return f"TLS: {error.verify_message}"
    except TimeoutError:
        return f"TLS: no handshake within {HANDSHAKE_S:g} s; is it a TLS port?"
    except ssl.SSLError as error:
        return f"TLS: {error.reason or error}; is it a TLS port?"
    return None
