"""Which tracks are looked at, when again, and which results say who it is; with looks as a script has them."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
import numpy as np
import pytest

from stream.frame import Frame
from tests.workers.identity.test_gallery import gallery, unit
from workers.bus.result import Detection
from workers.engines.engine import U8
from workers.identity.face_model import Look
from workers.identity.gallery import Gallery
from workers.identity.gate import NoLook
from workers.inference.classify import Classifiers, CropBatch, OtherWork
from workers.inference.identification import FaceCrop, Identification
from workers.inference.identify_tracks import StreamIdentity
from workers.settings import IdentitySettings, WorkerSettings

ADA, BOB, STRANGER = unit(1), unit(0, 1), unit(0, 0, 1)
STEP_US = 100_000
BOX = (40.0, 40.0, 120.0, 120.0)
SETTINGS = IdentitySettings(again_s=0.5, longest_s=4, verify_s=2)


def look(vector: object) -> Look:
    """A good look."""
    assert isinstance(vector, np.ndarray)
    return Look(30.0, 80.0, 0.5, 0.0, vector, True)


class Script(Identification):
    """A face model that sees what `says` has, by the left of the box in its picture."""

    def __init__(self, people: Gallery) -> None:
        super().__init__(WorkerSettings(identity=SETTINGS))
        self.people = people
        self.says: Look | NoLook | None = look(ADA)
        self.looks = 0

    def load(self) -> bool:
        return True

    def ready(self) -> bool:
        return True

    def comparable(self) -> Gallery:
        return self.people

    def look(self, face: FaceCrop) -> None:
        self.looks += 1
        face.outcome = self.says


class Later(Classifiers):
    """A second stage that works when it is told to."""

    def __init__(self) -> None:
        super().__init__({})
        self.waiting: list[OtherWork] = []

    def submit(self, batch: CropBatch | OtherWork) -> None:
        assert not isinstance(batch, CropBatch)
        self.waiting.append(batch)

    def work(self) -> None:
        """Do what waits."""
        for one in self.waiting:
            one.run()
            one.done = True
        self.waiting.clear()


def texture(seed: int) -> U8:
    """A picture like no other: smooth, as faces are."""
    coarse = np.random.default_rng(seed).integers(0, 255, (15, 20, 3), np.uint8)
    return np.asarray(av.VideoFrame.from_ndarray(coarse, format="bgr24").reformat(320, 240).to_ndarray(), np.uint8)


@dataclass
class Camera:
    """Shows pictures ten times a second, with the same faces in each."""

    script: Script
    on: bool = True
    number: int = 0
    image: U8 = field(default_factory=lambda: texture(1))

    def __post_init__(self) -> None:
        classifiers = Classifiers({})
        self.identity = StreamIdentity("cam", self.script, classifiers, lambda: self.on, "every_frame")

    def show(self, *faces: Detection, times: int = 1) -> list[str | None]:
        """Who the faces are in the last of `times` pictures."""
        for _ in range(times):
            image = av.VideoFrame.from_ndarray(self.image, format="bgr24")
            frame = Frame("cam", "s", self.number, self.number, self.number * STEP_US, 0, 0.0, 0.0, image)
            self.number += 1
            shown = self.identity.apply(frame, list(faces or (face(),)))
        return [None if found.identity is None else found.identity.person for found in shown]


def face(track: int | None = 1, label: str = "face", xyxy: tuple[float, float, float, float] = BOX) -> Detection:
    """What a detector found."""
    return Detection(detector="faces", track_id=track, label=label, confidence=0.9, xyxy=xyxy)


@pytest.fixture
def camera() -> Camera:
    return Camera(Script(gallery({"ada": ADA, "bob": BOB})))


def test_a_track_is_named_by_its_first_look_and_looked_at_seldom_from_then_on(camera: Camera) -> None:
    assert camera.show(face(None)) == [None] and camera.script.looks == 0, "not before it is a track"
    assert camera.show() == ["ada"] and camera.script.looks == 1
    assert camera.show(times=40) == ["ada"] and camera.script.looks == 3, "every two seconds"


def test_a_stranger_is_looked_at_ever_more_seldom(camera: Camera) -> None:
    camera.script.says = look(STRANGER)
    assert camera.show(times=100) == [None]
    assert camera.script.looks == 5, "at 0, 0.5, 1.5, 3.5 and 7.5 s"


def test_a_clearly_better_crop_is_looked_at_after_half_a_second(camera: Camera) -> None:
    camera.script.says = NoLook("blurred", "the face is blurred")
    camera.show(times=16)
    assert camera.script.looks == 3, "at 0, 0.5 and 1.5 s; the next would be at 3.5 s"
    for grown in range(0, 18, 2):  # from 1.6 s to 2.4 s, as somebody comes nearer
        camera.show(face(xyxy=(40.0 - grown, 40.0 - grown, 120.0 + grown, 120.0 + grown)))
    assert camera.script.looks == 4


def test_who_takes_the_mask_off_is_looked_at_at_once(camera: Camera) -> None:
    camera.script.says = NoLook("no_face", "no face was found")
    camera.show(face(label="with_mask"), times=2)
    camera.script.says = look(ADA)
    assert camera.show(face(label="without_mask")) == ["ada"] and camera.script.looks == 2
    assert camera.show(face(label="without_mask")) == ["ada"] and camera.script.looks == 2


@pytest.mark.parametrize(
    "found", [face(label="car"), face(xyxy=(40.0, 40.0, 65.0, 70.0)), face(None)], ids=["no face", "small", "no track"]
)
def test_what_is_never_looked_at(camera: Camera, found: Detection) -> None:
    assert camera.show(found, times=10) == [None] and camera.script.looks == 0


def test_after_a_cut_nobody_is_named_until_the_next_look(camera: Camera) -> None:
    camera.script.says = look(ADA)
    assert camera.show(times=5) == ["ada"]
    camera.image, camera.script.says = texture(2), NoLook("turned", "the face is turned")
    assert camera.show() == [None], "the look says nothing, so the name is not certain any more"
    camera.script.says = look(BOB)
    assert camera.show(times=4) == ["bob"]
    camera.script.says = NoLook("turned", "the face is turned")
    assert camera.show(times=40) == ["bob"], "who turns away keeps the name"


def test_where_frames_are_far_apart_a_cut_has_the_track_looked_at_at_once(camera: Camera) -> None:
    assert camera.show(times=2) == ["ada"]
    camera.number += 3
    camera.image, camera.script.says = texture(2), look(BOB)
    assert camera.show() == ["bob"] and camera.script.looks == 2
    camera.number += 3
    camera.image, camera.script.says = texture(3), NoLook("turned", "the face is turned")
    assert camera.show() == ["bob"] and camera.script.looks == 3, "everybody jumps at this rate: the name stays"


def test_a_look_of_before_a_cut_names_nobody_after_it(camera: Camera) -> None:
    later = Later()
    camera.identity = StreamIdentity("cam", camera.script, later, lambda: True, "live")
    assert camera.show() == [None] and len(later.waiting) == 1
    later.work()
    assert camera.show(times=25) == ["ada"] and len(later.waiting) == 1, "verified, after two seconds"
    camera.image = texture(2)
    assert camera.show() == [None]
    later.work()
    assert camera.show() == [None] and len(later.waiting) == 1, "that look was of before the cut; another is made"
    camera.script.says = look(BOB)
    later.work()
    assert camera.show() == ["bob"]


def test_a_box_that_jumps_may_be_somebody_else(camera: Camera) -> None:
    assert camera.show(times=3) == ["ada"]
    camera.script.says = look(STRANGER)
    assert camera.show(face(xyxy=(180.0, 120.0, 260.0, 200.0))) == [None]


def test_a_person_is_named_once_at_a_time(camera: Camera) -> None:
    left, right = face(1), face(2, xyxy=(200.0, 40.0, 280.0, 120.0))
    camera.script.says = look(unit(0.8, 0, 0.6))
    assert camera.show(left) == ["ada"]
    camera.script.says = look(ADA)
    assert camera.show(left, right) == [None, "ada"], "where she is most alike"
    assert camera.show(left) == ["ada"]


def test_a_change_of_the_gallery_counts_at_once(camera: Camera) -> None:
    assert camera.show() == ["ada"]
    camera.script.people = gallery({"bob": BOB})
    assert camera.show() == [None]
    camera.script.people = gallery({"bob": BOB, "eve": ADA})
    assert camera.show() == ["eve"] and camera.script.looks == 1
    camera.script.people = Gallery.empty()
    assert camera.show(times=50) == [None] and camera.script.looks == 1, "nobody is enrolled: nobody is looked at"


def test_a_stream_that_does_not_say_who_forgets_whom_it_saw(camera: Camera) -> None:
    camera.on = False
    assert camera.show(times=20) == [None] and camera.script.looks == 0
    camera.on = True
    assert camera.show() == ["ada"]
    camera.on = False
    assert camera.show() == [None]
    camera.on, camera.script.says = True, None
    assert camera.show() == [None] and camera.script.looks == 2, "nothing is left of the looks before"
