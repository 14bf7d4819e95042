"""What a new version's labels are called: as its data set says, else as the version before did. Reads the disk."""

from __future__ import annotations

from pathlib import Path

from training.data.label_words import words_of
from workers.label_words import LabelWords
from workers.model_card import ModelStore, shipped_models_dir


def card_words(data: Path, base: tuple[Path, str, int], classes: tuple[str, ...]) -> dict[str, LabelWords]:
    """The words of a card. base: models folder, name and version of what is made. Raises DatasetError."""
    said = words_of(data, classes)
    before = _before(*base)
    return {label: words for label in classes if (words := said.get(label) or before.get(label)) is not None}


def _before(models: Path, name: str, version: int) -> dict[str, LabelWords]:
    """Those of the newest version below; of one that ships where the folder has none."""
    for root in (models, shipped_models_dir()):
        found = [card for card in ModelStore([root]).cards() if card.name == name and card.version < version]
        if found:
            return dict(max(found, key=lambda card: card.version).words)
    return {}
