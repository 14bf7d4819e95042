"""What captions say of events and images, word for word; the templates; the tags of a frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.happened import happened
from workers.bus.result import Attribute, Detection, FrameResult, Identity, ImageFigures, Latency
from workers.captions import templates
from workers.captions.caption import people_in
from workers.captions.event_caption import event_caption
from workers.captions.image_caption import image_caption
from workers.captions.sentences import place_of
from workers.captions.tags import frame_tags
from workers.captions.templates import templates_of
from workers.errors import SettingsError
from workers.settings import TagSettings

SIZE_WH = (900, 300)
BOX = (0.0, 0.0, 90.0, 90.0)
ADA = Identity(person="01JD0000000000000000000ADA", similarity=0.7, threshold=0.5)


def seen(label: str, identity: Identity | None = None, **attributes: str) -> Detection:
    said = {name: Attribute(label=one, confidence=0.9) for name, one in attributes.items()}
    return Detection(
        detector="mask", track_id=1, label=label, confidence=0.9, xyxy=BOX, identity=identity, attributes=said
    )


def figures(**changes: Any) -> ImageFigures:
    return ImageFigures(
        **{"brightness": 0.5, "contrast": 0.5, "sharpness": 0.5, "frozen_s": 0, "focus": 0.6, **changes}
    )


def result(*detections: Detection, image: ImageFigures | None = None) -> FrameResult:
    return FrameResult(
        stream_id="door", session="01KAH0000000000000000000AA", frame=1, skipped=0, pts_us=1, captured_at_ns=1,
        size_wh=SIZE_WH, node="n", detections=detections, image=image, models={"mask": 1},
        latency_ms=Latency(decode=1, wait=1, inference=1, total=1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        ("track_began", {"label": "with_mask"}, "Somebody with a mask came into view."),
        ("track_began", {"label": "car", "xyxy": BOX, "size_wh": SIZE_WH}, "A car came into view at the upper left."),
        ("label_changed", {"label": "with_mask", "before": "car"}, "A car became somebody with a mask."),
        ("label_changed", {"label": "with_mask"}, None),
        ("track_ended", {"label": "owl_pet", "duration_s": 12.04, "reason": "gone"},
         "An object (owl pet) was last seen, after 12 s in view."),
        ("track_ended", {"label": "car", "duration_s": 150, "reason": "stream_lost"},
         "A car was in view for 2 min, until the stream was lost."),
        ("track_ended", {"label": "car"}, None),
        ("zone_entered", {"label": "person", "zone": "till"}, "A person entered zone till."),
        ("zone_left", {"label": "person", "zone": "till", "duration_s": 3.25},
         "A person left zone till after 3.2 s."),
        ("zone_left", {"label": "person", "zone": "till", "duration_s": 3, "reason": "gone"},
         "A person was in zone till for 3 s and was then no longer seen."),
        ("zone_stayed", {"label": "person", "zone": "till", "duration_s": 60.0},
         "A person had been in zone till for 60 s."),
        ("line_crossed", {"label": "person", "line": "gate", "direction": "out"},
         "A person crossed line gate outwards."),
        ("count_changed", {"detector": "mask", "count": 3, "before": "1"},
         "The model mask counted 3 in view, 1 before."),
        ("count_changed", {"detector": "mask", "count": 0, "before": "1", "zone": "till"},
         "The model mask counted 0 in zone till, 1 before."),
        ("identified", {"label": "with_mask", "person": "01A"},
         "Somebody with a mask was recognised as {person:01A}."),
        ("identified", {"label": "person", "person": "01A", "before": "01B"},
         "A person was recognised as {person:01A}, no longer as {person:01B}."),
        ("identified", {"label": "person", "before": "01B"}, "A person was no longer recognised as {person:01B}."),
        ("identified", {"label": "person"}, None),
        ("stream_up", {}, "The stream came up."),
        ("stream_down", {"reason": "push_ended"}, "The stream went down: push ended."),
        ("alert", {"rule": "bare", "text": "Somebody has entered zone till"}, "Somebody has entered zone till"),
        ("alert", {"rule": "bare"}, None),
    ],
)  # fmt: skip
def test_what_is_said_of_an_event(kind: Any, fields: dict[str, Any], text: str | None) -> None:
    event = happened(1, kind, "door").model_copy(update={**dict.fromkeys(_BLANK), **fields})
    caption = event_caption(event)
    assert (caption and caption.text) == text
    if caption is None:
        return
    assert caption.text == "".join(phrase.text for phrase in caption.phrases)
    told = {name: value for phrase in caption.phrases for name, value in phrase.fields.items()}
    for name, value in told.items():
        own = getattr(event, name)
        assert value == (own if not isinstance(own, float | tuple) else pytest.approx(own)), "as the event has it"
    assert {*fields} <= {*told}, "nothing of it is left out"


_BLANK = ("label", "detector", "confidence", "xyxy", "size_wh", "zone", "line", "direction", "count", "before",
          "duration_s", "reason", "rule", "text", "person")  # fmt: skip


@pytest.mark.parametrize(
    ("detections", "text"),
    [
        ((), "Nothing that mask finds is in view."),
        ((seen("person"),), "A person is in view at the upper left."),
        ((seen("car"), seen("person"), seen("person")), "Two people and a car are in view."),
        ((seen("a"), seen("b"), seen("car"), seen("dog"), seen("tv"), seen("tv")),
         "Two TVs, an object (a), an object (b), a car and one other object are in view."),
        ((seen("person"),) * 13, "13 people are in view."),
        ((seen("with_mask", ADA), seen("with_mask")), "Ada (with mask) and somebody with a mask are in view."),
        ((seen("face", colour="red"), seen("face", colour="red"), seen("face", colour="face")),
         "Three faces are in view. Colour says “red” of two."),
    ],
)  # fmt: skip
def test_what_is_said_of_an_image(detections: tuple[Detection, ...], text: str) -> None:
    caption = image_caption(result(*detections))
    assert people_in(caption.text) == {one.identity.person for one in detections if one.identity is not None}
    assert caption.named(lambda _: "Ada", "somebody").text == text
    if ADA.person in caption.text:
        assert caption.named(lambda _: None, "somebody").text.startswith("Somebody (with mask) and")


def test_light_is_said_by_the_tags() -> None:
    for image, told in (
        (figures(brightness=0.1), "The image is dark."),
        (figures(focus=0.2), "The image is blurred."),
        (figures(), ""),
    ):
        tagged = image.model_copy(update={"tags": frame_tags((), image, TagSettings())})
        assert image_caption(result(image=tagged)).text == f"Nothing that mask finds is in view. {told}".strip()


@pytest.mark.parametrize(
    ("detections", "image", "tags"),
    [
        ((), figures(), ("empty",)),
        ((seen("person", ADA), seen("car")), figures(), ("label:car", "label:person", f"person:{ADA.person}")),
        ((seen("person"),) * 10, figures(), ("crowded", "label:person")),
        ((seen("person"),), figures(brightness=0.0, focus=0.0), ("label:person", "night")),
        ((seen("person"),), figures(focus=0.34), ("blurred", "label:person")),
        ((seen("person"),), figures(focus=None), ("label:person",)),
        ((seen("person"),), figures(tags=("taught:gate open",)), ("label:person", "taught:gate open")),
    ],
)
def test_tags(detections: tuple[Detection, ...], image: ImageFigures, tags: tuple[str, ...]) -> None:
    assert frame_tags(detections, image, TagSettings()) == tags


def test_places_are_ninths() -> None:
    assert place_of((290, 90, 308, 108), SIZE_WH) == "upper left"
    assert place_of((300, 100, 302, 102), SIZE_WH) == "centre"
    assert place_of((800, 290, 1000, 330), SIZE_WH) == "lower right", "what hangs over the edge is at the edge"


def test_another_language_is_another_file(tmp_path: Path) -> None:
    english = json.loads((Path(templates.__file__).parent / "en.json").read_text())
    german = english | {"language": "de", "sentences": english["sentences"] | {"stream_up": "Die Kamera ist da."}}
    (tmp_path / "de.json").write_text(json.dumps(german))
    assert templates_of("de", tmp_path).sentences["stream_up"] == "Die Kamera ist da."
    with pytest.raises(SettingsError, match="no templates of the language xx; there are: de"):
        templates_of("xx", tmp_path)
    for wrong, told in (
        ({"sentences": english["sentences"] | {"stream_up": "{who} is up"}}, "stream_up: nothing goes into {who}"),
        ({"sentences": {}}, "must have exactly these"),
        ({"places": {}, "words": {"in": "in"}}, "must have exactly these"),
    ):
        (tmp_path / "fr.json").write_text(json.dumps(english | wrong))
        templates_of.cache_clear()
        with pytest.raises(SettingsError, match=told):
            templates_of("fr", tmp_path)
