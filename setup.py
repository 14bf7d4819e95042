"""Adds the models that ship to the wheel, as data beside the packages; everything else is in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
FOLDERS = sorted(card.parent.relative_to(ROOT) for card in ROOT.glob("models/*/*/card.json"))

setup(
    data_files=[
        (f"share/livesight/{folder}", [str(file) for file in sorted(folder.iterdir()) if file.is_file()])
        for folder in FOLDERS
    ]
)
