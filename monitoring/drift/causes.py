"""Why a camera's distributions are no longer what they were. Pure.

A picture that changed changes everything else: boxes are lost, confidence falls, labels get mixed up. Other people
change the confidence, as labels and sizes are not equally easy. So the picture is asked first, the people next, and the
model is what is left when neither explains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.drift.findings import DriftFinding
from monitoring.rules.drift_signals import Cause

HINT_P = 1e-3
"""A picture that has changed as surely as that explains what else is found, though it would be no finding by itself."""
SIGN_P = 0.05
"""When it is known that the picture has changed, this sure a feature says in which way."""

_WORDS = {
    "moved": "the camera looks elsewhere",
    "dark": "the picture is darker",
    "bright": "the picture is brighter",
    "blurred": "the picture is out of focus, or the lens is dirty",
    "crisp": "the picture is sharper",
    "blocky": "the picture is compressed more strongly",
    "flat": "the picture has less contrast",
    "colours": "the picture's colours are others",
    "label": "labels come in another mix",
    "box_side": "objects are of another size",
    "aspect": "boxes have another shape",
    "boxes": "there are more objects, or fewer, than at this hour before",
    "confidence": "the model is not as sure as it was",
    "distance": "faces are less like those they are taken for",
}
_FALLS_RISES = {
    "scene": ("moved", "moved"),
    "brightness": ("dark", "bright"),
    "focus": ("blurred", "crisp"),
    "blockiness": ("crisp", "blocky"),
    "sharpness": ("blurred", "crisp"),
    "detail": ("blurred", "crisp"),
    "contrast": ("flat", "bright"),
    "saturation": ("colours", "colours"),
}
_ORDER = ("scene", "blockiness", "focus", "brightness", "sharpness", "detail", "contrast", "saturation")
"""What explains most goes first: a darkened picture has less contrast too, a blurred one fewer blocks."""


@dataclass(frozen=True, slots=True)
class DriftCause:
    """A cause, what of it exactly (the first is the likeliest), and both in words."""

    cause: Cause
    kinds: tuple[str, ...]
    text: str


def explain(found: Sequence[DriftFinding], all_findings: Sequence[DriftFinding]) -> DriftCause:
    """The cause of `found`, none of them empty; `all_findings` are those of the same comparison, found or not."""
    pictures = [finding for finding in found if finding.feature.group == "picture"]
    if not pictures:
        pictures = [
            finding
            for finding in all_findings
            if finding.feature.group == "picture" and finding.large and finding.p <= HINT_P
        ]
    population = [finding for finding in found if finding.feature.group == "population"]
    if pictures:
        signs = [one for one in all_findings if one.feature.group == "picture" and one.large and one.p <= SIGN_P]
        return _told("picture", _picture_kinds([*pictures, *signs]))
    if population:
        return _told("population", _names(population))
    return _told("model", _names(found))


def _picture_kinds(pictures: Sequence[DriftFinding]) -> tuple[str, ...]:
    kinds: list[str] = []
    for finding in sorted(pictures, key=lambda finding: _ORDER.index(finding.feature.name)):
        rises = (finding.mean_now or 0.0) >= (finding.mean_reference or 0.0)
        kinds.append(_FALLS_RISES[finding.feature.name][rises])
    return tuple(dict.fromkeys(kinds))


def _names(findings: Sequence[DriftFinding]) -> tuple[str, ...]:
    ordered = sorted(findings, key=lambda finding: finding.p)
    return tuple(dict.fromkeys(finding.feature.name for finding in ordered))


def _told(cause: Cause, kinds: tuple[str, ...]) -> DriftCause:
    return DriftCause(cause, kinds, "; ".join(_WORDS[kind] for kind in kinds[:3]))
