"""Whom a process of the cluster believes: the shared secret, and the networks that other processes may be in.

Looks at the disk and at this machine's addresses; call it once, at the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import psutil

from workers.access.cluster_keys import HOW_TO_MAKE, LEAST_BYTES, ClusterKeys, check_secret
from workers.cluster.settings import ClusterSettings
from workers.errors import SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PRIVATE: tuple[Network, ...] = (
    *(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")),
    ip_network("fc00::/7"),
)


@dataclass(frozen=True, slots=True)
class ClusterTrust:
    """`keys` None: the processes share no secret. `networks`: where other processes may be.

    `unsigned`: whether records of others count without a signature; never with keys.
    """

    keys: ClusterKeys | None = None
    networks: tuple[Network, ...] = (*LOOPBACK, *PRIVATE)
    unsigned: bool = True


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a process is run. `apart`: without some of the roles, so that it is nothing without the others."""

    accounts: bool
    apart: bool
    on_loopback: bool


def trust_of(settings: ClusterSettings, exposure: Exposure) -> ClusterTrust:
    """Raises SettingsError for a secret that is missing, too short or unreadable."""
    keys = cluster_keys(settings)
    if keys is None and exposure.accounts and exposure.apart:
        raise SettingsError(
            "cluster.secret: processes with auth.mode accounts and roles apart prove to each other who they are: "
            "set it to the same text of 32 bytes or more in all of them (LIVESIGHT_CLUSTER__SECRET, or "
            f"LIVESIGHT_CLUSTER__SECRET_FILE); {HOW_TO_MAKE}"
        )
    networks: tuple[Network, ...]
    if settings.networks:
        networks = settings.networks
    elif exposure.on_loopback and keys is None:
        networks = (*LOOPBACK, *own_networks())
    else:
        networks = (*PRIVATE, *own_networks(), *(LOOPBACK if exposure.on_loopback else ()))
    return ClusterTrust(keys, networks, keys is None and not exposure.accounts)


def own_networks() -> tuple[Network, ...]:
    """This machine's own addresses, but for loopback and link-local ones."""
    families = {"AF_INET", "AF_INET6"}
    interfaces = [one for many in psutil.net_if_addrs().values() for one in many if one.family.name in families]
    found = [ip_address(one.address.split("%")[0]) for one in interfaces]
    return tuple(ip_network(one) for one in found if not one.is_loopback and not one.is_link_local)


def cluster_keys(settings: ClusterSettings) -> ClusterKeys | None:
    """The keys that all processes of the cluster have; None without a secret. Raises SettingsError."""
    secrets = [one.get_secret_value() for one in (settings.secret, settings.accepted_secret) if one is not None]
    if settings.secret_file is not None:
        secrets = _read(settings)
    return ClusterKeys(secrets) if secrets else None


def _read(settings: ClusterSettings) -> list[str]:
    path = settings.secret_file
    assert path is not None
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingsError(f"cluster.secret_file: {path}: {reason}") from error
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise SettingsError(f"cluster.secret_file: {path} is empty; it needs a line of {LEAST_BYTES} bytes or more")
    for number, secret in enumerate(found, 1):
        try:
            check_secret(secret)
        except ValueError as error:
            raise SettingsError(f"cluster.secret_file: {path}: secret {number} {error}") from error
    return found
