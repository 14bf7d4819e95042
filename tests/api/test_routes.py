"""What holds for every route: a principal, problems as errors, headers, who may call, and what is published."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.app import create_app
from api.documents.route_table import SOCKET, declared_routes
from api.http.errors import KINDS, Problem
from api.settings import ApiSettings
from tests.api.conftest import Service, Start
from tests.api.push_client import encoded
from workers.bus import message_bus
from workers.bus.message_bus import LocalBus
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings


def application(**options: Any) -> FastAPI:
    """One that serves nothing."""
    return create_app(Node(NodeSettings("test"), ModelStore([]), LocalBus()), LocalBus(), **options)


def test_every_socket_is_one_of_the_table() -> None:
    """tests/api/test_authorization.py has what each route declares."""
    sockets = {route.path for route in declared_routes(application()) if route.method == SOCKET}
    of_a_stream = {f"/v1/streams/{{stream_id}}/{what}" for what in ("frames", "detections", "video")}
    assert sockets == {"/v1/detections", *of_a_stream}


def test_roles_choose_the_routes() -> None:
    def paths(*roles: Any) -> set[str]:
        return {route.path for route in declared_routes(application(roles=roles))}

    assert "/v1/predict" in paths("node") and "/v1/streams" not in paths("node")
    assert "/v1/predict" not in paths("api") and "/v1/detections" in paths("api")
    assert "/readyz" in paths("monitor") and "/v1/streams" not in paths("monitor")


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nothing/here", 404, "not-found"),
        ("PUT", "/v1/streams", 405, "method-not-allowed"),
        ("GET", "/v1/streams/nobody", 404, "stream-unknown"),
        ("GET", "/v1/streams/No!", 422, "invalid-request"),
        ("GET", "/v1/streams/nobody/snapshot.jpg", 404, "stream-unknown"),
        ("GET", "/v1/streams/nobody/mjpeg", 404, "stream-unknown"),
        ("GET", "/static/../settings.py", 404, "not-found"),
        ("GET", "/static/%2e%2e/settings.py", 400, "bad-request"),
        ("GET", "/static/..%2fsettings.py", 400, "bad-request"),
    ],
)
def test_errors_are_problems(service: Service, method: str, path: str, status: int, kind: str) -> None:
    response = httpx.request(method, service.url + path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"urn:livesight:problem:{kind}"
    assert problem["status"] == status and problem["title"] and problem["detail"]


def test_unforeseen_error_says_nothing_of_the_inside(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def boom() -> None:
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr(service.node, "streams", boom)
    response = httpx.get(f"{service.url}/v1/streams")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:livesight:problem:internal"
    assert "secret" not in response.text and "Traceback" not in response.text


def test_kinds_are_well_formed() -> None:
    for kind in KINDS:
        document = Problem(kind, "rtsp://user:password@camera/ is bad").document()
        assert "password" not in json.dumps(document)


def test_strict_policy_on_every_response(service: Service) -> None:
    for path in ("/", "/v1/streams", "/nothing"):
        policy = httpx.get(service.url + path).headers["content-security-policy"]
        directives = dict(part.split(" ", 1) for part in policy.split("; "))
        assert directives["default-src"] == "'self'"
        assert directives["img-src"] == "'self' blob: data:"
        assert directives["connect-src"] == "'self' ws: wss:"
        assert directives["media-src"] == "'self' blob:"
        assert "unsafe" not in policy and "script-src" not in directives


def test_page_is_served_with_etag(service: Service) -> None:
    page = httpx.get(service.url)
    assert page.status_code == 200 and "<html" in page.text
    again = httpx.get(service.url, headers={"if-none-match": page.headers["etag"]})
    assert again.status_code == 304
    head = httpx.head(service.url)
    assert head.status_code == 200 and head.content == b"" and head.headers["etag"] == page.headers["etag"]
    script = httpx.get(f"{service.url}/static/app.js")
    assert script.headers["content-type"].startswith("text/javascript")


async def handshake(service: Service, **headers: str) -> int:
    try:
        async with connect(f"{service.ws}/v1/detections", additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_sockets_check_the_origin(start: Start) -> None:
    service = start(allowed_origins=("https://good.example",))
    assert await handshake(service) == 101
    assert await handshake(service, Origin=service.url) == 101
    assert await handshake(service, Origin="https://good.example") == 101
    for foreign in ("https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example", "http://["):
        assert await handshake(service, Origin=foreign) == 403, foreign


async def test_foreign_pages_may_look_but_not_touch(start: Start) -> None:
    service = start(allowed_origins=("https://good.example",))
    async with service.http() as http:
        evil, good = {"origin": "https://evil.example"}, {"origin": "https://good.example"}
        refused = await http.delete("/v1/streams/cam", headers=evil)
        assert refused.status_code == 403
        assert refused.json()["type"] == "urn:livesight:problem:origin-refused"
        assert "access-control-allow-origin" not in (await http.get("/v1/streams", headers=evil)).headers
        granted = await http.get("/v1/streams", headers=good)
        assert granted.headers["access-control-allow-origin"] == "https://good.example"
        assert "Location" in granted.headers["access-control-expose-headers"]
        preflight = await http.options(
            "/v1/streams/cam/whip", headers={**good, "access-control-request-method": "POST"}
        )
        assert preflight.status_code == 200
        assert preflight.headers["accept-post"] == "application/sdp"
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        preflight = await http.options("/v1/streams", headers={**evil, "access-control-request-method": "POST"})
        assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize(
    ("settings", "host", "fine"),
    [
        ({}, "localhost:1", True),
        ({}, "[::1]:1", True),
        ({}, "rebound.evil.example", False),
        ({"allowed_hosts": ("cam.example",)}, "cam.example", True),
        ({"allowed_origins": ("https://cam.example",)}, "cam.example:443", True),
        ({"allowed_hosts": ("*",)}, "anything", True),
    ],
)
def test_loopback_service_answers_to_known_names_only(
    start: Start, settings: dict[str, Any], host: str, fine: bool
) -> None:
    response = httpx.get(f"{start(**settings).url}/healthz", headers={"host": host})
    assert response.status_code == (200 if fine else 421)


def test_bodies_are_bounded(start: Start) -> None:
    service = start(body_bytes=2000)

    def chunks() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * 1000

    for content in (b"x" * 3000, chunks()):
        response = httpx.post(
            f"{service.url}/v1/streams", content=content, headers={"content-type": "application/json"}
        )
        assert response.status_code == 413
        assert response.json()["type"] == "urn:livesight:problem:body-too-large"


def test_health(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert httpx.get(f"{service.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{service.url}/readyz").json() == {"status": "ready", "reasons": [], "notes": []}
    monkeypatch.setattr(service.bus, "problems", lambda: ["the broker is away"])
    degraded = httpx.get(f"{service.url}/readyz")
    assert degraded.status_code == 200
    assert degraded.json() == {"status": "degraded", "reasons": ["the broker is away"], "notes": []}
    service.node.close()
    down = httpx.get(f"{service.url}/readyz")
    assert down.status_code == 503 and down.json()["status"] == "not ready"
    both = httpx.get(f"{service.url}/health")
    assert both.status_code == 503
    assert both.json()["live"]["status"] == "ok" and both.json()["ready"]["status"] == "not ready"


def test_not_ready_before_models_are_loaded(start: Start) -> None:
    service = start(ready=False)
    assert httpx.get(f"{service.url}/readyz").status_code == 503
    assert httpx.get(f"{service.url}/healthz").status_code == 200


def test_metrics_are_prometheus_text(service: Service) -> None:
    response = httpx.get(f"{service.url}/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    names = {family.name for family in text_string_to_metric_families(response.text)}
    assert {"livesight_viewers", "livesight_frames_decoded", "livesight_stage_seconds"} <= names


def test_published_schema_accepts_results(service: Service) -> None:
    schema = httpx.get(f"{service.url}/v1/schemas/frame").json()
    result = httpx.post(f"{service.url}/v1/predict?models=number", files={"file": encoded(1)}).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(result, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**result, "surprise": 1}, schema)


def test_openapi_names_every_http_route(service: Service) -> None:
    document = httpx.get(f"{service.url}/openapi.json").json()
    assert document["openapi"].startswith("3.")
    for path in (
        "/v1/streams",
        "/v1/streams/{stream_id}/whip/{session_id}",
        "/v1/streams/{stream_id}/snapshot.jpg",
        "/v1/predict/batch",
        "/v1/models",
        "/readyz",
        "/metrics",
    ):
        assert path in document["paths"], path


def test_both_documents_name_the_limit_on_analysis(service: Service) -> None:
    document = httpx.get(f"{service.url}/openapi.json").json()
    schemas = document["components"]["schemas"]
    for name in ("NewStream", "StreamChanges"):
        limit = schemas[name]["properties"]["max_fps"]["anyOf"][0]
        assert limit.pop("description"), name
        assert limit == {"type": "number", "minimum": 0.01, "maximum": 240}, name
    assert "max_fps" in schemas["Stream"]["properties"]
    whip = {one["name"] for one in document["paths"]["/v1/streams/{stream_id}/whip"]["post"]["parameters"]}
    sockets = httpx.get(f"{service.url}/asyncapi.json").json()["channels"]
    frames = sockets["frames"]["bindings"]["ws"]["query"]["properties"].keys()
    assert whip - {"stream_id"} == frames == {"models", "blur", "max_fps", "identity"}


def test_asyncapi_refers_to_what_is_there(service: Service) -> None:
    document = httpx.get(f"{service.url}/asyncapi.json").json()
    assert document["asyncapi"] == "3.0.0"

    def resolve(reference: str) -> Any:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        return node

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = list(references(document))
    assert len(found) > 20
    for reference in found:
        assert resolve(reference) is not None
    routes = declared_routes(create_app(service.node, service.bus))
    sockets = {route.path.replace("{stream_id}", "{streamId}") for route in routes if route.method == SOCKET}
    assert sockets == {channel["address"] for channel in document["channels"].values() if "/" in channel["address"]}
    topics = {channel["address"]: channel for channel in document["channels"].values() if "/" not in channel["address"]}
    assert topics.keys() == {value for name, value in vars(message_bus).items() if name.isupper()}, "every topic"
    assert all(channel["messages"] for channel in topics.values())
    assert topics["livesight.drift"] == document["channels"]["driftTopic"]
    assert document["operations"]["publishModels"]["channel"] == {"$ref": "#/channels/modelsTopic"}


@pytest.mark.parametrize(
    ("values", "field"),
    [({"port": 70000}, "port"), ({"viewer_timeout_s": 0}, "viewer_timeout_s"), ({"surprise": 1}, "surprise")],
)
def test_settings_name_what_is_wrong(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        ApiSettings(**values)


def test_settings_take_lists_as_text() -> None:
    assert ApiSettings(allowed_origins="https://a, https://b").allowed_origins == ("https://a", "https://b")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "host", "fine"),
    [
        ({}, "rebound.evil.example", False),
        ({}, "127.0.0.1.evil.example", False),
        ({}, "localhost.evil.example", False),
        ({}, f"{socket.gethostname()}.evil.example", False),
        ({}, "0x7f.1", False),
        ({}, "a b", False),
        ({}, "localhost:1", True),
        ({}, "localhost.", True),
        ({}, "192.0.2.5:8000", True),  # a published port: the address of the machine around the container
        ({}, "[2001:db8::5]:8000", True),
        ({}, socket.gethostname(), True),
        ({}, f"{socket.gethostname().upper()}.local:8000", True),
        ({"allowed_hosts": ("cam.example",)}, "cam.example", True),
        ({"allowed_hosts": ("cam.example",)}, "other.example", False),
        ({"allowed_hosts": ("cam.example",)}, "192.0.2.5", True),
    ],
)
def test_on_every_address_only_known_names_are_answered(
    start: Start, settings: dict[str, Any], host: str, fine: bool
) -> None:
    service = start(host="0.0.0.0", **settings)
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 " if fine else b"HTTP/1.1 4"), answer
    assert fine or b"api.allowed_hosts" in answer or b"400 Bad Request" in answer


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 101), ("rebound.evil.example", 421)])
def test_a_foreign_name_opens_no_socket(start: Start, host: str, status: int) -> None:
    service = start(host="0.0.0.0")
    lines = ["GET /v1/detections HTTP/1.1", f"Host: {host}", f"Origin: http://{host}", "Connection: Upgrade"]
    lines += ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""]
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall("\r\n".join(lines).encode())
        assert client.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())


async def test_pages_of_allowed_origins_send_keys_and_never_cookies(start: Start) -> None:
    for allowed in ("https://good.example", "*"):
        async with start(allowed_origins=(allowed,)).http() as http:
            origin = {"origin": "https://good.example"}
            asked = {"access-control-request-method": "PUT", "access-control-request-headers": "authorization"}
            preflight = await http.options("/v1/rules/a", headers={**origin, **asked})
            methods = set(preflight.headers["access-control-allow-methods"].split(", "))
            assert {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} <= methods
            headers = preflight.headers["access-control-allow-headers"].lower().split(", ")
            assert {"authorization", "x-api-key", "content-type", "if-match"} <= set(headers)
            for answer in (preflight, await http.get("/v1/streams", headers=origin)):
                assert answer.headers["access-control-allow-origin"] == "https://good.example"
                assert "access-control-allow-credentials" not in answer.headers
                assert "Origin" in answer.headers["vary"]


async def test_who_may_embed_what(start: Start) -> None:
    picture, script = "/v1/streams/cam/snapshot.jpg", "/static/livesight-view.js"
    async with start().http() as http:
        for path in ("/", "/v1/streams", picture, script, "/nothing"):
            assert (await http.get(path)).headers["cross-origin-resource-policy"] == "same-origin", path
        page = await http.get("/")
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["x-frame-options"] == "SAMEORIGIN" and page.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    async with start(allowed_origins=("https://good.example",)).http() as http:
        for path in (picture, script, "/v1/streams/cam/mjpeg"):
            assert (await http.get(path)).headers["cross-origin-resource-policy"] == "cross-origin", path
        for path in ("/", "/v1/streams"):
            assert (await http.get(path)).headers["cross-origin-resource-policy"] == "same-origin", path
