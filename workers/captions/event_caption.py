"""The caption of an event: what happened, to whom and where, and nothing that the event does not say. Pure."""

from __future__ import annotations

from collections.abc import Callable

from workers.bus.event import Event
from workers.captions.caption import Caption, FieldValue, Phrase, caption_of, person_mark
from workers.captions.sentences import Mentioned, Part, Sentences
from workers.captions.templates import templates_of
from workers.label_words import WordSource, spoken, usual_words


def event_caption(event: Event, source: WordSource = usual_words, language: str = "en") -> Caption | None:
    """None for kinds that have no sentence. Of alerts it is their text. Microseconds: made when somebody asks."""
    words = Sentences(templates_of(language), source, event.models)
    if event.kind in ("alert", "alert_ended"):
        about: dict[str, FieldValue] = {"text": event.text or ""}
        if event.rule is not None:
            about["rule"] = event.rule
        phrases = [Phrase(text=event.text, fields=about)] if event.text else []
    else:
        phrases = _told(event, words)
    return caption_of(language, phrases) if phrases else None


def _told(event: Event, words: Sentences) -> list[Phrase]:
    name = _sentence(event, words)
    if name is None:
        return []
    parts: dict[str, Part] = {
        "who": words.one(Mentioned(event.label, event.detector, _known(event))),
        "place": words.place(event.xyxy, event.size_wh),
    }
    for slot, make in _SLOTS.items():
        part = make(event, words)
        if part is not None:
            parts[slot] = part
    facts: dict[str, FieldValue] = {"kind": event.kind}
    if event.reason is not None:
        facts["reason"] = event.reason
    return words.sentence(name, facts, **parts)


def _sentence(event: Event, words: Sentences) -> str | None:
    """The most particular one for this kind that there is; its slots must be known."""
    place = "zone" if event.kind == "count_changed" and event.zone else event.reason
    if event.kind == "stream_down" and event.reason:
        place = "reason"
    if event.kind == "identified":
        if event.person is None and event.before is None:
            return None
        place = "lost" if event.person is None else "changed" if event.before is not None else None
    candidates = (f"{event.kind}.{place}", event.kind)
    name = next((one for one in candidates if one in words.templates.sentences), None)
    if event.kind in ("track_ended", "zone_left", "zone_stayed") and event.duration_s is None:
        return None
    if event.kind == "label_changed" and (event.before is None or event.label is None):
        return None
    return name


def _known(event: Event) -> str | None:
    """Who it is, as the subject of the sentence; of `identified` the sentence says it."""
    return None if event.kind == "identified" else event.person


def _person(event: Event, words: Sentences) -> Phrase | None:
    if event.person is None:
        return None
    return Phrase(text=person_mark(event.person), fields={"person": event.person})


def _before(event: Event, words: Sentences) -> Phrase | None:
    if event.before is None:
        return None
    if event.kind == "identified":
        return Phrase(text=person_mark(event.before), fields={"before": event.before})
    if event.kind == "count_changed":
        return Phrase(text=event.before, fields={"before": event.before})
    phrase = words.one(Mentioned(event.before, event.detector, event.person))
    return Phrase(text=phrase.text, fields={"before": event.before})


def _direction(event: Event, words: Sentences) -> Phrase | None:
    if event.direction is None:
        return Phrase(text="")
    return Phrase(text=words.templates.words[event.direction], fields={"direction": event.direction})


def _plain(name: str) -> Callable[[Event, Sentences], Phrase | None]:
    def make(event: Event, words: Sentences) -> Phrase | None:
        value = getattr(event, name)
        if value is None:
            return None
        text = spoken(value) if name == "reason" else str(value)
        return Phrase(text=text, fields={name: value})

    return make


def _duration(event: Event, words: Sentences) -> Phrase | None:
    return None if event.duration_s is None else words.duration("duration_s", event.duration_s)


_SLOTS: dict[str, Callable[[Event, Sentences], Phrase | None]] = {
    "before": _before,
    "person": _person,
    "direction": _direction,
    "duration": _duration,
    **{name: _plain(name) for name in ("zone", "line", "detector", "count", "reason")},
}
