"""Every route and socket says who may use it, and answers everybody as docs/authorization.md says.

One service with all routes, those of monitoring and of accounts too; some hundred requests.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import jsonschema
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.staticfiles import StaticFiles

from api.app import create_app
from api.documents.route_table import SOCKET, DeclaredRoute, declared_routes, markdown
from deployment.authorization import PAGE, whole_application
from tests.api.conftest import Service
from tests.api.with_accounts import EXPIRED, FOREIGN, KEYS, MINE, Answer, accounted, add, ask, knock
from tests.peers.number_engine import number_card
from workers.access.declaration import Needs, Open, SignedIn
from workers.access.guarded_route import GuardedRoute, UndeclaredRoute
from workers.access.principal import Principal
from workers.access.roles import ROLE_OF, Role
from workers.bus.message_bus import LocalBus
from workers.model_card import CARD_FILE, ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings

PLACES = {
    "stream_id": MINE,
    "event_id": "00000000-0000-0000-0000-000000000000",
    "alert_id": "00000000-0000-0000-0000-000000000000",
    "number": "1",
    "track": "00000000-0000-0000-0000-000000000000",
    "path": "app.css",
    "file": "swagger-ui.css",
    "name": "nothing",
    "node": "nothing",
    "target": "nothing",
    "session_id": "nothing",
    "user_id": "nothing",
    "account_id": "nothing",
    "key_id": "nothing",
    "person": "0" * 26,
    "n": "1",
}
"""What is put into paths. Streams are named by `stream_id` only: else nobody would look at whose they are."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with accounted(tmp_path_factory.mktemp("state")) as service:
        yield service


def answer(http: httpx.Client, service: Service, route: DeclaredRoute, key: str | None) -> Answer:
    """Asked without what the route needs to do anything: it refuses that after the gate, if at all."""
    path = route.path.replace(":path}", "}").format_map(PLACES)
    return knock(service.ws + path, key) if route.method == SOCKET else ask(http, route.method, path, key)


def expected(route: DeclaredRoute, role: Role, pattern: str) -> Answer | None:
    """What the table says; None: let in."""
    if isinstance(route.declaration, SignedIn):
        return None
    assert isinstance(route.declaration, Needs)
    word, on_it = route.word(role), pattern in ("*", MINE)
    if word == "yes" or (word == "its streams" and on_it) or (word == "all streams" and pattern == "*"):
        return None
    knows = on_it and role != "metrics"
    hidden = route.names_stream and not knows and ROLE_OF[route.declaration.action] != "operator"
    return Answer(404, "stream-unknown") if hidden else Answer(403, "forbidden")


def test_every_route_answers_as_the_table_says(service: Service) -> None:
    wrong: list[str] = []
    asked = 0
    with httpx.Client(base_url=service.url, timeout=20) as http:
        for route in declared_routes(service.app):
            if isinstance(route.declaration, Open):
                continue
            wanted: dict[str | None, Answer | None] = dict.fromkeys(
                (None, "a wrong key", EXPIRED), Answer(401, "unauthenticated")
            )
            wanted |= {key: expected(route, role, pattern) for key, (role, pattern) in KEYS.items()}
            for key, want in wanted.items():
                add(service, MINE)  # an admin may have removed it
                found = answer(http, service, route, key)
                asked += 1
                judged = isinstance(route.declaration, SignedIn) and found.status != 401  # by the route itself
                if found != want and not (want is None and (found.let_in or judged)):
                    wrong.append(f"{route.method} {route.path} by {key}: {found}, not {want or 'let in'}")
    assert wrong == []
    assert asked > 400


def test_the_list_of_models_names_only_the_cameras_that_one_may_see(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "number" / "1"
    folder.mkdir(parents=True)
    (folder / CARD_FILE).write_text(number_card().model_dump_json(by_alias=True))
    monkeypatch.setattr(service.node.models, "_store", ModelStore([tmp_path]))
    for stream_id in (MINE, FOREIGN):
        add(service, stream_id)
    for pattern, told in (("*", [FOREIGN, MINE]), (MINE, [MINE]), (FOREIGN, [FOREIGN])):
        answer = httpx.get(f"{service.url}/v1/models", headers={"x-api-key": f"viewer {pattern}"}, timeout=20)
        (model,) = answer.raise_for_status().json()["models"]
        assert (model["streams"], model["nodes"]) == (told, [service.node.name])


def test_what_is_open_lets_everybody_in(service: Service) -> None:
    found = [route for route in declared_routes(service.app) if isinstance(route.declaration, Open)]
    assert {"/", "/healthz", "/readyz", "/openapi.json", "/static/{path:path}"} <= {route.path for route in found}
    with httpx.Client(base_url=service.url, timeout=20) as http:
        for route in found:
            for key in (None, f"viewer {FOREIGN}"):
                assert answer(http, service, route, key).let_in, route


def test_the_page_is_what_the_code_says() -> None:
    with whole_application() as application:
        assert PAGE.read_text(encoding="utf-8") == markdown(application), "run python deployment/authorization.py"


def test_streams_are_named_alike_and_routes_ask_before_they_read(service: Service) -> None:
    for route in declared_routes(service.app):
        assert set(re.findall(r"{(\w+)", route.path)) <= PLACES.keys(), route
    for found in iter_route_contexts(service.app.routes):
        assert isinstance(found.original_route, GuardedRoute) or not isinstance(found.original_route, APIRoute), found


def test_a_route_without_a_role_is_noticed() -> None:
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(UndeclaredRoute, match="/new declares nothing"):
        router.get("/new")(lambda: None)
    with pytest.raises(UndeclaredRoute, match="/twice declares several"):
        router.get("/twice", dependencies=[Depends(Needs("audit")), Depends(Open("no"))])(lambda: None)
    both: list[Principal] = []

    @router.get("/fine")
    async def fine(principal: Annotated[Principal, Depends(Needs("audit"))]) -> None:
        both.append(principal)

    for make in (
        lambda app: app.get("/new")(lambda: None),
        lambda app: app.websocket("/new")(lambda: None),
        lambda app: app.mount("/new", StaticFiles(directory=".")),
        lambda app: app.add_route("/new", lambda request: None),
    ):
        application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        application.include_router(router)
        assert [route.path for route in declared_routes(application)] == ["/fine"]
        make(application)
        with pytest.raises(UndeclaredRoute, match="/new"):
            declared_routes(application)


@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), (f"viewer {MINE}", 403), (f"admin {MINE}", 422), ("admin *", 422)]
)
def test_what_is_sent_is_not_judged_before_who_sends_it(service: Service, key: str | None, status: int) -> None:
    with httpx.Client(base_url=service.url, timeout=20) as http:
        for body in (b'{"id": "Not an id"}', b"{}", b'{"id": "mine", "url": "file:/etc/passwd"}'):
            assert ask(http, "POST", "/v1/streams", key, body).status == status
        assert ask(http, "POST", "/v1/streams", key, b"{").status == (400 if status == 422 else status)
        assert ask(http, "PATCH", f"/v1/streams/{MINE}?models=1", key, b'{"max_fps": -1}').status == status


@pytest.mark.parametrize("path", ["/v1/streams", "/v1/predict", f"/v1/streams/{MINE}/whip", "/v1/models/mask/promote"])
def test_no_body_is_awaited_from_who_may_not_send_one(service: Service, path: str) -> None:
    with socket.create_connection(("127.0.0.1", service.port), 20) as client:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n"
        client.sendall(f"{head}\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_openapi_tells_who_may_do_what(service: Service) -> None:
    document = httpx.get(f"{service.url}/openapi.json", timeout=60).json()
    described = {
        (operation.get("x-livesight-path", path), method.upper()): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    declared = {(route.path, route.method): route for route in declared_routes(service.app)}
    assert len(described) > 30 and described.keys() <= declared.keys()
    for name, operation in described.items():
        declaration = declared[name].declaration
        if isinstance(declaration, Open):
            assert operation["security"] == [] and operation["x-livesight-open"] == declaration.why
            continue
        if isinstance(declaration, Needs):
            assert operation["x-livesight-action"] == declaration.action, name
            assert operation["x-livesight-role"] == ROLE_OF[declaration.action]
        assert {key for one in operation["security"] for key in one} == document["components"]["securitySchemes"].keys()
        assert {"401", "403"} <= operation["responses"].keys()


def test_openapi_describes_problems_as_they_are(service: Service) -> None:
    document = httpx.get(f"{service.url}/openapi.json", timeout=60).json()
    schema = document["components"]["schemas"]["Problem"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400 and path not in ("/readyz", "/health"):
                    content = response["content"]["application/problem+json"]
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, path
    assert "HTTPValidationError" not in str(document)
    for method, path in (("get", "/v1/streams"), ("post", "/v1/streams"), ("get", "/v1/streams/{stream_id}")):
        told = document["paths"][path][method]["responses"]
        for key in ("", "viewer foreign", "admin *"):
            asked = httpx.request(method, service.url + path, headers={"x-api-key": key} if key else {})
            if asked.is_error:
                jsonschema.validate(asked.json(), schema)
                assert str(asked.status_code) in told


def test_without_accounts_openapi_says_that_no_credential_is_needed() -> None:
    bus = LocalBus()
    document = create_app(Node(NodeSettings("test"), ModelStore([]), bus), bus).openapi()
    assert {} in document["paths"]["/v1/streams"]["get"]["security"]
