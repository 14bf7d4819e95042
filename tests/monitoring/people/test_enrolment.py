"""Faces are enrolled, refused with the reason, looked for and contested: with the face model, through HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from sqlalchemy import select

from api.app import FACE_PATHS
from api.audit.observed import observed
from api.http.body_limit import BodyLimit
from monitoring.people.face_reader import ModelFaces, Reading
from monitoring.people.tables import counter_examples, looks
from stream.config import StreamSettings
from tests.monitoring.deletion.door import SESSION, Door, open_door
from tests.monitoring.people.test_people_routes import add, seen
from tests.monitoring.shop import until
from workers.engines.engine import U8
from workers.model_card import ModelStore
from workers.settings import WorkerSettings

Photos = dict[str, list[U8]]


@pytest.fixture(scope="module")
def photos(data_dir: Path) -> Photos:
    """Two photos each of three people."""
    names = {"anna": "london_004", "ben": "london_008", "carl": "london_009"}
    return {
        name: [_read(data_dir / "identities" / folder / f"{number}.jpg") for number in (1, 2)]
        for name, folder in names.items()
    }


def _read(path: Path) -> U8:
    return np.asarray(cv2.imread(str(path)), np.uint8)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, face_id_models: Path) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("enrolment")
    faces = ModelFaces(Reading(ModelStore([face_id_models]), WorkerSettings(threads=1), StreamSettings()))
    with open_door(f"sqlite:///{folder / 'livesight.db'}", folder, faces) as opened:
        yield opened


def jpeg(image: U8) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def send(door: Door, path: str, image: U8, who: str = "admin") -> httpx.Response:
    return door.ask(who, "POST", path, files={"file": ("face.jpg", jpeg(image), "image/jpeg")})


def at(person: str, rest: str = "") -> str:
    return f"/v1/people/{person}/looks{rest}"


def problem(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    return found | {"kind": found["type"].rpartition(":")[2]}


def test_an_upload_is_enrolled_and_found_again(door: Door, photos: Photos) -> None:
    anna = add(door, "Anna")
    assert send(door, at(anna), photos["anna"][0], "namer").status_code == 403, "from outside: operators"
    enrolled = send(door, at(anna), photos["anna"][0])
    assert enrolled.status_code == 201, enrolled.text
    person = enrolled.json()["person"]
    assert person["explained"].startswith("about 1 stranger in") and 0.2 < person["threshold"] < 0.5
    (look,) = person["looks"]
    assert (look["source"], look["by"], look["n"]) == ("upload", "user:ada", enrolled.json()["look"])
    assert look["quality"]["size_px"] > 64 and "vector" not in enrolled.text
    picture = door.get("namer", look["image_url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert max(cv2.imdecode(np.frombuffer(picture.content, np.uint8), 1).shape) <= 320
    found = send(door, "/v1/people/search", photos["anna"][1])
    assert send(door, "/v1/people/search", photos["anna"][1], "namer").status_code == 403
    (best, *_) = found.json()["people"]
    assert (best["person"], best["name"], best["named"]) == (anna, "Anna", True) and best["similarity"] > 0.6
    assert not any(one["named"] for one in send(door, "/v1/people/search", photos["carl"][0]).json()["people"])
    assert observed("POST", "/v1/people/search").what == "search"  # type: ignore[union-attr]
    door.delete(f"/v1/people/{anna}")
    assert door.get("admin", look["image_url"]).status_code == 404


def test_a_bad_picture_is_refused_with_the_reason(door: Door, photos: Photos) -> None:
    ben = add(door, "Ben")
    face = photos["ben"][0]
    side = min(face.shape[:2], photos["carl"][0].shape[:2])
    both = np.hstack([cv2.resize(one, side[::-1]) for one in (face, photos["carl"][0])])
    small = cv2.resize(face, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(face, (0, 0), 6)
    nothing = np.zeros((200, 200, 3), np.uint8)
    for image, reason in ((both, "several_faces"), (small, "small"), (blurred, "blurred"), (nothing, "no_face")):
        refused = send(door, at(ben), np.asarray(image, np.uint8))
        assert refused.status_code == 422, reason
        assert (problem(refused)["kind"], problem(refused)["reason"]) == ("look-refused", reason)
    assert "px" in problem(send(door, at(ben), np.asarray(small, np.uint8)))["detail"]
    for body, kind in (
        (b"no picture", "image/jpeg"),
        (b"", "image/png"),
        (b"{}", "application/json"),
        (b"x", "text/x"),
    ):
        assert door.ask("admin", "POST", at(ben), content=body, headers={"content-type": kind}).status_code == 422, kind
    assert door.get("admin", at(ben)).json() == {"looks": []}
    door.delete(f"/v1/people/{ben}")


def test_who_looks_like_somebody_else_must_be_meant(door: Door, photos: Photos) -> None:
    anna, twin = add(door, "Anna"), add(door, "Twin")
    send(door, at(anna), photos["anna"][0])
    refused = problem(send(door, at(twin), photos["anna"][1]))
    assert refused["kind"] == "looks-alike" and [one["name"] for one in refused["alike"]] == ["Anna"]
    assert refused["alike"][0]["person"] == anna and "like Anna" in refused["detail"]
    assert send(door, at(twin), photos["carl"][0]).status_code == 201, "somebody else"
    assert send(door, at(twin, "?confirmed=true"), photos["anna"][1]).status_code == 201
    assert send(door, at(anna), photos["anna"][1]).status_code == 409, "by now it is like the twin"
    number = door.get("admin", at(twin)).json()["looks"][0]["n"]
    assert door.delete(at(twin, f"/{number}"), "namer") == 403
    assert [door.delete(at(twin, f"/{number}")) for _ in range(2)] == [204, 404]
    for person in (anna, twin):
        door.delete(f"/v1/people/{person}")


def test_a_track_is_enrolled_and_contested(door: Door, photos: Photos) -> None:
    anna, ben = add(door, "Anna"), add(door, "Ben")
    door.show((0, 1), {1: anna, 2: anna}, SESSION)
    for track, name in ((1, "anna"), (2, "ben")):
        door.picture(track, 0.5, [(track, "face")], "", jpeg(photos[name][0]))
    seen(door, {1: anna, 2: anna}, SESSION)
    until(lambda: all(one["snapshot_url"] for one in door.tracks().values()))
    tracks = {number: one["id"] for number, one in door.tracks().items()}
    event = door.events("&track=1")[0]["id"]
    unseen = door.ask("unseeing", "POST", at(anna), json={"event_id": event})
    assert (unseen.status_code, unseen.json()["type"][-13:]) == (404, "media-unknown"), (
        "whoever may not see its picture"
    )
    assert door.ask("namer", "POST", at(anna), json={"event_id": event}).status_code == 201
    (look,) = door.get("namer", at(anna)).json()["looks"]
    assert (look["source"], look["event_id"], look["by"]) == ("event", event, "user:nan")
    assert door.ask("namer", "POST", at(anna), json={"track": str(event)[:-4] + "0000"}).status_code == 404
    assert door.ask("namer", "POST", at(anna), json={"track": tracks[1], "event_id": event}).status_code == 422
    contested = {"track": tracks[2], "person": anna}
    assert door.ask("namer", "POST", "/v1/people/not-this", json=contested).status_code == 204
    assert door.ask("namer", "POST", at(ben), json={"track": tracks[2]}).status_code == 201
    with door.running.database.read() as connection:
        against = connection.scalars(select(counter_examples.c.vector)).one()
        enrolled = connection.scalar(select(looks.c.vector).where(looks.c.person == ben))
    one, other = (np.frombuffer(found, np.float16).astype(np.float32) for found in (against, enrolled))
    assert float(one @ other) > 0.9, "who was in the picture is kept as a counter-example"


def test_without_a_model_it_says_how_to_get_one(tmp_path: Path, photos: Photos) -> None:
    faces = ModelFaces(Reading(ModelStore([tmp_path]), WorkerSettings(), StreamSettings()))
    with open_door(f"sqlite:///{tmp_path / 'livesight.db'}", tmp_path, faces) as door:
        missing = send(door, at(add(door, "Anna")), photos["anna"][0])
        assert (missing.status_code, problem(missing)["kind"]) == (503, "face-model-missing")
        assert "livesight people model" in problem(missing)["detail"]


def test_bodies_may_be_as_large_as_pictures() -> None:
    limits = BodyLimit(lambda *given: None, 10, {}, {FACE_PATHS: 99})  # type: ignore[arg-type, return-value]
    paths = (at("A"), "/v1/people/search", "/v1/people/A", "/v1/people", at("A", "/3"))
    assert [limits.limit(path) for path in paths] == [99, 99, 10, 10, 10]
