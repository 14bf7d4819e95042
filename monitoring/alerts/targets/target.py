"""What the dispatcher needs of a target, and the targets that there are. Pure."""

from __future__ import annotations

from typing import Protocol

from monitoring.alerts.targets.notice import Notice
from monitoring.alerts.targets.settings import AppriseSettings, MqttSettings, TargetSettings
from stream.network.networks import NetworkSettings


class AlertTarget(Protocol):
    """A recipient of alerts. On the dispatcher's event loop only; one `send` at a time, except for test messages."""

    async def send(self, notice: Notice) -> None:
        """Send, and return when the other side has it. Raises DeliveryFailed; may be cancelled at any time."""
        ...

    async def close(self) -> None:
        """Close connections. Idempotent."""
        ...


def make_target(settings: TargetSettings, networks: NetworkSettings) -> AlertTarget:
    """The target that the settings describe. Imports its library only now. networks: where webhooks may be."""
    if isinstance(settings, MqttSettings):
        from monitoring.alerts.targets.mqtt import MqttTarget

        return MqttTarget(settings)
    if isinstance(settings, AppriseSettings):
        from monitoring.alerts.targets.apprise import AppriseTarget

        url = settings.url.get_secret_value()
        return AppriseTarget(settings.name, url, settings.timeout_s, attach_image=settings.picture)
    from monitoring.alerts.targets.webhook import WebhookTarget

    return WebhookTarget(settings, networks)
