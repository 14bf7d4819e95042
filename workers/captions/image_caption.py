"""The caption of one image: who and what is in it, where, in which light, as the result of the frame says it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from workers.bus.result import Detection, FrameResult
from workers.captions.caption import Caption, FieldValue, Phrase, caption_of
from workers.captions.sentences import Mentioned, Sentences
from workers.captions.tags import BLURRED, NIGHT
from workers.captions.templates import templates_of
from workers.label_words import WordSource, name_of, usual_words

_SPACE = Phrase(text=" ")


def image_caption(result: FrameResult, source: WordSource = usual_words, language: str = "en") -> Caption:
    """What a result shows. Light and blur are told by its tags, so the thresholds are those of the tags."""
    words = Sentences(templates_of(language), source, result.models)
    told = [_in_view(result, words), *_said(result, words), *light_sentences(result, words)]
    return caption_of(language, joined(told))


def joined(sentences: Sequence[Sequence[Phrase]]) -> list[Phrase]:
    """Sentences as the phrases of one text, with spaces between them."""
    written: list[Phrase] = []
    for sentence in sentences:
        if sentence:
            *others, last = sentence
            written += [*others, last.model_copy(update={"text": last.text + _SPACE.text})]
    return written


def light_sentences(result: FrameResult, words: Sentences) -> list[list[Phrase]]:
    """Dark and blurred, as the tags of the result say."""
    image = result.image
    found: list[list[Phrase]] = []
    if image is None:
        return found
    if NIGHT in image.tags:
        found.append(words.sentence("dark", {"image.brightness": image.brightness}))
    if BLURRED in image.tags and image.focus is not None:
        found.append(words.sentence("blurred", {"image.focus": image.focus}))
    return found


def _in_view(result: FrameResult, words: Sentences) -> list[Phrase]:
    seen = result.detections
    if not seen:
        return _nothing(result, words)
    who = words.group(
        Mentioned(one.label, one.detector, None if one.identity is None else one.identity.person) for one in seen
    )
    place = words.place(seen[0].xyxy, result.size_wh) if len(seen) == 1 else Phrase(text="")
    facts: dict[str, FieldValue] = {"detections": len(seen)}
    return words.sentence("in_view" if len(seen) == 1 else "in_view.many", facts, who=who.phrases, place=place)


def _nothing(result: FrameResult, words: Sentences) -> list[Phrase]:
    models = [Phrase(text=name, fields={"models": name}) for name in sorted(result.models)]
    if not models:
        return []
    name = "nothing" if len(models) == 1 else "nothing.many"
    return words.sentence(name, {"detections": 0}, models=words.listed(models))


def _said(result: FrameResult, words: Sentences) -> list[list[Phrase]]:
    """What classifiers say of the detections, where that is not what the detector says anyhow."""
    said = Counter(found for detection in result.detections for found in _differing(detection))
    sentences = []
    for (model, label), count in sorted(said.items()):
        text = name_of(label, words.source(label, model, result.models.get(model)))
        about: dict[str, FieldValue] = {"attributes": model, "label": label}
        parts = {"label": Phrase(text=text, fields=about), "model": Phrase(text=model, fields={"attributes": model})}
        sentences.append(words.sentence("said", {}, **parts, count=words.number("count", count)))
    return sentences


def _differing(detection: Detection) -> list[tuple[str, str]]:
    return [(model, one.label) for model, one in detection.attributes.items() if one.label != detection.label]
