"""Which addresses may be connected to: settings, and the policy made of them. Pure, but for names that it resolves.

The policy is asked for every address that a name resolves to, and the connection is made to the address that was asked
about (dialing.py). An IPv6 address that carries an IPv4 address is both.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from stream.network.ip_addresses import IpAddress, IpNetwork, forms, parsed_ip
from stream.network.reserved_places import ReservedPlaces

_LOOPBACK = ("127.0.0.0/8", "::1/128")
_NEVER = ("0.0.0.0/8", "::/128", "169.254.0.0/16", "fe80::/10", "224.0.0.0/4", "ff00::/8", "240.0.0.0/4")
"""This host, link-local, multicast, reserved and broadcast."""
_METADATA = (
    "169.254.169.254",  # AWS, Azure, Google Cloud and most others
    "169.254.170.2",  # AWS ECS
    "169.254.170.23",  # AWS EKS
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",  # Google Cloud
    "100.100.100.200",  # Alibaba Cloud
    "192.0.0.192",  # Oracle Cloud
    "168.63.129.16",  # Azure's host
)
"""What gives a cloud's credentials to whoever asks from inside; only an entry for the very address allows it."""
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})


def _from_text(value: object) -> object:
    """Accept `a,b`, as in an environment variable, as a list."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Networks = Annotated[tuple[str, ...], BeforeValidator(_from_text)]


class NetworkSettings(BaseModel):
    """Which addresses may be connected to. Networks as 10.0.0.0/8, single addresses as 10.0.0.5."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    allow: Networks = Field(
        default=(),
        description="Allowed besides private and public ones: loopback, link-local, a metadata service.",
    )
    deny: Networks = Field(default=(), description="Never connected to, whatever allow says.")
    only: bool = Field(default=False, description="Allow nothing but what allow lists.")
    loopback: bool | None = Field(
        default=None, description="Allow this machine's own. Null: while Livesight itself listens on loopback only."
    )
    reserved: Networks = Field(
        default=(),
        description="HOST:PORT never connected to, at any address of the host; broker and databases are added.",
    )

    @field_validator("allow", "deny")
    @classmethod
    def _networks(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            try:
                ipaddress.ip_network(entry)
            except ValueError:
                try:
                    meant = f"; did you mean {ipaddress.ip_network(entry, strict=False)}?"
                except ValueError:
                    meant = ""
                raise ValueError(f"{entry!r} is no network such as 10.0.0.0/8{meant}") from None
        return entries

    @field_validator("reserved")
    @classmethod
    def _places(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if not entry.rpartition(":")[2].isdecimal():
                raise ValueError(f"{entry!r} must be HOST:PORT")
        return entries


class NetworkPolicy:
    """Any thread. A name among `reserved` is looked up when its port is asked about, at most once a minute."""

    def __init__(self, settings: NetworkSettings) -> None:
        self._allow = _parsed(settings.allow)
        self._deny = _parsed(settings.deny)
        self._only = settings.only
        self._loopback = settings.loopback is not False
        self._reserved = ReservedPlaces(settings.reserved)

    def allows(self, address: str, port: int) -> bool:
        """Whether a connection to this numeric address and port may be made."""
        return all(self._allows(form, port) for form in forms(parsed_ip(address)))

    def allows_name(self, host: str) -> bool:
        """Whether the name may be resolved at all."""
        return host.removesuffix(".").lower() not in _METADATA_NAMES

    def _allows(self, address: IpAddress, port: int) -> bool:
        if _within(address, self._deny) or self._reserved.has(address, port):
            return False
        listed = [network for network in self._allow if address in network]
        if str(address) in _METADATA:
            return any(network.num_addresses == 1 for network in listed)
        if listed:
            return True
        if self._only or _within(address, _parsed(_NEVER)):
            return False
        return self._loopback or not _within(address, _parsed(_LOOPBACK))


def _parsed(entries: tuple[str, ...]) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(entry) for entry in entries)


def _within(address: IpAddress, networks: tuple[IpNetwork, ...]) -> bool:
    return any(address in network for network in networks)
