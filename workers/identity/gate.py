"""Which faces are good enough to be told who it is, and to be enrolled; and why not, in plain words. Pure.

A bad look is worse than none: it makes a known person unknown, and enrolled it makes strangers known. The limits are
measured on degraded copies (docs/people-model.md): naming stops where half of the looks at known people would fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2

from workers.engines.engine import U8
from workers.settings import IdentitySettings

Reason = Literal["no_face", "several_faces", "small", "blurred", "turned"]

NAME_SHARPNESS, ENROL_SHARPNESS = 0.06, 0.20
"""Half of the faces that a blur of 4 pixels in 160 was drawn over have 0.065, one of 2 pixels 0.19; sharp ones of 64 px
0.5, of 40 px 0.3, of 24 px 0.14."""
NAME_TURNED, ENROL_TURNED = 70.0, 30.0
"""Of 100 looks in films, up to 30° each was as alike to the person as from the front; from 30° to 50° two thirds were
above 0.45. Beyond that, landmarks of several passes (steady_landmarks.py) leave a man at 50° to 65° at 0.54 to 0.63."""
_HALF = 200.0


@dataclass(frozen=True, slots=True)
class NoLook:
    """Nothing can be said of the face. detail: why, for people to read."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one face. In pixels of the picture: eyes_px, how far the eyes are apart; size_px, the side of a square as
    large as the face's box.

    sharpness: 0 to 1, of the aligned face. pose: degrees turned to the side, estimated.
    """

    eyes_px: float
    size_px: float
    sharpness: float
    pose: float


def face_sharpness(aligned: U8) -> float:
    """0 (a blur) to 1 of an aligned face, u8 (side, side, 3): v / (v + 200), v the variance of its Laplacian."""
    grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
    variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return variance / (variance + _HALF)


def refused(found: Quality, settings: IdentitySettings, enrol: bool) -> NoLook | None:
    """Why this face is not good enough to be named, or, with `enrol`, to be enrolled; None when it is."""
    to, least_px = ("to enrol", settings.enrol_px) if enrol else ("to name it", settings.name_px)
    if round(found.size_px) < least_px:
        return NoLook("small", f"the face is {found.size_px:.0f} px; {least_px:.0f} px are needed {to}")
    most = ENROL_TURNED if enrol else NAME_TURNED
    if found.pose > most:
        return NoLook(
            "turned",
            f"the face is turned to the side by about {found.pose:.0f}°; at most {most:.0f}° are possible {to}",
        )
    if round(found.eyes_px) < settings.least_eyes_px:
        return NoLook(
            "small", f"the eyes are {found.eyes_px:.0f} px apart; {settings.least_eyes_px:.0f} px are needed {to}"
        )
    least = ENROL_SHARPNESS if enrol else NAME_SHARPNESS
    if found.sharpness < least:
        return NoLook("blurred", f"the face is blurred: sharpness {found.sharpness:.2f}; {least:.2f} is needed {to}")
    return None
