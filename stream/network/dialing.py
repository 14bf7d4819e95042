"""Connects to addresses that the policy allows, and to no others. Blocking; any thread.

A name is resolved once, each of its addresses is checked, and the connection goes to one of those: a name that resolves
to something else a moment later (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import socket
import ssl
import time

from stream.errors import AddressRefused, SourceError
from stream.network.name_lookup import addresses_of
from stream.network.networks import NetworkPolicy
from stream.network.refusals import connection_in_words

REFUSED = (
    "refused by policy: no connection is made to this address; whoever runs Livesight can list it in "
    "stream.networks.allow"
)
_LEAST_S = 0.2
_LOOKUP_S = 10.0
_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT, from Python 3.12 on


def dial(host: str, port: int, policy: NetworkPolicy, timeout_s: float) -> socket.socket:
    """A TCP connection, made within `timeout_s`.

    Raises AddressRefused where no address of the host is allowed; SourceError, with a text for users.
    """
    deadline_s = time.monotonic() + timeout_s
    allowed = resolve(host, port, policy, timeout_s)
    failure: OSError = TimeoutError()
    for left, address in zip(range(len(allowed), 0, -1), allowed, strict=True):
        wait_s = max(_LEAST_S, (deadline_s - time.monotonic()) / left)
        try:
            connection = socket.create_connection((address, port), wait_s)
        except OSError as error:
            failure = error
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    raise SourceError(connection_in_words(failure, timeout_s)) from None


def resolve(host: str, port: int, policy: NetworkPolicy, wait_s: float | None = None) -> list[str]:
    """The numeric addresses of a host that are allowed, within `wait_s` (ten seconds for None).

    Raises AddressRefused where there are others only, and SourceError where there are none.
    """
    if not policy.allows_name(host):
        raise AddressRefused(REFUSED)
    addresses = addresses_of(host, _LOOKUP_S if wait_s is None else wait_s)
    allowed = [address for address in addresses if policy.allows(address, port)]
    if not allowed:
        raise AddressRefused(REFUSED)
    return allowed


def camera_tls() -> ssl.SSLContext:
    """TLS as cameras speak it, old ones too: certificates that they signed themselves, short keys, TLS 1.0, no secure
    renegotiation. Nothing is proven by it, so nothing is lost; what is newer is preferred where both sides know it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
    context.options |= _LEGACY_SERVER_CONNECT
    return context
