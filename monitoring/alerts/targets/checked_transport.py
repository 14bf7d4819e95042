"""Connections of webhooks: to addresses that the policy allows, and no others. Runs on the dispatcher's event loop.

The host is resolved once, in a thread; the connection goes to one of the addresses that were checked, with TLS for the
host's name.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from monitoring.alerts.errors import DeliveryFailed
from stream.errors import AddressRefused, SourceError
from stream.network.dialing import resolve
from stream.network.networks import NetworkPolicy

_LIMITS = httpx.Limits(max_connections=4, max_keepalive_connections=1, keepalive_expiry=30)
REFUSED = (
    "refused by policy: no webhook is sent to this address; whoever runs Livesight can list it in "
    "monitoring.alerts.networks.allow"
)


class CheckedTransport(httpx.AsyncHTTPTransport):
    """httpx's own, with another way to connect. Requests raise DeliveryFailed where policy refuses."""

    def __init__(self, policy: NetworkPolicy, verify: ssl.SSLContext) -> None:
        super().__init__(verify=verify, trust_env=False, limits=_LIMITS)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=_LIMITS.max_connections,
            max_keepalive_connections=_LIMITS.max_keepalive_connections,
            keepalive_expiry=_LIMITS.keepalive_expiry,
            network_backend=_CheckedBackend(policy),
        )


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, policy: NetworkPolicy) -> None:
        self._policy = policy
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See AsyncNetworkBackend. Raises DeliveryFailed, which httpx hands on."""
        try:
            addresses = await asyncio.to_thread(resolve, host, port, self._policy, timeout)
        except AddressRefused:
            raise DeliveryFailed(REFUSED) from None
        except SourceError as error:
            raise httpcore.ConnectError(str(error)) from None
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                return await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    async def sleep(self, seconds: float) -> None:
        """See AsyncNetworkBackend."""
        await self._sockets.sleep(seconds)
