"""Puts the HTTP side together. Runs on the event loop.

`create_app` gets a node and a bus that run already and leaves them running: who made them closes them, the node first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from fastapi import Depends, FastAPI

from api.cluster.directory import ClusterDirectory, LocalDirectory
from api.cluster.proxy import ClusterProxy, node_client
from api.cluster.routing import ClusterRoutes
from api.http import problems
from api.http.body_limit import BodyLimit
from api.http.headers import SecurityHeaders
from api.http.hub import Hub
from api.http.origin import OriginGuard
from api.http.principal import current_principal
from api.push.pushes import Pushes
from api.routes import (
    clips,
    describe,
    detections,
    explain,
    frames,
    health,
    models,
    pages,
    predict,
    probe,
    streams,
    video,
    whip,
)
from api.routes import images as pictures
from api.routes.context import ApiContext, Extension
from api.routes.predict import Predictor
from api.routes.video import Videos
from api.routes.whip import WhipPushes
from api.settings import ApiSettings
from api.video.mjpeg import Feeds
from workers.bus.bus import Bus
from workers.cluster.cluster import Cluster
from workers.node.node import Node

Role = Literal["node", "api", "monitor"]
ROLES: tuple[Role, ...] = ("node", "api", "monitor")

_THREADS = 32


def create_app(
    node: Node,
    bus: Bus,
    settings: ApiSettings | None = None,
    roles: Collection[Role] = ROLES,
    cluster: Cluster | None = None,
) -> FastAPI:
    """The application with the routes of `roles`. Serve it with `api.server.Server`.

    cluster: the other processes; what they have is shown, and asked of them. Without the role node, `node` is one that
    was not started.
    """
    parts = _parts(node, bus, settings or ApiSettings(), roles, cluster)
    app = FastAPI(
        title="Livesight",
        version=_version(),
        summary="Live video in; boxes, labels and tracks out, frame by frame.",
        openapi_url=None,  # ours depends on the principal, like everything
        docs_url=None,  # would load scripts from elsewhere
        redoc_url=None,
        dependencies=[Depends(current_principal)],
        lifespan=_lifespan,
    )
    app.state.parts = parts
    if cluster is not None:
        routes = ClusterRoutes(cluster, node, parts.roles, parts.extensions)
        app.state.node_client = node_client()
        app.add_middleware(ClusterProxy, routes=routes, client=app.state.node_client)
    app.add_middleware(BodyLimit, most_bytes=parts.settings.body_bytes, by_path=_picture_limits(parts))
    app.add_middleware(OriginGuard, settings=parts.settings)
    app.add_middleware(SecurityHeaders)
    problems.install(app)
    _include(app, roles)
    return app


def extend(app: FastAPI, extension: Extension) -> None:
    """Serve what an extension brings, and tell in readiness how it is. Before the first request."""
    app.state.parts.extensions.append(extension)
    for router in extension.routers:
        app.include_router(router)


def _parts(node: Node, bus: Bus, settings: ApiSettings, roles: Collection[Role], cluster: Cluster | None) -> ApiContext:
    hub = Hub(bus, settings)
    pushes = Pushes(node, hub)
    feeds = Feeds(node, hub, settings)
    return ApiContext(
        node=node,
        directory=LocalDirectory(node) if cluster is None else ClusterDirectory(cluster, node, "node" in roles),
        cluster=cluster,
        roles=frozenset(roles),
        bus=bus,
        settings=settings,
        hub=hub,
        pushes=pushes,
        feeds=feeds,
        videos=Videos(node, hub, feeds, settings),
        predictor=Predictor(node, settings),
        whip=WhipPushes(node, pushes),
    )


def _include(app: FastAPI, roles: Collection[Role]) -> None:
    routers = [health.router, describe.router]
    if "api" in roles:
        routers += [pages.router, streams.router, probe.router, detections.router]
    if "node" in roles:
        routers += [whip.router, frames.router, pictures.router, video.router, clips.router]
        routers += [models.router, predict.router, explain.router]
    for router in routers:
        app.include_router(router)


def _picture_limits(parts: ApiContext) -> dict[str, int]:
    """The paths whose requests carry pictures; `body_bytes` more is for what a form has around them."""
    one, around = parts.stream_settings.image_bytes, parts.settings.body_bytes
    single = dict.fromkeys(predict.SINGLE_PATHS, one + around)
    return single | dict.fromkeys(predict.BATCH_PATHS, one * parts.settings.predict_images + around)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The hub and what else lives on the loop; ends in the order in which things depend on each other."""
    parts: ApiContext = app.state.parts
    # More threads than asyncio's default on few cores: a few slow removals must not keep the rest waiting.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="api"))
    parts.hub.start()
    if parts.cluster is not None:
        parts.cluster.removed = _told_on(asyncio.get_running_loop(), parts.hub.end_stream)
    try:
        yield
    finally:
        parts.hub.close()
        if parts.cluster is not None:
            await app.state.node_client.aclose()
        await parts.whip.sessions.close()
        await parts.pushes.close()
        await parts.videos.close()
        await parts.feeds.close()
        await parts.predictor.close()


def _told_on(loop: asyncio.AbstractEventLoop, callback: Callable[[str], None]) -> Callable[[str], None]:
    """`callback` for other threads; after the loop's end there is nobody to tell."""

    def tell(stream_id: str) -> None:
        try:
            loop.call_soon_threadsafe(callback, stream_id)
        except RuntimeError:
            return

    return tell


def _version() -> str:
    try:
        return version("livesight")
    except PackageNotFoundError:
        return "0"
