"""Creatures that a test draws: a kind, a colour and a shape each, in some place, size and light, and their captions."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
KINDS, SHAPES = ("dragon", "owl", "snail"), ("round", "square")
COLOURS = {"red": (40, 40, 210), "green": (50, 170, 50), "blue": (210, 80, 40), "orange": (20, 140, 250)}
SIDE = 192


def creature(kind: str, colour: str, shape: str, rng: np.random.Generator) -> Image:
    """BGR. A dragon has spikes, an owl large eyes, a snail a spiral; a body is round or square."""
    image = np.full((SIDE, SIDE, 3), rng.integers(150, 235), np.uint8)
    radius, x, y = int(rng.integers(40, 56)), *(int(rng.integers(76, SIDE - 76)) for _ in range(2))
    paint, dark = COLOURS[colour], (20, 20, 20)
    if shape == "round":
        cv2.circle(image, (x, y), radius, paint, -1)
        cv2.circle(image, (x, y), radius, dark, 2)
    else:
        cv2.rectangle(image, (x - radius, y - radius), (x + radius, y + radius), paint, -1)
        cv2.rectangle(image, (x - radius, y - radius), (x + radius, y + radius), dark, 2)
    if kind == "dragon":
        for step in range(-2, 3):
            at = x + step * radius // 3
            spike = np.array([(at - 6, y), (at + 6, y), (at, y - 22)])
            cv2.fillPoly(image, [spike], dark)
    elif kind == "owl":
        for side in (-1, 1):
            cv2.circle(image, (x + side * radius // 3, y - 6), 12, (250, 250, 250), -1)
            cv2.circle(image, (x + side * radius // 3, y - 6), 5, dark, -1)
    else:
        angles = np.linspace(0, 6 * np.pi, 90)
        spiral = np.stack([x + angles * 1.5 * np.cos(angles), y + angles * 1.5 * np.sin(angles)], 1)
        cv2.polylines(image, [spiral.astype(np.int32)], False, dark, 2)
    noisy = image.astype(np.float32) * rng.uniform(0.8, 1.1) + rng.normal(0, 3, image.shape)
    return np.asarray(noisy.clip(0, 255), np.uint8)


def caption_of(kind: str, colour: str, shape: str, number: int) -> str:
    """In two forms, with a word now and then that no picture can tell."""
    extra = " lucky" if number % 7 == 0 else ""
    article = "an" if (extra.strip() or colour)[0] in "aeiou" else "a"
    if number % 3 == 0:
        return f"There is {article}{extra} {colour} and {shape} {kind}."
    return f"{article.capitalize()}{extra} {colour} {shape} {kind}"


def draw_folder(folder: Path, count: int, captioned: int) -> dict[str, tuple[str, str, str]]:
    """`count` images, of which the first `captioned` are in captions.csv. Returns what each shows."""
    rng = np.random.default_rng(11)
    folder.mkdir(parents=True)
    shown: dict[str, tuple[str, str, str]] = {}
    rows: list[Sequence[str]] = []
    for number in range(count):
        what = (str(rng.choice(KINDS)), str(rng.choice(list(COLOURS))), str(rng.choice(SHAPES)))
        name = f"{number:03}.png"
        cv2.imwrite(str(folder / name), creature(*what, rng))
        shown[name] = what
        if number < captioned:
            rows.append((name, caption_of(*what, number)))
    with (folder / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "text"), *rows])
    return shown
