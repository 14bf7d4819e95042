"""Parses lists, sizes and small files on the command line. Raises typer.BadParameter, which is exit code 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from training.errors import ExportError

if TYPE_CHECKING:
    from training.export.test_time_augmentation import TtaViews


def names(text: str) -> tuple[str, ...]:
    """`a,b,c`; none twice, at least one."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found or len(set(found)) != len(found):
        raise typer.BadParameter(f"{text!r}: must be names separated by commas, each once")
    return found


def ratios(text: str) -> tuple[float, float, float]:
    """`0.8,0.1,0.1` for train, val and test; together 1."""
    try:
        train, val, test = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r}: must be three numbers separated by commas, for train, val and test"
        ) from error
    if min(train, val, test) < 0 or train <= 0 or val <= 0 or abs(train + val + test - 1) > 1e-6:
        raise typer.BadParameter(f"{text!r}: the shares of train, val and test must add up to 1; only test may be 0")
    return train, val, test


def shapes(text: str) -> tuple[tuple[int, int], ...]:
    """`448x256,416x416`: width x height in pixels, multiples of 32."""
    found = []
    for part in names(text):
        try:
            width, height = (int(side) for side in part.lower().split("x"))
        except ValueError as error:
            raise typer.BadParameter(f"{part!r}: must be WIDTHxHEIGHT") from error
        if width < 32 or height < 32 or width % 32 or height % 32:
            raise typer.BadParameter(f"{part!r}: both sides must be multiples of 32")
        found.append((width, height))
    return tuple(found)


def views(scales: str, mirror: bool) -> TtaViews:
    """`1,0.7`: shares of the served shape, 1 first, all above 0."""
    from training.export.test_time_augmentation import TtaViews

    try:
        found = tuple(float(part) for part in names(scales))
    except ValueError as error:
        raise typer.BadParameter(f"{scales!r}: must be numbers separated by commas", param_hint="--scales") from error
    if found[0] != 1 or not all(0 < scale <= 2 for scale in found) or len(set(found)) != len(found):
        raise typer.BadParameter(f"{scales!r}: must be 1, then other numbers up to 2, each once", param_hint="--scales")
    return TtaViews(found, mirror)


def shared(text: str) -> tuple[Path, float]:
    """`best.pt@0.55`: a file and its share, above 0."""
    path, _, share = text.rpartition("@")
    try:
        found = Path(path), float(share)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: must be FILE@SHARE, such as best.pt@0.55") from error
    if not path or not 0 < found[1] <= 1:
        raise typer.BadParameter(f"{text!r}: must be FILE@SHARE with a share above 0 and at most 1")
    return found


def formats(text: str) -> tuple[str, ...]:
    """`openvino,onnx,int8`: what to export; OpenVINO's is what serves."""
    found = names(text)
    if "openvino" not in found or set(found) - {"openvino", "onnx", "int8"}:
        raise typer.BadParameter(f"{text!r}: must be openvino, optionally with onnx and int8", param_hint="--formats")
    return found


def facts(path: Path | None) -> dict[str, object]:
    """A JSON object for a card's `data`; nothing without a file. Raises ExportError naming the file."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise ExportError(f"{path}: cannot read it: {error.strerror or error}") from error
    except ValueError as error:
        raise ExportError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ExportError(f"{path}: not a JSON object")
    return found
