"""The caption of a track: who it was, for how long, which zones and lines, what else it was at first. Pure."""

from __future__ import annotations

from collections import Counter

from monitoring.core.telling import Telling
from monitoring.tracks.record import LOST, TrackRecord
from workers.captions.caption import Caption, FieldValue, Phrase, caption_of
from workers.captions.image_caption import joined
from workers.captions.sentences import Mentioned, Sentences


def track_caption(record: TrackRecord, telling: Telling) -> Caption:
    """What the row of a track says of it, in sentences. Of one in view: as far as its newest event."""
    words = telling.sentences()
    told = [_seen(record, words), *_labels(record, words), *_zones(record, words), *_lines(record, words)]
    if record.alerts:
        count = len(record.alerts)
        name = "alerts" if count == 1 else "alerts.many"
        told.append(words.sentence(name, {"alerts": count}, count=words.number("alerts", count)))
    return telling.caption(caption_of(telling.language, joined(told)), record.stream_id)


def _seen(record: TrackRecord, words: Sentences) -> list[Phrase]:
    label = record.labels[-1].label if record.labels else None
    who = words.one(Mentioned(label, record.detector, record.person))
    if record.ended_at_ns is not None and record.reason != LOST and record.duration_s is not None:
        ended: dict[str, FieldValue] = {"ended_at_ns": record.ended_at_ns}
        return words.sentence("seen_for", ended, who=who, duration=words.duration("duration_s", record.duration_s))
    name = "seen_since" if record.ended_at_ns is None else "seen_at_least"
    seen_s = (record.last_ns - record.captured_at_ns) / 1e9
    if record.ended_at_ns is None and seen_s < 1:  # nothing but its beginning is known
        return words.sentence("seen_now", {"began_at_ns": record.captured_at_ns}, who=who)
    duration = words.duration("last_ns", seen_s)
    return words.sentence(name, {"began_at_ns": record.captured_at_ns}, who=who, duration=duration)


def _labels(record: TrackRecord, words: Sentences) -> list[list[Phrase]]:
    if len(record.labels) < 2 or record.labels[0].label == record.labels[-1].label:
        return []
    first = record.labels[0]
    return [
        words.sentence("at_first", {"since_ns": first.since_ns}, who=words.one(Mentioned(first.label, record.detector)))
    ]


def _zones(record: TrackRecord, words: Sentences) -> list[list[Phrase]]:
    sentences = []
    for one in record.zones:
        zone, times = Phrase(text=one.zone, fields={"zone": one.zone}), _often("visits", max(1, one.visits), words)
        if one.since_ns is not None:
            sentences.append(words.sentence("still_inside", {"inside_since_ns": one.since_ns}, zone=zone, times=times))
        else:
            duration = words.duration("duration_s", one.duration_s)
            sentences.append(words.sentence("visited", {"zone": one.zone}, zone=zone, times=times, duration=duration))
    return sentences


def _lines(record: TrackRecord, words: Sentences) -> list[list[Phrase]]:
    sentences = []
    for (line, direction), count in Counter((one.line, one.direction) for one in record.lines).items():
        way = Phrase(text="")
        if direction is not None:
            way = Phrase(text=words.templates.words[direction], fields={"direction": direction})
        about = Phrase(text=line, fields={"line": line})
        times = _often("crossings", count, words)
        sentences.append(words.sentence("crossings", {"line": line}, line=about, direction=way, times=times))
    return sentences


def _often(name: str, count: int, words: Sentences) -> Phrase:
    return Phrase(text=words.templates.often(count), fields={name: count})
