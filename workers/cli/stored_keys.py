"""Which keys encrypt what a service with these settings stores. Looks at the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from workers.cluster.settings import ClusterSettings
from workers.cluster.trust import cluster_keys
from workers.kafka.settings import KafkaSettings
from workers.secrets.keys import SecretKeys
from workers.secrets.opening import secret_keys
from workers.secrets.settings import SecretSettings


class SecretsLocation(Protocol):
    """What of all settings says where secrets are stored, and what encrypts them."""

    @property
    def secrets(self) -> SecretSettings:
        """The keys."""
        ...

    @property
    def cluster(self) -> ClusterSettings:
        """Its secret, and whether cameras are shared."""
        ...

    @property
    def kafka(self) -> KafkaSettings | None:
        """Where shared cameras are stored; None: all in one process."""
        ...

    @property
    def state_dir(self) -> Path:
        """Where the others are stored."""
        ...


def keys_of(settings: SecretsLocation, *, make: bool = True) -> SecretKeys:
    """The keys. Raises SettingsError. make: make one in the state directory where a process by itself has none."""
    keys = cluster_keys(settings.cluster)
    return secret_keys(settings.secrets, keys, settings.state_dir, shared=shares_cameras(settings), make=make)


def shares_cameras(settings: SecretsLocation) -> bool:
    """Whether cameras are stored on Kafka, where other processes read them."""
    return settings.kafka is not None and settings.cluster.lease
