"""What a route does not know, and what JSON leaves open, is refused by name; nothing of it is guessed or ignored."""

from __future__ import annotations

import json

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.conftest import Service

JSON = {"content-type": "application/json"}
CAMERA = b'{"id": "a", "url": "http://127.0.0.1:9/", %s}'


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/streams?strem=a", "strem: unknown query parameter; this address takes none"),
        (
            "/v1/streams/a/snapshot.jpg?overlays=1&widht=9",
            "overlays, widht: unknown query parameter; there are: overlay, width, t",
        ),
        ("/healthz?x=1", "x: unknown query parameter; this address takes none"),
        (f"/healthz?{'x' * 16_000}=1", f"{'x' * 16_000}: unknown query parameter; this address takes none"),
        ("/v1/streams/a/mjpeg?exp=1&by=a&sig=b", "by, exp, sig: unknown query parameter; there are: overlay, fps, t"),
        ("/v1/streams/a/snapshot.jpg?width=1%00", "query: must not contain the character NUL"),
    ],
    ids=lambda text: text[:60],
)
def test_unknown_query_parameters_are_named(service: Service, path: str, detail: str) -> None:
    answer = httpx.get(service.url + path)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:livesight:problem:invalid-request")
    assert answer.json()["detail"] == detail


def test_sockets_refuse_unknown_query_parameters_too(service: Service) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{service.ws}/v1/detections?strem=door").__enter__()
    assert refused.value.response.status_code == 422
    assert "strem: unknown query parameter; there are: stream" in refused.value.response.body.decode()


def test_pages_keep_parameters_of_their_own(service: Service) -> None:
    assert httpx.get(f"{service.url}/?stream=door&anything=1").status_code == 200


def test_bytes_that_are_no_text_are_refused_in_queries(service: Service) -> None:
    answer = httpx.get(f"{service.url}/v1/streams/a/snapshot.jpg?width=%ff")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:livesight:problem:bad-request")
    assert "UTF-8" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (CAMERA % b'"max_fps": NaN', 400, "NaN is no JSON number"),
        (CAMERA % b'"max_fps": -Infinity', 400, "-Infinity is no JSON number"),
        (CAMERA % b'"id": "b"', 400, "the key 'id' occurs twice"),
        (CAMERA % b'"user": "\\ud800"', 400, "half a surrogate pair"),
        (CAMERA % b'"user": "\\u0000"', 422, "must not contain the character NUL"),
        (CAMERA % b'"\\u0000": 1', 422, "must not contain the character NUL"),
        (CAMERA % b'"user": "\xff"', 400, ""),
        (CAMERA % (b'"max_fps": ' + b"9" * 5000), 400, ""),
        (b"[" * 100_000, 400, ""),
        (CAMERA % b'"max_fps": "5"', 422, "max_fps: must be a number"),
        (CAMERA % b'"blur": "yes"', 422, "blur: must be true or false"),
        (CAMERA % b'"blur": 1', 422, "blur: must be true or false"),
        (CAMERA % b'"max_fps": true', 422, "max_fps: must be a number"),
    ],
)
def test_what_is_no_json_or_of_another_type_is_refused(service: Service, body: bytes, status: int, words: str) -> None:
    answer = httpx.post(f"{service.url}/v1/streams", content=body, headers=JSON)
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert httpx.get(f"{service.url}/v1/streams").json() == {"streams": []}


def test_letters_of_all_kinds_are_taken(service: Service) -> None:
    body = b'{"id": "a", "url": "http://127.0.0.1:9/", "models": ["number"], "user": "J\\u00fcrgen \\ud83d\\ude00"}'
    answer = httpx.post(f"{service.url}/v1/streams", content=body, headers=JSON)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("sent", ["text/plain", "application/x-www-form-urlencoded", None])
def test_bodies_that_are_not_called_json_are_415(service: Service, sent: str | None) -> None:
    body = json.dumps({"id": "a", "url": "http://127.0.0.1:9/"}).encode()
    answer = httpx.post(
        f"{service.url}/v1/streams", content=body, headers={} if sent is None else {"content-type": sent}
    )
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:livesight:problem:media-type-unsupported")
    assert "send application/json" in answer.json()["detail"]


def test_405_names_all_methods_of_the_path(service: Service) -> None:
    for path, methods in (("/v1/streams", "GET, POST"), ("/v1/streams/a", "DELETE, GET, PATCH")):
        answer = httpx.request("TRACE", service.url + path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)
    answer = httpx.options(f"{service.url}/v1/streams/test")
    described = httpx.get(f"{service.url}/openapi.json").json()["paths"]["/v1/streams/test"]
    assert sorted(answer.headers["allow"].lower().split(", ")) == sorted(described)


def test_a_whole_number_is_an_integer_however_it_is_written(service: Service) -> None:
    for version in ("3.0", "3"):
        body = f'{{"version": {version}}}'
        answer = httpx.post(f"{service.url}/v1/models/nothing/promote", content=body, headers=JSON)
        assert answer.json()["type"] == "urn:livesight:problem:promotion-refused", answer.text  # read, and understood
    answer = httpx.post(f"{service.url}/v1/models/nothing/promote", content='{"version": 3.5}', headers=JSON)
    assert (answer.status_code, answer.json()["detail"]) == (422, "version: must be an integer")
