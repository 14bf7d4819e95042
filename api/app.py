"""Puts the HTTP side together. Runs on the event loop.

`create_app` gets a node and a bus that run already and leaves them running: their owner closes them, the node first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Literal
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI

from api.audit.middleware import AuditRecorder
from api.audit.routes import audit_routes
from api.audit.trail import AuditTrail
from api.auth.access_control import AccessControl
from api.auth.authentication import Authentication, CredentialReader
from api.auth.forwarded import ForwardedHeaders
from api.auth.live_connections import LiveConnectionGuard
from api.auth.live_pushes import LivePushGuard
from api.auth.machines.signed_redirects import SignedRedirects
from api.auth.people.session_routes import session_view_routes
from api.auth.plain_paths import PlainPaths
from api.auth.process_assertion import AssertionReader
from api.cluster.proxy import ClusterProxy, Peers, node_client
from api.cluster.routing import ClusterRoutes
from api.cluster.stream_directory import ClusterDirectory, LocalDirectory
from api.documents.openapi import DescribedApp
from api.http import error_responses
from api.http.body_limit import BodyLimit
from api.http.extension import Extension
from api.http.headers import SecurityHeaders
from api.http.origin import OriginGuard
from api.http.result_hub import ResultHub
from api.http.strict_requests import strict
from api.predict.predictor import Predictor
from api.push.pushes import Pushes
from api.push.whip_pushes import WhipPushes
from api.routes import camera_probe as probe
from api.routes import (
    clips,
    detections,
    explain,
    frames,
    health,
    models,
    pages,
    predict,
    schemas,
    snapshot_mjpeg,
    streams,
    taught_tags,
    video,
    whip,
)
from api.routes.context import ApiContext
from api.server.connections import Connections
from api.server.server import ServerOptions
from api.settings import ApiSettings
from api.video.channels import VideoChannels
from api.video.mjpeg import JpegEncoder
from workers.access.declaration import current_principal
from workers.access.principal import ANONYMOUS, LOCAL_ADMIN, Principal
from workers.bus.message_bus import Bus
from workers.cluster.cluster import Cluster
from workers.errors import StreamUnknown
from workers.node.node import Node

Role = Literal["node", "api", "monitor"]
ROLES: tuple[Role, ...] = ("node", "api", "monitor")

_THREADS = 32


def create_app(
    node: Node,
    bus: Bus,
    settings: ApiSettings | None = None,
    roles: Collection[str] = ROLES,
    cluster: Cluster | None = None,
    *,
    access: AccessControl | None = None,
    trail: AuditTrail | None = None,
) -> FastAPI:
    """The application with the routes of `roles`. Serve it with `api.server.server.Server`.

    cluster: the other processes; requests for their streams are forwarded to them. Without the role node, `node` was
    not started. access: who may do what; None: everybody is a local admin. trail: records who saw and did what.
    """
    settings = _shared(settings or ApiSettings(), access)
    context = replace(_context(node, bus, settings, roles, cluster), access=access, trail=trail)
    app = DescribedApp(
        title="Livesight",
        version=_version(),
        summary="Live video in; boxes, labels and tracks out, frame by frame.",
        openapi_url=None,  # api/routes/schemas.py serves it
        docs_url=None,  # would load scripts from other hosts
        redoc_url=None,
        dependencies=[Depends(current_principal), Depends(strict)],
        lifespan=_lifespan,
    )
    app.accounts = access is not None
    app.state.context = context
    app.state.server_options = _server_options(context)
    if cluster is not None:
        _forward_to_others(app, cluster, context)
    if access is not None:
        app.add_middleware(LivePushGuard, live=access.live, own=node.name, exists=lambda name: _exists(context, name))
    _find_out_who_asks(app, access, cluster)
    _guard(app, context)
    error_responses.install(app)
    _include(app, roles)
    _include_accounts(app, context)
    return app


FACE_PATHS = "/v1/people/(?:search|[^/]+/looks)"
"""Paths of monitoring's that take a picture."""


def _guard(app: FastAPI, context: ApiContext) -> None:
    app.add_middleware(AuditRecorder, trail=context.trail)
    faces = {FACE_PATHS: context.stream_settings.image_bytes + context.settings.body_bytes}
    limits = {"by_path": _image_limits(context), "by_pattern": faces}
    app.add_middleware(BodyLimit, max_bytes=context.settings.body_bytes, **limits)
    app.add_middleware(OriginGuard, settings=context.settings, names=_reached_by(context.cluster))
    app.add_middleware(PlainPaths)
    app.add_middleware(SecurityHeaders, embeds=bool(context.settings.allowed_origins))
    access = context.access
    if access is not None and access.settings.trusted_proxies:
        app.add_middleware(ForwardedHeaders, proxies=access.settings.trusted_proxies)


def _shared(settings: ApiSettings, access: AccessControl | None) -> ApiSettings:
    """Many clients stand behind a trusted proxy, too."""
    proxies = () if access is None else tuple(map(str, access.settings.trusted_proxies))
    return settings.model_copy(update={"shared_addresses": (*settings.shared_addresses, *proxies)})


def _include_accounts(app: FastAPI, context: ApiContext) -> None:
    if "api" in context.roles:
        people = None if context.access is None else context.access.people
        app.include_router(session_view_routes(people, context.open_to_all))
    for router in () if context.access is None else context.access.routers:
        app.include_router(router)
    if context.trail is not None and context.trail.database is not None:
        app.include_router(audit_routes(context.trail.database))


def _find_out_who_asks(app: FastAPI, access: AccessControl | None, cluster: Cluster | None) -> None:
    if access is not None:
        app.add_middleware(LiveConnectionGuard, live=access.live)
        app.add_middleware(SignedRedirects, signer=access.machines.signer)
    app.add_middleware(
        Authentication,
        readers=_readers(access, cluster),
        otherwise=_otherwise(access),
        limits=None if access is None else access.machines.limits,
    )


def _forward_to_others(app: FastAPI, cluster: Cluster, context: ApiContext) -> None:
    routes = app.state.cluster_routes = ClusterRoutes(cluster, context.node, context.roles, context.extensions)
    app.state.node_client = node_client()
    peers = Peers(app.state.node_client, cluster.trust, cluster.assertions)
    app.add_middleware(ClusterProxy, routes=routes, peers=peers)


def _readers(access: AccessControl | None, cluster: Cluster | None) -> list[CredentialReader]:
    """The ways to prove who one is: as another process of the cluster before all others."""
    assertions = None if cluster is None else cluster.assertions
    if access is None:
        return [] if assertions is None else [AssertionReader(assertions)]
    return [AssertionReader(assertions), *access.readers]


def _exists(context: ApiContext, stream_id: str) -> bool:
    try:
        context.directory.stream(stream_id)
    except StreamUnknown:
        return False
    return True


def _otherwise(access: AccessControl | None) -> Principal:
    return LOCAL_ADMIN if access is None else ANONYMOUS


def extend(app: FastAPI, extension: Extension) -> None:
    """Serve an extension's routes and include its problems in readiness. Before the first request."""
    app.state.context.extensions.append(extension)
    forward(app, extension.prefixes)
    for router in extension.routers:
        app.include_router(router)


def extend_or_forward(app: FastAPI, extension: Extension | None, prefixes: Sequence[str]) -> None:
    """Serve the monitor's routes here, or forward them to the process whose monitor works. Before the first request."""
    if extension is None:
        return forward(app, prefixes)
    extend(app, extension)
    cluster = app.state.context.cluster
    if cluster is not None:
        cluster.announce_monitor(lambda: extension.active)


def forward(app: FastAPI, prefixes: Sequence[str]) -> None:
    """In a cluster: forward the paths of an extension to the process where it works. Before the first request."""
    if app.state.context.cluster is not None:
        app.state.cluster_routes.serve_elsewhere(prefixes)


def _context(
    node: Node, bus: Bus, settings: ApiSettings, roles: Collection[str], cluster: Cluster | None
) -> ApiContext:
    hub = ResultHub(bus, settings)
    pushes = Pushes(node, hub)
    jpeg_encoder = JpegEncoder(node, hub, settings)
    return ApiContext(
        node=node,
        directory=LocalDirectory(node) if cluster is None else ClusterDirectory(cluster, node, "node" in roles),
        cluster=cluster,
        roles=frozenset(roles),
        bus=bus,
        settings=settings,
        connections=Connections(settings),
        hub=hub,
        pushes=pushes,
        jpeg_encoder=jpeg_encoder,
        channels=VideoChannels(node, hub, jpeg_encoder, settings),
        predictor=Predictor(node, settings),
        whip=WhipPushes(node, pushes),
    )


def _server_options(context: ApiContext) -> ServerOptions:
    return ServerOptions(context.settings, context.stream_settings.image_bytes, context.hub.close, context.connections)


def _reached_by(cluster: Cluster | None) -> list[str]:
    """The name by which the other processes reach this one."""
    name = None if cluster is None else urlsplit(cluster.member.address).hostname
    return [name] if name else []


def _include(app: FastAPI, roles: Collection[str]) -> None:
    routers = [health.router, schemas.router]
    if "api" in roles:
        routers += [pages.router, streams.router, probe.router, detections.router]
    if "node" in roles:
        routers += [whip.router, frames.router, snapshot_mjpeg.router, video.router, clips.router]
        routers += [taught_tags.router]
        routers += [models.router, predict.router, explain.router]
    for router in routers:
        app.include_router(router)


def _image_limits(context: ApiContext) -> dict[str, int]:
    """The body limits of the paths that take images; `body_bytes` is for the form around them."""
    image, form = context.stream_settings.image_bytes, context.settings.body_bytes
    single = dict.fromkeys(predict.SINGLE_PATHS, image + form)
    return single | dict.fromkeys(predict.BATCH_PATHS, image * context.settings.predict_images + form)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the hub; at the end close everything that lives on the loop, in the order of dependence."""
    context: ApiContext = app.state.context
    # More threads than asyncio's default on few cores: a few slow removals must not delay other requests.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="api"))
    context.hub.start()
    unsubscribe: Callable[[], None] | None = None
    if context.cluster is not None:
        loop = asyncio.get_running_loop()
        unsubscribe = context.cluster.subscribe_removed(
            lambda stream_id: loop.call_soon_threadsafe(context.hub.end_stream, stream_id)
        )
    try:
        async with nullcontext() if context.access is None else context.access.serving():
            yield
    finally:
        if unsubscribe is not None:
            unsubscribe()
        context.hub.close()
        if context.cluster is not None:
            await app.state.node_client.aclose()
        await context.whip.sessions.close()
        await context.pushes.close()
        await context.channels.close()
        await context.jpeg_encoder.close()
        await context.predictor.close()


def _version() -> str:
    try:
        return version("livesight")
    except PackageNotFoundError:
        return "0"
