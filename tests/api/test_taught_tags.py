"""A camera is taught a tag over HTTP; its results carry it from then on."""

from __future__ import annotations

import cv2
import numpy as np

from tests.api.conftest import Service
from tests.api.push_client import pushing
from tests.workers.taught.test_taught_tags import SECOND_NS, yard
from workers.taught.example import Describer
from workers.taught.taught_tags import _learnt

TAG = "/v1/streams/cam/tags/gate%20open"


async def test_examples_make_a_tag_that_results_carry(service: Service) -> None:
    rng = np.random.default_rng(8)
    async with pushing(service.ws, "cam") as pusher, service.http() as http:

        async def sent(opened: bool) -> dict[str, object]:
            await pusher.send(cv2.imencode(".jpg", yard(opened, rng))[1].tobytes())
            return await pusher.answer()

        await sent(True)
        first = await http.post(f"{TAG}/examples", json={"present": True})
        assert first.status_code == 200, first.text
        assert first.json() == {
            "name": "gate open", "present": {"frames": 1, "stretches": 1}, "absent": {"frames": 0, "stretches": 0},
            "test": None, "served": False, "why": "7 more examples that show it are needed",
        }  # fmt: skip
        camera, describer = service.node.tags._camera("cam"), Describer()  # twenty at different times, without waiting
        examples = [describer.example(yard(n % 2 == 0, rng), n * 30 * SECOND_NS, n % 2 == 0) for n in range(20)]
        camera.tags = {"gate open": _learnt("gate open", examples)}
        (tag,) = (await http.get("/v1/streams/cam/tags")).json()["tags"]
        assert tag["served"] and tag["why"] is None and tag["test"]["f1"] > 0.8
        found: set[str] = set()
        for _ in range(400):
            tags = ((await sent(True))["image"] or {}).get("tags", [])  # type: ignore[attr-defined]
            found |= set(tags)
            if "taught:gate open" in found:
                break
        assert "taught:gate open" in found
        assert (await http.delete(TAG)).status_code == 204
        assert (await http.get("/v1/streams/cam/tags")).json() == {"tags": []}
        await http.post(f"{TAG}/examples", json={"present": True})
        files = service.node.tags._folder
        assert files is not None and [path.name for path in files.rglob("*.json")] == ["gate open.json"]
        service.node.streams.remove("cam")
        assert service.node.tags.of("cam") == [] and not list(files.iterdir()), "they go with the camera"


async def test_what_cannot_be_taught_is_said(service: Service) -> None:
    async with pushing(service.ws, "cam") as pusher, service.http() as http:
        await pusher.send(cv2.imencode(".jpg", yard(True, np.random.default_rng(1)))[1].tobytes())
        await pusher.answer()
        for path, body, status in (
            ("/v1/streams/none/tags/x/examples", {"present": True}, 404),
            ("/v1/streams/cam/tags/%2e%2e/examples", {"present": True}, 400),
            ("/v1/streams/cam/tags/-x/examples", {"present": True}, 422),
            (f"{TAG}/examples", {"present": "perhaps"}, 422),
            (f"{TAG}/examples", {}, 422),
        ):
            answer = await http.post(path, json=body)
            assert answer.status_code == status, (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await http.delete(TAG)).json()["type"] == "urn:livesight:problem:tag-unknown"
