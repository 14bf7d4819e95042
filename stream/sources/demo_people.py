"""People for the built-in camera, cut from a portrait. Pure.

The portrait, grace_hopper.jpg, is in the public domain; grace_hopper.txt says where it comes from. Coordinates are
pixels of it, 512×600; images are BGR with an alpha channel (float32 masks 0 to 1 where named so).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from stream.errors import SourceError

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

PORTRAIT = Path(__file__).with_name("grace_hopper.jpg")
SIZE_WH = (512, 600)
_SILHOUETTE = (
    (178, 82), (176, 66), (192, 52), (216, 40), (240, 28), (262, 24), (290, 28), (316, 44), (340, 58), (353, 76),
    (354, 86), (369, 100), (371, 130), (369, 165), (366, 182), (374, 190), (375, 205), (367, 235), (359, 262),
    (350, 290), (338, 302), (331, 308), (331, 319), (345, 329), (380, 345), (430, 362), (470, 378), (490, 392),
    (500, 415), (511, 450), (511, 599), (16, 599), (26, 510), (31, 430), (39, 402), (56, 380), (90, 367), (140, 353),
    (182, 340), (196, 324), (200, 316), (197, 298), (181, 291), (170, 276), (165, 255), (162, 235), (155, 215),
    (155, 198), (161, 188), (153, 170), (149, 140), (150, 110), (162, 94),
)  # fmt: skip
_JACKET_FROM_Y = 318
_MASK = (
    (184, 240), (205, 238), (228, 231), (247, 220), (265, 212), (283, 219), (303, 230), (326, 236), (350, 238),
    (350, 262), (343, 290), (327, 313), (300, 329), (266, 336), (232, 329), (206, 312), (191, 288), (185, 262),
)  # fmt: skip
_LOOPS = (((185, 246), (163, 212)), ((189, 284), (166, 258)), ((350, 246), (367, 208)), ((345, 284), (361, 256)))
_EDGE = 18  # pixels inside the silhouette in which the portrait's blue backdrop is looked for
_SHIFT = 4  # bits of sub-pixel coordinates


@dataclass(frozen=True, slots=True)
class PersonStyle:
    """How one person differs from the next. Colours are BGR; `tone` multiplies the whole image."""

    mirrored: bool = False
    mask: tuple[int, int, int] | None = None
    jacket: tuple[int, int, int] = (45, 30, 25)
    hat: tuple[int, int, int] = (45, 30, 25)
    tone: tuple[float, float, float] = (1.0, 1.0, 1.0)


def load_portrait() -> Image:
    """The portrait, u8 (600, 512, 3) BGR. Raises SourceError when the installation lacks it."""
    image = cv2.imread(str(PORTRAIT))
    if image is None or image.shape[:2] != SIZE_WH[::-1]:
        raise SourceError(f"demo: {PORTRAIT} is missing or damaged; install livesight again")
    return np.asarray(image, np.uint8)


def draw_person(portrait: Image, style: PersonStyle, scale: float) -> Image:
    """One person at a scale: u8 (600·scale, 512·scale, 4), colours multiplied by alpha."""
    alpha = _cut_out(portrait)
    colours = _dress(portrait.astype(np.float32), style)
    if style.mask is not None:
        _put_mask_on(colours, portrait, style.mask)
    colours *= np.asarray(style.tone, np.float32)
    image = np.dstack([np.clip(colours, 0, 255) * alpha[..., None], alpha * 255])
    if style.mirrored:
        image = image[:, ::-1]
    size_wh = (round(SIZE_WH[0] * scale), round(SIZE_WH[1] * scale))
    resized = cv2.resize(np.ascontiguousarray(image), size_wh, interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(resized), 0, 255).astype(np.uint8)


def _cut_out(portrait: Image) -> Floats:
    """How much of each pixel is the person, float32 (600, 512), 0 to 1."""
    shape = _shape_mask(_SILHOUETTE, 1.2)
    core = cv2.erode(shape, np.ones((_EDGE, _EDGE), np.uint8), borderValue=1)
    blue, _, red = cv2.split(portrait.astype(np.float32))
    backdrop = np.clip((blue - red - 35) / 30, 0, 1) * np.clip((blue - 110) / 30, 0, 1) * (core < 0.5)
    return shape * (1 - np.asarray(cv2.GaussianBlur(backdrop, (0, 0), 0.8), np.float32))


def _shape_mask(points: tuple[tuple[int, int], ...], blur: float) -> Floats:
    """A filled shape with soft edges, float32 (600, 512), 0 to 1."""
    shape = np.zeros(SIZE_WH[::-1], np.uint8)
    cv2.fillPoly(shape, [np.asarray(points, np.int32) << _SHIFT], 255, cv2.LINE_AA, _SHIFT)
    return np.asarray(cv2.GaussianBlur(shape.astype(np.float32) / 255, (0, 0), blur), np.float32)


def _dress(colours: Floats, style: PersonStyle) -> Floats:
    """Dye what is dark: the jacket below the neck, the hat's brim above the brow."""
    luma = colours.mean(axis=2)
    skin = np.clip((colours[..., 2] - colours[..., 0] - 12) / 20, 0, 1)
    dark = np.clip((95 - luma) / 50, 0, 1) * (1 - skin)
    rows = np.arange(SIZE_WH[1], dtype=np.float32)[:, None]
    below = np.clip((rows - _JACKET_FROM_Y) / 12, 0, 1) * dark
    above = np.clip((138 - rows) / 12, 0, 1) * dark
    for share, colour in ((below, style.jacket), (above, style.hat)):
        dyed = np.asarray(colour, np.float32) * (0.55 + luma[..., None] / 60)
        colours = colours * (1 - share[..., None]) + dyed * share[..., None]
    return np.asarray(colours, np.float32)


def _put_mask_on(colours: Floats, portrait: Image, cloth: tuple[int, int, int]) -> None:
    """Draw a surgical mask from the bridge of the nose to the chin, in place; the face's own light shades it."""
    for begin, end in _LOOPS:
        _line(colours, [begin, end], (238, 238, 238), 1.6)
    shape = _shape_mask(_MASK, 0.8)[..., None]
    light = cv2.GaussianBlur(portrait.mean(axis=2).astype(np.float32), (0, 0), 14)
    inside = shape[..., 0] > 0.5
    shade = np.clip(0.45 + 0.55 * light / light[inside].mean(), 0.72, 1.12)
    xs = np.arange(SIZE_WH[0], dtype=np.float32)
    shade = shade * (1.0 - 0.16 * np.clip(np.abs(xs - 266) / 84, 0, 1) ** 2)[None, :]
    dyed = np.asarray(cloth, np.float32) * shade[..., None]
    colours += (dyed - colours) * shape * 0.98
    for y in (252, 272, 292):  # pleats: a shadow with a light edge below it
        arc = [(x, y + 9 - 9 * ((x - 266) / 80) ** 2) for x in range(190, 345, 6)]
        _line(colours, arc, tuple(0.72 * channel for channel in cloth), 1.5, shape)
        _line(colours, [(x, py + 3) for x, py in arc], tuple(min(255, 1.1 * c) for c in cloth), 1.2, shape)
    rim = [_MASK[index] for index in range(9)]
    _line(colours, rim, tuple(min(255, 1.12 * channel) for channel in cloth), 3.0, shape)


def _line(
    colours: Floats,
    points: Sequence[tuple[float, float]],
    colour: tuple[float, ...],
    width: float,
    within: Floats | None = None,
) -> None:
    """A soft line, in place."""
    drawn = np.zeros(SIZE_WH[::-1], np.uint8)
    fixed = (np.asarray(points, np.float32) * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(drawn, [fixed], False, 255, max(1, round(width)), cv2.LINE_AA, _SHIFT)
    share = drawn.astype(np.float32)[..., None] / 255
    if within is not None:
        share = share * within
    colours += (np.asarray(colour, np.float32) - colours) * share * 0.85
