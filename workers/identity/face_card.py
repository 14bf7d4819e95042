"""The card of the face model, and what is known and not known about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.identity.align import SIDE
from workers.model_card import Calibration, ModelCard

FACE_ID = "face-id"
VERSION = 1
EMBEDDER = "model.xml"
DETECTOR = "detector.xml"
"""YuNet; lies beside the embedder, as a look needs both."""

MEASURED: dict[str, Any] = {
    "faces": "520 of 70 people, half of them office workers of the 1990s, whom no embedder was trained on; 2,032 pairs "
    "of the same and 132,908 of different people; aligned by YuNet's landmarks",
    "eer": 0.0128,
    "tar_at_far": {"0.001": {"tar": 0.964, "threshold": 0.421}, "0.0001": {"tar": 0.921}},
    "tar_at_threshold_0.42": {
        "full": 0.95,
        "64 px": 0.925,
        "48 px": 0.88,
        "40 px": 0.81,
        "32 px": 0.67,
        "24 px": 0.30,
        "blur of 2 in 160 px": 0.85,
        "blur of 3 in 160 px": 0.60,
        "drawn mask": 0.80,
    },
    "open_set": {
        "what": "half of the people enrolled with three photos",
        "threshold_0.46": {"right": 0.991, "wrong": 0.0001, "strangers_named": 0.0111},
        "threshold_0.50": {"right": 0.984, "wrong": 0.0, "strangers_named": 0.0015},
    },
}
NOT_KNOWN = (
    "which faces SFace was trained on: neither its authors' page nor the package says it so that it could be verified",
    "how well it works by sex, age and colour of skin: the measured sets are too small to say",
    "whether a face is alive: a photo held into the camera looks like the person; never open a door by it",
)


def face_id_card(files: Mapping[str, str], data: Mapping[str, Any]) -> ModelCard:
    """The card of `face-id`. files: name → sha256; data: where the weights came from."""
    return ModelCard(
        name=FACE_ID,
        version=VERSION,
        task="embed",
        shapes_wh=((SIDE, SIDE),),
        color="rgb",
        pad_value=0,
        files=dict(files),
        data={**data, "embedder": "SFace (2021)", "detector": "YuNet (2023)"},
        metrics=MEASURED,
        calibration=Calibration(not_known=NOT_KNOWN),
        licence="Apache-2.0 (opencv_zoo, both graphs); the wheel that they come in says MIT",
    )
