"""What is stored of a stream, and for how long, as the settings say. Any thread.

An alert keeps what it shows: its own event, the row of its track and that track's images stay as long as the alert,
whatever is said of tracks and images. Its clip is its own, and goes when the settings say so of clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from monitoring.store.settings import CLIPS, CROPS, PICTURES, RetentionRule, RetentionSettings
from monitoring.store.writes import DAY_NS

ALERT = "alert"
_REMEMBERED = 65_536
_MEDIA = {"crop": CROPS, "picture": PICTURES}


def kind_of_media(kind: str) -> str:
    """What rules call a file of that kind (monitoring/store/media.py): what is no image belongs to a clip."""
    return _MEDIA.get(kind, CLIPS)


class RetentionPolicy:
    """`kind` is one of STORED_KINDS (monitoring/store/settings.py)."""

    def __init__(self, settings: RetentionSettings) -> None:
        self.settings = settings
        self.default_ns = int(settings.days * DAY_NS)
        days = [rule.days for rule in settings.rules if rule.days is not None]
        self.longest_ns = int(max([settings.days, *days]) * DAY_NS)
        """The longest that anything is kept of any stream."""
        self._rule = lru_cache(_REMEMBERED)(self._first_rule)

    @property
    def has_rules(self) -> bool:
        """Whether streams or kinds differ at all."""
        return bool(self.settings.rules)

    def stores(self, kind: str, stream_id: str) -> bool:
        """Whether it is stored at all."""
        rule = self._rule(kind, stream_id)
        return rule is None or rule.store

    def kept_ns(self, kind: str, stream_id: str) -> int:
        """How long it is kept, in nanoseconds; 0 when it is not stored."""
        rule = self._rule(kind, stream_id)
        if rule is None:
            return self.default_ns
        return 0 if rule.days is None else int(rule.days * DAY_NS)

    def evidence_ns(self, kind: str, stream_id: str) -> int:
        """The same of a track with an alert, or of its images: as long as the alert at least."""
        return max(self.kept_ns(kind, stream_id), self.kept_ns(ALERT, stream_id))

    def leaves_out(self, kind: str, streams: Sequence[str]) -> bool:
        """Whether it is not stored on one of these streams; none: on any stream."""
        if streams:
            return not all(self.stores(kind, stream_id) for stream_id in streams)
        return any(kind in rule.kinds and not rule.store for rule in self.settings.rules)

    def _first_rule(self, kind: str, stream_id: str) -> RetentionRule | None:
        return next((rule for rule in self.settings.rules if rule.matches(kind, stream_id)), None)


def default_policy() -> RetentionPolicy:
    """Everything is stored, for as long as is usual."""
    return RetentionPolicy(RetentionSettings())
