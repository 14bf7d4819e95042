"""What the routes work with: one `ApiContext` an application. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.audit.trail import AuditTrail
from api.auth.access_control import AccessControl
from api.cluster.stream_directory import StreamDirectory
from api.http.extension import Extension
from api.http.result_hub import ResultHub
from api.predict.predictor import Predictor
from api.predict.promotion_jobs import PromotionJobs
from api.push.pushes import Pushes
from api.push.whip_pushes import WhipPushes
from api.server.connections import Connections
from api.settings import ApiSettings
from api.video.channels import VideoChannels
from api.video.mjpeg import JpegEncoder
from stream.config import StreamSettings
from workers.bus.message_bus import Bus
from workers.cluster.cluster import Cluster
from workers.node.node import Node


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The owners of all state; `app.state.context` holds it."""

    node: Node  # runs nothing in a process without the role node
    directory: StreamDirectory
    cluster: Cluster | None
    roles: frozenset[str]
    bus: Bus
    settings: ApiSettings
    connections: Connections
    hub: ResultHub
    pushes: Pushes
    jpeg_encoder: JpegEncoder
    channels: VideoChannels
    predictor: Predictor
    whip: WhipPushes
    access: AccessControl | None = None  # None: whoever reaches the service is admin
    trail: AuditTrail | None = None
    extensions: list[Extension] = field(default_factory=list)
    promotions: PromotionJobs = field(default_factory=PromotionJobs)

    @property
    def open_to_all(self) -> bool:
        """Whether others than this machine's users reach the service, and may do everything."""
        return self.access is None and not self.settings.on_loopback

    @property
    def stream_settings(self) -> StreamSettings:
        """How the node's sources behave."""
        return self.node.stream_settings


async def context_of(connection: HTTPConnection) -> ApiContext:
    """The context of the application that serves this connection."""
    context = connection.app.state.context
    assert isinstance(context, ApiContext)
    return context


Context = Annotated[ApiContext, Depends(context_of)]
