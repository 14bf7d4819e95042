"""Learns from a captioned folder, tests itself, and captions the images that have no caption. On the calling thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.captioner.captions_file import CaptionedFolder
from training.captioner.image_features import Described, describe
from training.captioner.word_tags import F64, LEAST, WordFigures, figures_of, flags_of, learn_words, recurring, tested
from training.captioner.wording import CaptionWords, caption_words
from training.data.labelled import read_image
from training.errors import EvaluationError

_FEWEST = 40
"""Captioned images below which nothing is learnt: folds of fewer say nothing."""


@dataclass(frozen=True, slots=True)
class CaptionerReport:
    """What was learnt. words: each that recurs; exact: share of captioned images whose served tags were all right,
    by models that had not seen them. rows: of each new image its name, caption and tags.
    """

    images: int
    words: list[WordFigures]
    exact: float
    rows: list[tuple[str, str, tuple[str, ...]]]


def caption_folder(folder: CaptionedFolder, least: int = LEAST) -> CaptionerReport:
    """Raises DatasetError for an image that cannot be read, EvaluationError where nothing can be learnt."""
    if len(folder.texts) < _FEWEST:
        raise EvaluationError(f"{len(folder.texts)} images have captions; {_FEWEST} at least are needed to learn from")
    texts = list(folder.texts.values())
    words = recurring(folder.texts, least)
    if not words:
        raise EvaluationError(f"no word stands in {least} captions or more; caption more images, or lower --least")
    described = _described(folder, tuple(folder.texts))
    flags = flags_of(texts, words)
    scores = tested(described, flags)
    figures = figures_of(words, flags, scores)
    served = [one.word for one in figures if one.served]
    speech = caption_words(texts, served)
    exact = _exact(speech, words, scores, texts)
    if not served or not folder.new:
        return CaptionerReport(len(texts), figures, exact, [(name, "", ()) for name in folder.new])
    new = learn_words(described, flags).scores(_described(folder, folder.new))
    rows = [_row(name, row, words, speech) for name, row in zip(folder.new, new, strict=True)]
    return CaptionerReport(len(texts), figures, exact, rows)


def _described(folder: CaptionedFolder, names: Sequence[str]) -> list[Described]:
    """One image at a time in memory."""
    return [describe([read_image(folder.folder / name)])[0] for name in names]


def _row(name: str, scores: F64, words: Sequence[str], speech: CaptionWords) -> tuple[str, str, tuple[str, ...]]:
    tags = speech.tags(dict(zip(words, map(float, scores), strict=True)))
    return name, speech.text(tags), tags


def _exact(speech: CaptionWords, words: Sequence[str], scores: F64, texts: Sequence[str]) -> float:
    served = {tag for slot in speech.slots for tag in slot.tags}
    right = 0
    for row, text in zip(scores, texts, strict=True):
        said = set(speech.tags(dict(zip(words, map(float, row), strict=True))))
        right += said == {word for word, flag in zip(words, flags_of([text], words)[0], strict=True) if flag} & served
    return round(right / len(texts), 4) if served else 0.0
