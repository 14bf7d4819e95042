"""Why a camera's distributions have changed. Pure.

A changed image changes everything else: boxes are lost, confidence falls, labels get mixed up. Other people change the
confidence, as labels and sizes are not equally easy. So the image is examined first, the people next, and the model is
what is left when neither explains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.drift.comparison import DriftFinding
from workers.bus.drift_report import Cause

HINT_P = 1e-3
"""A change of the image with this p explains other findings, though it would be none by itself."""
SIGN_P = 0.05
"""Once the image is known to have changed, features with this p say in which way."""

_TEXTS = {
    "moved": "the camera shows another scene",
    "dark": "the image is darker",
    "bright": "the image is brighter",
    "blurred": "the image is out of focus, or the lens is dirty",
    "crisp": "the image is sharper",
    "blocky": "the image is compressed more strongly",
    "flat": "the image has less contrast",
    "colours": "the colours of the image have changed",
    "label": "labels come in another mix",
    "box_side": "objects have another size",
    "aspect": "boxes have another shape",
    "boxes": "the number of objects is unusual for this hour",
    "confidence": "the model is not as confident as it was",
    "distance": "faces resemble the people they are matched with less than they did",
}
_KINDS: dict[str, tuple[str, str]] = {
    "scene": ("moved", "moved"),
    "brightness": ("dark", "bright"),
    "focus": ("blurred", "crisp"),
    "blockiness": ("crisp", "blocky"),
    "sharpness": ("blurred", "crisp"),
    "detail": ("blurred", "crisp"),
    "contrast": ("flat", "bright"),
    "saturation": ("colours", "colours"),
}
"""What a feature of the image is called when it falls, and when it rises."""
_PRIORITY = ("scene", "blockiness", "focus", "brightness", "sharpness", "detail", "contrast", "saturation")
"""What explains most comes first: a darkened image has less contrast too, a blurred one fewer blocks."""


@dataclass(frozen=True, slots=True)
class DriftCause:
    """A cause, its kinds (the likeliest first), and a text for people."""

    cause: Cause
    kinds: tuple[str, ...]
    text: str


def explain(found: Sequence[DriftFinding], all_findings: Sequence[DriftFinding]) -> DriftCause:
    """The cause of the significant findings `found`, at least one; `all_findings`: all of the same comparison."""
    of_image = [finding for finding in found if finding.feature.group == "picture"]
    if not of_image:
        of_image = [
            finding
            for finding in all_findings
            if finding.feature.group == "picture" and finding.large and finding.p <= HINT_P
        ]
    population = [finding for finding in found if finding.feature.group == "population"]
    if of_image:
        signs = [one for one in all_findings if one.feature.group == "picture" and one.large and one.p <= SIGN_P]
        return _cause("picture", _image_kinds([*of_image, *signs]))
    if population:
        return _cause("population", _names(population))
    return _cause("model", _names(found))


def _image_kinds(findings: Sequence[DriftFinding]) -> tuple[str, ...]:
    kinds: list[str] = []
    for finding in sorted(findings, key=lambda finding: _PRIORITY.index(finding.feature.name)):
        rises = (finding.mean_now or 0.0) >= (finding.mean_reference or 0.0)
        kinds.append(_KINDS[finding.feature.name][rises])
    return tuple(dict.fromkeys(kinds))


def _names(findings: Sequence[DriftFinding]) -> tuple[str, ...]:
    ordered = sorted(findings, key=lambda finding: finding.p)
    return tuple(dict.fromkeys(finding.feature.name for finding in ordered))


def _cause(cause: Cause, kinds: tuple[str, ...]) -> DriftCause:
    return DriftCause(cause, kinds, "; ".join(_TEXTS[kind] for kind in kinds[:3]))
