"""What the settings say of ourselves, for the policies of connections: where we listen, broker, databases. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

from stream.network.networks import NetworkSettings

_Settings = TypeVar("_Settings", bound=Any)
_POSTGRESQL_PORT = 5432


def with_networks(settings: _Settings) -> _Settings:
    """The settings with networks that know us: cameras and webhooks reach neither broker nor databases, and this
    machine's own addresses only while nobody else reaches us (unless `loopback` is set).
    """
    reserved = tuple(_places(settings))

    def known(networks: NetworkSettings) -> NetworkSettings:
        loopback = settings.api.on_loopback if networks.loopback is None else networks.loopback
        return networks.model_copy(update={"loopback": loopback, "reserved": (*networks.reserved, *reserved)})

    stream = settings.stream.model_copy(update={"networks": known(settings.stream.networks)})
    alerts = settings.monitoring.alerts
    alerts = alerts.model_copy(update={"networks": known(alerts.networks)})
    monitoring = settings.monitoring.model_copy(update={"alerts": alerts})
    return settings.model_copy(update={"stream": stream, "monitoring": monitoring})  # type: ignore[no-any-return]


def _places(settings: Any) -> Iterator[str]:
    """HOST:PORT of the broker and the databases."""
    if settings.kafka is not None:
        yield from (server.rpartition("//")[2] for server in settings.kafka.bootstrap_servers if ":" in server)
    yield from _databases(part.database_url for part in (settings.monitoring, settings.auth))


def _databases(urls: Iterable[Any]) -> Iterator[str]:
    for url in urls:
        if url is not None and url.get_secret_value().startswith("postgres"):
            parts = urlsplit(url.get_secret_value())
            if parts.hostname:
                host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
                yield f"{host}:{parts.port or _POSTGRESQL_PORT}"
