"""What the routes work with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Protocol

from fastapi import APIRouter, Depends
from starlette.requests import HTTPConnection

from api.cluster.directory import Directory
from api.http.hub import Hub
from api.settings import ApiSettings
from stream.config import StreamSettings
from workers.bus.bus import Bus
from workers.cluster.cluster import Cluster
from workers.node.node import Node

if TYPE_CHECKING:
    from api.push.pushes import Pushes
    from api.routes.predict import Predictor
    from api.routes.video import Videos
    from api.routes.whip import WhipPushes
    from api.video.mjpeg import Feeds


class Extension(Protocol):
    """What a package that api does not know brings to the same address: monitoring."""

    @property
    def routers(self) -> Sequence[APIRouter]:
        """What it serves."""
        ...

    @property
    def active(self) -> bool:
        """Whether it does its work in this process now, and not in another. Never waits."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it can answer at all. Never waits."""
        ...

    def problems(self) -> list[str]:
        """What is wrong with it now, in words. Never waits."""
        ...


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The owners of everything; one object an application, under `app.state.parts`."""

    node: Node  # runs nothing in a process without the role node
    directory: Directory
    cluster: Cluster | None
    roles: frozenset[str]
    bus: Bus
    settings: ApiSettings
    hub: Hub
    pushes: Pushes
    feeds: Feeds
    videos: Videos
    predictor: Predictor
    whip: WhipPushes
    extensions: list[Extension] = field(default_factory=list)

    @property
    def stream_settings(self) -> StreamSettings:
        """How the node's sources behave."""
        return self.node.stream_settings


async def context_of(connection: HTTPConnection) -> ApiContext:
    """The parts of the application that serves this connection."""
    parts = connection.app.state.parts
    assert isinstance(parts, ApiContext)
    return parts


Context = Annotated[ApiContext, Depends(context_of)]
