"""What a data set says its labels are called: `words` in data.yaml, or words.yaml in the folder. Reads the disk.

    words: {tri: {one: a triangle, many: triangles}}

A words.yaml has what is under `words`: for Pascal VOC, COCO and folders of crops, which have no data.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from training.data.yolo import DATA_YAML
from training.errors import DatasetError
from workers.label_words import LabelWords
from workers.validation import first_reason

WORDS_YAML = "words.yaml"

Vocabulary = Mapping[str, LabelWords]


class _Said(BaseModel):
    words: dict[str, LabelWords]


def read_words(folder: Path) -> dict[str, LabelWords]:
    """By label; empty where the set says nothing. Raises DatasetError naming the file and the key."""
    for name in (WORDS_YAML, DATA_YAML):
        path = folder / name
        try:
            found = yaml.safe_load(path.read_text()) if path.is_file() else None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise DatasetError(f"{path}: cannot read it: {' '.join(str(error).split())}") from error
        words = found if name == WORDS_YAML else found.get("words") if isinstance(found, dict) else None
        if words is not None:
            try:
                return _Said(words=words).words
            except ValidationError as error:
                raise DatasetError(f"{path}: {first_reason(error, 'words')}") from error
    return {}


def words_of(folder: Path, classes: tuple[str, ...]) -> dict[str, LabelWords]:
    """The words of a set that has these classes. Raises DatasetError, also for a label that is none of them."""
    words = read_words(folder)
    if unknown := sorted(set(words) - set(classes)):
        raise DatasetError(f"{folder}: words for labels that the set does not have: {', '.join(unknown)}")
    return words
