"""What a client reads of a request that is not valid: our words, never those of a library."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.api.conftest import Service

LIBRARY_WORDS = ("Input should", "Extra inputs", "Field required", "Value error", "valid integer", "instance of")
STREAM = "/v1/streams"
CLIP = "/v1/streams/door/clips"
ID_PATTERN = "must match ^[a-z0-9][a-z0-9_-]{0,62}$"


@pytest.mark.parametrize(
    ("method", "path", "body", "detail"),
    [
        ("POST", STREAM, {}, "id: is required; url: is required"),
        ("POST", STREAM, {"id": "No!", "url": "rtsp://h/"}, f"id: {ID_PATTERN}"),
        ("POST", STREAM, {"id": 7, "url": "rtsp://h/"}, "id: must be text"),
        ("POST", STREAM, {"id": "a", "url": "rtsp://h/", "colour": 1}, "colour: unknown field"),
        ("POST", STREAM, {"id": "a", "url": ""}, "url: must not be empty"),
        ("POST", STREAM, {"id": "a", "url": "rtsp://h/", "models": "mask"}, "models: must be a list"),
        ("POST", STREAM, {"id": "a", "url": "rtsp://h/", "blur": "maybe"}, "blur: must be true or false"),
        ("POST", STREAM, {"id": "a", "url": "rtsp://h/", "max_fps": 0}, "max_fps: must be at least 0.01"),
        ("POST", STREAM, {"id": "a", "url": "rtsp://h/", "max_fps": "fast"}, "max_fps: must be a number"),
        ("POST", STREAM, [], "body: must be an object of keys and values"),
        (
            "PATCH",
            "/v1/streams/door",
            {},
            "body: give a value for at least one of url, user, password, models, enabled, blur, max_fps, identity",
        ),
        ("PATCH", "/v1/streams/No!", {"blur": True}, f"stream_id: {ID_PATTERN}"),
        ("POST", CLIP, {"from_us": 2, "to_us": 1}, "body: to_us must not be before from_us"),
        ("POST", CLIP, {"from_us": -1, "to_us": 1}, "from_us: must be at least 0"),
        ("POST", CLIP, {"from_us": "x", "to_us": None}, "from_us: must be an integer; to_us: must be an integer"),
        ("POST", "/v1/models/mask/promote", {"version": 0}, "version: must be at least 1"),
        ("POST", "/v1/streams/test", {}, "url: is required"),
        ("GET", "/v1/streams/door/snapshot.jpg?width=1", None, "width: must be at least 16"),
        ("GET", "/v1/streams/door/mjpeg?fps=0", None, "fps: must be greater than 0"),
        ("POST", "/v1/predict?models=No!", None, "models: must match ^[a-z0-9][a-z0-9._-]{0,62}$"),
        ("POST", "/v1/predict/explain?format=gif", None, "format: must be 'png', 'npy' or 'json'"),
    ],
)
def test_a_bad_request_is_answered_in_plain_words(
    service: Service, method: str, path: str, body: Any, detail: str
) -> None:
    answer = httpx.request(method, service.url + path, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:livesight:problem:invalid-request")
    assert problem["detail"] == detail
    assert not [words for words in LIBRARY_WORDS if words in answer.text]


def test_what_is_no_json_says_where(service: Service) -> None:
    answer = httpx.post(service.url + STREAM, content=b'{"id": ', headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:livesight:problem:bad-request")
    assert answer.json()["detail"].startswith("body: not valid JSON: ")


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/streams/No!/detections", f"stream_id: {ID_PATTERN}"),
        ("/v1/streams/door/frames?max_fps=none", "max_fps: must be a number"),
        ("/v1/streams/door/frames?blur=2", "blur: must be true or false"),
    ],
)
async def test_a_bad_socket_is_refused_in_plain_words(service: Service, path: str, detail: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(service.ws + path)
    assert refused.value.response.status_code == 422
    assert json.loads(refused.value.response.body)["detail"] == detail


AMBIGUOUS = (
    "/v1/streams/door/./mjpeg",
    "/v1/streams/door/%2E/frames",
    "/v1/streams/door/whip/../frames",
    "/v1/streams/door/whip/%2e./frames",
    "/v1/predict/..",
    "/v1//predict",
    "//v1/predict",
    "/v1/streams%2Fdoor/mjpeg",
    "/v1/streams%5cdoor/mjpeg",
    "/v1\\streams/door/mjpeg",
    "/v1/predict%0A",
    "/static/./app.css",
)
"""Spellings that some readers take for another path."""


@pytest.mark.parametrize("path", AMBIGUOUS)
async def test_only_the_plain_spelling_of_a_path_is_answered(service: Service, path: str) -> None:
    for method in ("GET", "POST"):
        with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)) as connection:
            connection.request(method, path)
            answer = connection.getresponse()
            problem = json.loads(answer.read())
        assert (answer.status, problem["type"]) == (400, "urn:livesight:problem:bad-request"), path
        assert problem["detail"].startswith("path: has ")
        assert answer.headers["x-content-type-options"] == "nosniff"
    with pytest.raises(InvalidStatus) as refused:
        await connect(service.ws + path, proxy=None)
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["detail"].startswith("path: has ")


def test_dots_within_a_segment_are_plain(service: Service) -> None:
    for path in ("/static/app.css", "/static/app%2Ecss", "/"):
        assert httpx.get(service.url + path).status_code == 200
