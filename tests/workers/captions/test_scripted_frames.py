"""Two hundred drawn frames with a script: every statement of their captions is true of the script.

A detector looks at the pixels; what a caption says is read back from its text, and compared with what was drawn.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import av
import cv2
import numpy as np
import pytest

from stream.frame import Frame, new_session
from tests.peers.colour_models import COLOURS, RGB, SHAPE_WH, SQUARE, write_square_model
from workers.captions.caption import Caption
from workers.captions.image_caption import image_caption
from workers.captions.templates import templates_of
from workers.engines.hot_swap import EngineSlots
from workers.inference.detect import image_result
from workers.label_words import LabelWords
from workers.model_card import ModelStore
from workers.settings import WorkerSettings

FRAMES = 200
WORDS = {colour: LabelWords(one=f"a {colour} square", many=f"{colour} squares") for colour in COLOURS}
CENTRES = {
    " at the upper left": (40, 40), " at the top": (160, 40), " at the upper right": (280, 40),
    " on the left": (40, 96), " in the middle": (160, 96), " on the right": (280, 96),
    " at the lower left": (40, 152), " at the bottom": (160, 152), " at the lower right": (280, 152),
}  # fmt: skip
APART = (" at the upper left", " at the upper right", " at the lower left", " at the lower right")
"""Squares that are drawn together do not touch."""


@dataclass(frozen=True)
class Drawn:
    """What a frame shows: the colour at each place, and in which light."""

    squares: dict[str, str]
    dark: bool
    blurred: bool


def script() -> list[Drawn]:
    """The same every time."""
    rng = random.Random(20)
    frames = []
    for _ in range(FRAMES):
        light = rng.choice(("day", "day", "dark", "blurred"))
        many = rng.choice((0, 1, 1, 2, 3, 4) if light != "dark" else (0, 1, 1, 2))  # they shine: four light the image
        places = rng.sample(list(CENTRES), 1) if many == 1 else rng.sample(APART, many)
        frames.append(Drawn({place: rng.choice(COLOURS) for place in places}, light == "dark", light == "blurred"))
    return frames


def drawn(what: Drawn, noise: np.random.Generator) -> av.VideoFrame:
    """Squares before a wall of grey bricks."""
    width, height = SHAPE_WH
    bricks = (
        noise.integers(0, 6, (height // 8, width // 8))
        if what.dark
        else noise.integers(40, 200, (height // 8, width // 8))
    )
    image = np.repeat(np.kron(bricks, np.ones((8, 8), np.int64))[:, :, None], 3, 2).astype(np.uint8)
    for place, colour in what.squares.items():
        x, y = CENTRES[place]
        half = SQUARE // 2
        image[max(0, y - half) : y + half, max(0, x - half) : x + half] = RGB[colour]
    if what.blurred:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 6), np.uint8)
    return av.VideoFrame.from_ndarray(image, format="rgb24")


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Drawn, Caption]]]:
    """What was drawn, and what is said of it."""
    models = tmp_path_factory.mktemp("models")
    write_square_model(models)
    slots = EngineSlots(ModelStore([models]), WorkerSettings(threads=1))
    slots.ensure(["squares"])
    noise = np.random.default_rng(20)
    found = []
    for number, what in enumerate(script()):
        now_s = time.monotonic()
        frame = Frame("drawn", new_session(), number, number, 0, 1, now_s, 0.0, drawn(what, noise))
        result = image_result(slots, frame, ("squares",), "node-1")
        found.append((what, image_caption(result, lambda label, *_: WORDS.get(label))))
    yield found
    slots.close()


def counted(text: str) -> Counter[str]:
    """ "Two red squares and a green square" → how many of each colour."""
    numbers = {word: count for count, word in enumerate(templates_of("en").numbers)}
    found: Counter[str] = Counter()
    for item in re.split(r", | and ", text.lower()):
        match = re.fullmatch(r"(\w+) (red|green|blue) squares?", item)
        assert match is not None, text
        plural = item.endswith("s")
        number = numbers[match[1]] if plural else {"a": 1}[match[1]]
        assert plural == (number > 1), text
        found[match[2]] = number
    return found


def test_every_statement_is_true_of_what_was_drawn(captions: list[tuple[Drawn, Caption]]) -> None:
    wrong = []
    for what, caption in captions:
        first, *others = (sentence.strip() for sentence in re.findall(r"[^.]+\.", caption.text))
        told = re.fullmatch(r"(.+?) (is|are) in view( .+)?\.", first)
        assert told is not None, caption.text
        if told[1] == "Nothing that squares finds":
            right = not what.squares
        else:
            right = counted(told[1]) == Counter(what.squares.values()) and (told[2] == "is") == (len(what.squares) == 1)
            right = right and (told[3] is None if len(what.squares) > 1 else {f" {told[3].strip()}"} == {*what.squares})
        light = {"The image is dark."} if what.dark else {"The image is blurred."} if what.blurred else set()
        if not right or set(others) != light:
            wrong.append((what, caption.text))
    assert not wrong, (len(wrong), wrong[:5])
    assert len({caption.text for _, caption in captions}) > 60


def test_each_phrase_says_what_it_came_from(captions: list[tuple[Drawn, Caption]]) -> None:
    for _, caption in captions:
        assert caption.text == "".join(phrase.text for phrase in caption.phrases)
        for phrase in caption.phrases:
            grammar = phrase.text in (", ", " and ")
            assert bool(phrase.fields) != grammar, (caption.text, phrase)
            if "label" in phrase.fields:
                assert str(phrase.fields["label"]) in phrase.text and phrase.fields["detector"] == "squares"
