"""Single pictures and batches over HTTP, and the models that can be asked."""

from __future__ import annotations

import asyncio
import io
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from stream.config import StreamSettings
from tests.api.conftest import Service, Start
from tests.api.push_client import SIZE_WH, encoded, png_bomb
from tests.peers.number_engine import NumberEngine, number_in


def number_of(result: dict[str, Any]) -> int:
    return number_in(result["detections"][0]["xyxy"], tuple(result["size_wh"]))


@pytest.mark.parametrize("path", ["/v1/predict", "/predict"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
async def test_picture_as_form_or_body(service: Service, path: str, suffix: str) -> None:
    data = encoded(77, suffix)
    async with service.http() as http:
        for answer in (
            await http.post(f"{path}?models=number", files={"file": ("x", data, "image/anything")}),
            await http.post(f"{path}?models=number", content=data, headers={"content-type": "image/png"}),
            await http.post(f"{path}?models=number", content=data),
        ):
            assert answer.status_code == 200, answer.text
            result = answer.json()
            assert number_of(result) == 77
            assert result["schema"] == "livesight.frame/1" and result["stream_id"] == "predict"
            assert result["detections"][0]["track_id"] is None


async def test_picture_is_turned_by_its_exif(service: Service) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90°
    out = io.BytesIO()
    with Image.open(io.BytesIO(encoded(1, ".png"))) as image:
        image.convert("RGB").save(out, "JPEG", exif=exif)
    async with service.http() as http:
        result = (await http.post("/v1/predict?models=number", content=out.getvalue())).json()
    assert tuple(result["size_wh"]) == SIZE_WH[::-1]


async def test_a_caption_says_what_was_found(service: Service) -> None:
    async with service.http() as http:
        plain = (await http.post("/v1/predict?models=number", content=encoded(77))).json()
        told = (await http.post("/v1/predict?models=number&caption=true", content=encoded(77))).json()
    assert "caption" not in plain and plain["image"]["caption"] is None
    caption = told["caption"]
    assert caption["text"] == told["image"]["caption"] == "".join(one["text"] for one in caption["phrases"])
    (seen,) = told["detections"]
    assert caption["text"].startswith(f"An object ({seen['label']}) is in view")
    assert caption["phrases"][0]["fields"] == {"label": seen["label"], "detector": "number", "count": 1}
    assert f"label:{seen['label']}" in told["image"]["tags"]


async def test_batch_keeps_the_order_and_one_bad_picture_costs_itself(service: Service) -> None:
    files = [("files", (f"{number}.jpg", encoded(number))) for number in range(4)]
    files[2] = ("files", ("bad.jpg", b"no picture"))
    async with service.http() as http:
        for path in ("/v1/predict/batch", "/batch-predict"):
            answer = await http.post(f"{path}?models=number", files=files)
            assert answer.status_code == 200, answer.text
            results = answer.json()["results"]
            assert [entry["frame"] for entry in results] == [0, 1, 2, 3]
            assert [number_of(results[index]) for index in (0, 1, 3)] == [0, 1, 3]
            assert results[2]["error"]["type"] == "urn:livesight:problem:bad-image"


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        ({"content": b"no picture"}, 422, "bad-image"),
        ({"content": b""}, 422, "invalid-request"),
        ({"content": png_bomb()}, 413, "image-too-large"),
        ({"content": encoded(1, ".png")[:200]}, 422, "bad-image"),
        ({"content": b"GIF89a" + b"x" * 100}, 422, "bad-image"),
        ({"content": encoded(1), "headers": {"content-type": "text/plain"}}, 415, "media-type-unsupported"),
        ({"files": {"picture": encoded(1)}}, 422, "invalid-request"),
        ({"files": [("file", encoded(1)), ("file", encoded(1))]}, 400, "bad-request"),
        ({"content": b"x" * 600_000}, 413, "body-too-large"),
        ({"content": b"\xff\xd8\xff" + b"x" * 300_000}, 413, "image-too-large"),
        ({"files": {"file": b"x" * 600_000}}, 413, "body-too-large"),
        ({"content": b"--", "headers": {"content-type": "multipart/form-data"}}, 400, "bad-request"),
    ],
)
async def test_refusals(start: Start, request_: dict[str, Any], status: int, kind: str) -> None:
    service = start(stream_settings=StreamSettings(image_bytes=200_000))
    async with service.http() as http:
        answer = await http.post("/v1/predict?models=number", **request_)
        assert answer.status_code == status, answer.text
        assert answer.json()["type"] == f"urn:livesight:problem:{kind}"
        assert (await http.post("/v1/predict?models=number", content=encoded(1))).status_code == 200


@pytest.mark.parametrize(
    ("path", "sent", "taken"),
    [
        ("/v1/predict", "model", "there are: models, caption"),
        ("/predict", "model", "there are: models, caption"),
        ("/v1/predict/batch", "model", "there are: models"),
        ("/v1/predict/explain", "models", "there are: model, detector, detection, label, format"),
    ],
)
async def test_another_routes_query_parameter_is_not_ignored(
    service: Service, path: str, sent: str, taken: str
) -> None:
    async with service.http() as http:
        answer = await http.post(f"{path}?{sent}=number", content=encoded(1))
    assert answer.status_code == 422 and answer.json()["type"] == "urn:livesight:problem:invalid-request"
    assert answer.json()["detail"] == f"{sent}: unknown query parameter; {taken}"


async def test_batch_limits(start: Start) -> None:
    service = start(predict_images=2)
    async with service.http() as http:
        three = [("files", (f"{number}.jpg", encoded(number))) for number in range(3)]
        assert (await http.post("/v1/predict/batch?models=number", files=three)).status_code == 400
        assert (await http.post("/v1/predict/batch?models=number", content=encoded(1))).status_code == 415
        assert (await http.post("/v1/predict/batch?models=number", files=three[:2])).status_code == 200


@pytest.mark.parametrize("models", ["nothing", "../x", "a,b,c,d,e,f,g,h,i"])
async def test_unusable_models(service: Service, models: str) -> None:
    async with service.http() as http:
        answer = await http.post("/v1/predict", params={"models": models}, content=encoded(1))
    assert answer.status_code == 422 and "model" in answer.json()["detail"]


async def test_overload_is_refused_and_health_still_answers(start: Start) -> None:
    go_on = threading.Event()
    service = start(engine=NumberEngine(before=lambda numbers: go_on.wait(60)), predict_at_once=1, predict_waiting=2)
    async with service.http() as http:
        waiting = {asyncio.create_task(http.post("/v1/predict?models=number", content=encoded(1))) for _ in range(8)}
        refused = []
        while len(refused) < 5:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            refused += [task.result() for task in done]
        assert (await http.get("/healthz")).status_code == 200, "it waited for the predictions"
        go_on.set()
        answers = await asyncio.gather(*waiting)
        assert [answer.status_code for answer in answers] == [200] * 3
        assert {answer.status_code for answer in refused} == {503}
        assert {answer.json()["type"] for answer in refused} == {"urn:livesight:problem:overloaded"}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert (await http.post("/v1/predict?models=number", content=encoded(1))).status_code == 200


async def test_raising_model_is_a_problem(start: Start) -> None:
    def before(numbers: list[int]) -> None:
        raise RuntimeError("secret inside")

    service = start(engine=NumberEngine(before=before))
    async with service.http() as http:
        answer = await http.post("/v1/predict?models=number", content=encoded(1))
    assert answer.status_code == 500 and "secret" not in answer.text


def test_models_are_listed_with_their_cards(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    from workers.model_card import ModelStore

    shipped = Path(__file__).resolve().parents[2] / "models"
    (version,) = (int(folder.name) for folder in (shipped / "mask").iterdir())
    service = start(engine=NumberEngine(version=version))
    monkeypatch.setattr(service.node.models, "_store", ModelStore([shipped]))
    models = httpx.get(f"{service.url}/v1/models").json()["models"]
    models = [model for model in models if model["name"] == "mask"]
    assert len(models) == 1
    assert models[0]["in_service"] is True and models[0]["backend"] == "test"
    assert models[0]["card"]["schema"] == "livesight.card/1"
    assert models[0]["card"]["classes"]
