"""What a data set holds: counts, sizes, plots, and its data card. Pure apart from the files it writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.data.labelled import SIZES, Labelled, side_of, size_name

PLOTS = "plots"


def statistics(parts: Mapping[str, Sequence[Labelled]], classes: Sequence[str]) -> dict[str, Any]:
    """For each part: images, objects by class, their sizes in pixels (quartiles) and by small, medium, large."""
    figures: dict[str, Any] = {}
    for part, images in parts.items():
        boxes = [box for image in images for box in image.boxes]
        sides = [side_of(box.xyxy) for box in boxes]
        quartiles = np.percentile(sides, [0, 25, 50, 75, 100]).round(1).tolist() if sides else []
        figures[part] = {
            "pictures": len(images),
            "without_objects": sum(not image.boxes for image in images),
            "objects": {name: sum(box.label == name for box in boxes) for name in classes},
            "sizes_px": quartiles,
            "by_size": {size: sum(size_name(side) == size for side in sides) for size in SIZES},
        }
    return figures


def data_version(folder: Path) -> str:
    """The first 12 hex digits of a sha256 over names and contents of images/, labels/ and the lists of a data set."""
    digest = hashlib.sha256()
    files = [path for part in ("images", "labels") for path in (folder / part).rglob("*") if path.is_file()]
    for path in sorted([*files, *folder.glob("*.txt")]):
        if path.suffix == ".cache":
            continue
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def write_plots(parts: Mapping[str, Sequence[Labelled]], classes: Sequence[str], folder: Path) -> list[Path]:
    """Objects by class, and their sizes, as PNG. Returns the files."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / max(1, len(parts))
    for index, (part, images) in enumerate(parts.items()):
        counts = [sum(box.label == name for item in images for box in item.boxes) for name in classes]
        bars = axes.bar(np.arange(len(classes)) + index * width, counts, width, label=part)
        axes.bar_label(bars, fontsize=8)
    axes.set_xticks(np.arange(len(classes)) + width * (len(parts) - 1) / 2, labels=list(classes))
    axes.set(title="Objects by class", ylabel="objects")
    axes.legend()
    figure.savefig(folder / "classes.png", dpi=100)

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    bins = np.geomspace(2, 1024, 40).tolist()
    for name in classes:
        sides = [side_of(box.xyxy) for items in parts.values() for item in items for box in item.boxes]
        own = [
            side for side, box in zip(sides, (b for p in parts.values() for i in p for b in i.boxes), strict=True)
            if box.label == name
        ]  # fmt: skip
        axes.hist(own, bins=bins, histtype="step", label=name)
    axes.set(title="Size of objects", xlabel="square root of area, pixels", ylabel="objects", xscale="log")
    axes.legend()
    figure.savefig(folder / "sizes.png", dpi=100)
    return [folder / "classes.png", folder / "sizes.png"]


def data_card(record: Mapping[str, Any]) -> str:
    """The data card as Markdown, from the record that `dataset build` writes beside the images."""
    lines = [
        "# Data card", "",
        f"Version `{record['version']}`, classes {', '.join(f'`{name}`' for name in record['classes'])}.", "",
        f"Built from `{record['source']}`, with these settings:", "",
        "```json", json.dumps(record["settings"], indent=1), "```", "",
        "| part | images | without objects | objects | small / medium / large | median size (px) |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for part, figures in record["parts"].items():
        objects = ", ".join(f"{name} {count}" for name, count in figures["objects"].items())
        sizes = " / ".join(str(count) for count in figures["by_size"].values())
        median = figures["sizes_px"][2] if figures["sizes_px"] else "–"
        row = (part, figures["pictures"], figures["without_objects"], objects, sizes, median)
        lines.append("| " + " | ".join(str(value) for value in row) + " |")
    made = record["made"]
    lines += [
        "",
        f"In training there are {made['zooms']} windows cut around labelled objects, {made['large_faces']} images "
        f"with one large face and {made['crowds']} with small faces added, made from crops. "
        f"Images with the rarest class (`{made['rarest']}`) come {made['rare_repeats']} times.",
        "", "![Objects by class](plots/classes.png)", "", "![Size of objects](plots/sizes.png)", "",
        "## What the check found", "",
    ]  # fmt: skip
    lines += [f"- {text}" for text in record["findings"]] or ["Nothing."]
    return "\n".join(lines) + "\n"
