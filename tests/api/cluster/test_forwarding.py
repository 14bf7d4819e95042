"""What another process sees of a request, what a viewer sees of its answer, and who gets one at all."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.api.cluster.conftest import PEOPLE, SECRET, Front
from tests.peers.recording_node import RecordingNode
from workers.access.assertion import HEADER, Assertions, narrowed
from workers.access.cluster_keys import ClusterKeys

CREDENTIALS = {
    "cookie": "__Host-livesight=4f1c",
    "x-api-key": "anna",
    "authorization": "Bearer ls_4f1c",
    "proxy-authorization": "Basic 4f1c",
    "forwarded": "for=192.0.2.1",
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-user": "root",
    "x-real-ip": "192.0.2.1",
    "x-livesight-via": "1",
    "origin": "http://127.0.0.1",
    "referer": "http://127.0.0.1/?token=4f1c",
}


def node(name: str = "node-1") -> Assertions:
    """How a process of the cluster reads what it is told."""
    return Assertions(ClusterKeys([SECRET]), name)


async def test_a_node_sees_who_asks_and_no_credential(api: Front, recorder: RecordingNode) -> None:
    headers = {**CREDENTIALS, "accept": "image/jpeg", "range": "bytes=0-9"}
    answer = await api.client.get("/v1/streams/door/snapshot.jpg?overlay=1&exp=1&by=x&sig=4f1c&t=7", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"answer")
    method, path, seen = recorder.only()
    assert path == "/v1/streams/door/snapshot.jpg?overlay=1&t=7"
    assert seen["accept"] == "image/jpeg"
    assert seen["range"] == "bytes=0-9"
    assert not CREDENTIALS.keys() & seen.keys()
    assert "4f1c" not in str(seen)
    said = node().read(seen[HEADER], method, path)
    assert (said.principal, said.process) == (PEOPLE["anna"], "api-1")


async def test_bodies_and_odd_paths_reach_the_node_as_they_were_asserted(api: Front, recorder: RecordingNode) -> None:
    for query in ("a=%7Cb|c", "a=b%20c&d=[1]&sig", "", "a=%C3%BC"):
        recorder.asked.clear()
        url = "/v1/streams/door/clips" + (f"?{query}" if query else "")
        answer = await api.client.post(url, json={"from_us": 1}, headers={"x-api-key": "anna"})
        assert answer.status_code == 200
        method, path, seen = recorder.only()
        assert seen["content-type"] == "application/json"
        assert node().read(seen[HEADER], method, path).principal == PEOPLE["anna"]


async def ask_raw(app: Any, method: str, raw_path: bytes, path: str | None = None) -> int:
    """The status of a request by Otto whose path no client has tidied up."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path.decode("latin-1")) if path is None else path,
        "raw_path": raw_path,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"x-api-key", b"otto")],
        "client": ("127.0.0.1", 1),
    }

    body: list[Any] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not body:  # the client stays
            await asyncio.Event().wait()
        return body.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "raw_path",
    [
        b"/v1/streams/door/./mjpeg",
        b"/v1/streams/door/whip/../../yard/mjpeg",
        b"/v1/streams/door/%2e%2e/yard/mjpeg",
        b"/v1/streams/door//mjpeg",
        b"/v1/streams/door/x%2f..%2fmjpeg",
        b"/v1/predict/../predict",
        b"/v1/events/..",
    ],
)
async def test_no_other_path_reaches_a_node_than_the_one_that_was_allowed(
    api: Front, recorder: RecordingNode, raw_path: bytes
) -> None:
    api.tell_monitor(recorder.url)
    assert await ask_raw(api.app, "POST", raw_path) == 400
    assert recorder.asked == []


async def test_the_proxy_sends_no_other_path_by_itself(api: Front, recorder: RecordingNode) -> None:
    for raw_path, path in (
        (b"/v1/streams/yard/mjpeg", "/v1/streams/door/mjpeg"),
        (b"/v1/streams/door/mj#peg", "/v1/streams/door/mj#peg"),
        (b"/v1/streams/door/\xc3\xbc", "/v1/streams/door/\u00fc"),
    ):
        assert await ask_raw(api.app, "GET", raw_path, path) == 400
    assert recorder.asked == []
    assert await ask_raw(api.app, "GET", b"/v1/streams/door/%C3%BC;x=%22", '/v1/streams/door/\u00fc;x="') == 200
    assert recorder.only()[1] == "/v1/streams/door/%C3%BC;x=%22"


async def test_a_node_is_told_only_what_its_stream_needs(api: Front, recorder: RecordingNode) -> None:
    await api.client.get("/v1/streams/yard/mjpeg", headers={"x-api-key": "otto"})
    method, path, seen = recorder.only()
    assert node().read(seen[HEADER], method, path).principal == narrowed(PEOPLE["otto"], "yard")


async def test_a_node_sets_nothing_in_a_browser_but_its_answer(api: Front, recorder: RecordingNode) -> None:
    recorder.headers = [
        ("Set-Cookie", "__Host-livesight=evil; Path=/; Secure"),
        ("Clear-Site-Data", '"*"'),
        ("Strict-Transport-Security", "max-age=99999999"),
        ("Alt-Svc", 'h3="evil.example:443"'),
        ("Refresh", "0; url=https://evil.example/"),
        ("Access-Control-Allow-Origin", "*"),
        ("Content-Security-Policy", "script-src *"),
        ("Link", "<https://evil.example/x.js>; rel=preload"),
        ("Link", '<turn:turn.example:3478>; rel="ice-server"'),
        ("X-Livesight-Assertion", "evil"),
        ("X-Livesight-Session", "01JD"),
        ("Content-Type", "text/html"),
        ("ETag", '"1"'),
        ("Retry-After", "3"),
    ]
    answer = await api.client.get("/v1/streams/door/snapshot.jpg", headers={"x-api-key": "anna"})
    kept = {name: value for name, value in answer.headers.items() if "evil" in value or name.startswith("x-live")}
    assert kept == {"x-livesight-session": "01JD"}
    assert answer.headers["content-type"] == "application/octet-stream", "nothing that runs as a page of ours"
    assert answer.headers["link"] == '<turn:turn.example:3478>; rel="ice-server"'
    assert (answer.headers["etag"], answer.headers["retry-after"]) == ('"1"', "3")
    for name in ("set-cookie", "clear-site-data", "strict-transport-security", "alt-svc", "refresh"):
        assert name not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    await api.client.get("/v1/streams/door/snapshot.jpg", headers={"x-api-key": "anna"})
    assert "cookie" not in recorder.asked[-1][2], "the cookie of one answer is not in the next request"


async def test_a_monitor_s_report_stays_a_page(api: Front, recorder: RecordingNode) -> None:
    api.tell_monitor(recorder.url)
    recorder.headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", "default-src 'none'")]
    answer = await api.client.get("/v1/report", headers={"x-api-key": "anna"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    method, path, seen = recorder.only()
    assert node("monitor-1").read(seen[HEADER], method, path).principal == PEOPLE["anna"]


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/v1/clips/3", "/v1/clips/3"),
        ("{node}/v1/clips/3", "/v1/clips/3"),
        ("https://evil.example/", None),
        ("//evil.example/", None),
        ("/\\evil.example/", None),
        ("{node}.evil.example/", None),
        ("javascript:alert(1)", None),
    ],
)
async def test_a_node_sends_nobody_to_another_origin(
    api: Front, recorder: RecordingNode, location: str, shown: str | None
) -> None:
    recorder.status, recorder.headers = 307, [("Location", location.format(node=recorder.url))]
    answer = await api.client.get("/v1/streams/door/snapshot.jpg", headers={"x-api-key": "anna"})
    assert answer.headers.get("location") == shown
    assert len(recorder.asked) == 1, "no redirect is followed here"


async def test_who_may_not_know_a_stream_is_told_the_same_of_all(api: Front, recorder: RecordingNode) -> None:
    api.tell("gone", "http://127.0.0.1:9", node="node-2")
    told = {}
    for name in ("yard", "gone", "none"):
        anonymous = await api.client.get(f"/v1/streams/{name}/snapshot.jpg")
        assert anonymous.status_code == 401
        anna = await api.client.get(f"/v1/streams/{name}/snapshot.jpg", headers={"x-api-key": "anna"})
        told[name] = (anna.status_code, anna.json() | {"detail": anna.json()["detail"].replace(name, "…")})
        deleted = await api.client.delete(f"/v1/streams/{name}", headers={"x-api-key": "anna"})
        assert deleted.status_code == 404
    assert told["yard"] == told["gone"] == told["none"]
    assert told["none"][0] == 404
    assert (await api.client.get("/v1/streams/none/snapshot.jpg", headers={"x-api-key": "otto"})).status_code == 404
    assert (await api.client.get("/v1/events")).status_code == 401
    assert (await api.client.post("/v1/predict", content=b"x")).status_code == 401
    assert (await api.client.get("/v1/streams/door/snapshot.jpg", headers={"x-api-key": "nobody"})).status_code == 401
    assert recorder.asked == []


async def test_a_push_needs_the_role_before_a_node_is_asked(api: Front, recorder: RecordingNode) -> None:
    for name in ("none", "yard"):
        refused = await api.client.post(f"/v1/streams/{name}/whip", content=b"v=0", headers={"x-api-key": "anna"})
        assert refused.status_code == 403
    assert recorder.asked == []


async def test_a_client_cannot_claim_that_its_request_was_forwarded(api: Front, recorder: RecordingNode) -> None:
    forged = Assertions(ClusterKeys(["another-0123456789-0123456789-abcde"]), "api-2")
    for headers in (
        {HEADER: "x", "x-api-key": "anna"},
        forged.headers(PEOPLE["anna"], "api-1", "GET", "/v1/streams/door/snapshot.jpg"),
        node("api-2").headers(PEOPLE["anna"], "api-1", "GET", "/v1/streams/yard/snapshot.jpg"),
        node("api-2").headers(PEOPLE["anna"], "node-1", "GET", "/v1/streams/door/snapshot.jpg"),
    ):
        answer = await api.client.get("/v1/streams/door/snapshot.jpg", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:livesight:problem:unauthenticated")
    assert recorder.asked == []


async def test_a_forwarded_request_is_answered_here_and_once(api: Front, recorder: RecordingNode) -> None:
    headers = node("api-2").headers(PEOPLE["anna"], "api-1", "GET", "/v1/streams/door/snapshot.jpg")
    first = await api.client.get("/v1/streams/door/snapshot.jpg", headers=headers)
    assert first.status_code == 404, "this process has no pictures, and does not send it on"
    again = await api.client.get("/v1/streams/door/snapshot.jpg", headers=headers)
    assert again.status_code == 401
    assert recorder.asked == []


async def test_a_node_that_does_not_believe_us_is_no_reason_to_sign_in(api: Front, recorder: RecordingNode) -> None:
    recorder.status, recorder.body = 401, b'{"detail": "compare the clocks"}'
    answer = await api.client.get("/v1/streams/door/snapshot.jpg", headers={"x-api-key": "anna"})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:livesight:problem:node-away")
    assert "compare their cluster.secret and clocks" in answer.json()["detail"]


async def test_without_a_secret_only_peers_say_that_a_request_was_forwarded(
    plain_api: Front, recorder: RecordingNode
) -> None:
    await plain_api.client.get("/v1/streams/door/snapshot.jpg", headers={"cookie": "a=b"})
    _, _, seen = recorder.only()
    assert (seen["x-livesight-via"], seen.get("cookie"), seen.get(HEADER)) == ("1", None, None)
    via = {"x-livesight-via": "1"}
    assert (await plain_api.client.get("/v1/streams/door/snapshot.jpg", headers=via)).status_code == 404
    transport = httpx.ASGITransport(plain_api.app, client=("192.0.2.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as stranger:
        assert (await stranger.get("/v1/streams/door/snapshot.jpg", headers=via)).status_code == 200


async def test_sockets_carry_the_same_and_follow_no_redirect(api: Front, recorder: RecordingNode) -> None:
    recorder.status, recorder.headers = 307, [("Location", f"{recorder.url}/elsewhere")]
    server = uvicorn.Server(uvicorn.Config(api.app, port=0, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        socket = f"ws://127.0.0.1:{port}/v1/streams"
        for path, key, status in (
            ("door/video?x=1&by=a&sig=4f1c", "anna", 503),
            ("yard/video", "anna", 404),
            ("none/video", "anna", 404),
            ("door/video", None, 401),
        ):
            headers = {"cookie": "a=4f1c", **({} if key is None else {"x-api-key": key})}
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{socket}/{path}", additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == status
    finally:
        server.should_exit = True
        await task
    method, path, seen = recorder.only()
    assert path == "/v1/streams/door/video?x=1"
    assert "4f1c" not in str(seen)
    assert not {"cookie", "x-api-key", "x-livesight-via"} & seen.keys()
    assert node().read(seen[HEADER], method, path).principal == PEOPLE["anna"]
