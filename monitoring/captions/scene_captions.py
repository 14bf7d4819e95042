"""Tells each camera's scene once a minute. A handler of the monitor and a hook of its commits, on its thread.

The minute is one of the stream's own time, so a late or busy monitor tells the same. A scene that is as it was, and in
which nothing happened, is not told again: the last caption stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection

from monitoring.captions.scene_caption import SceneChanges, change_sentence, scene_sentences
from monitoring.captions.stored_captions import SceneCaption, add_captions
from monitoring.core.contracts import Outgoing
from monitoring.core.handler import Durability
from monitoring.core.telling import CaptionSettings, Telling
from monitoring.events.track_state import Track
from workers.bus.event import Event
from workers.bus.result import FrameResult
from workers.captions.caption import caption_of
from workers.captions.image_caption import joined

FaultsOf = Callable[[str], Collection[str]]
"""A stream's id → the kinds of its camera's faults now."""


class PresentTracks(Protocol):
    """Who is in view: `TrackEvents`, the handler before this one."""

    def present(self, stream_id: str) -> Iterator[Track]:
        """The tracks that count as present."""
        ...


@dataclass(slots=True)
class _Scene:
    """What is known of a stream. told: the scene as it was told last, without what had changed."""

    session: str = ""
    changes: SceneChanges = field(default_factory=SceneChanges)
    told: str = ""


class SceneCaptions:
    """A Handler and a CommitHook. `tracks` and `faults` are those of the handlers before it."""

    name = "captions"
    durability: Durability = "sometimes"

    def __init__(self, settings: CaptionSettings, tracks: PresentTracks, faults: FaultsOf, telling: Telling) -> None:
        self._settings = settings
        self._tracks = tracks
        self._faults = faults
        self._telling = telling
        self._scenes: dict[str, _Scene] = {}
        self._new: list[SceneCaption] = []

    def restore(self, stream_id: str, state: Any | None) -> None:
        """See Handler. What had changed before a restart is not told: the minute begins anew."""
        told = state.get("told", "") if isinstance(state, dict) else ""
        self._scenes[stream_id] = _Scene(told=told if isinstance(told, str) else "")

    def forget(self, stream_id: str | None) -> None:
        """See Handler."""
        if stream_id is None:
            self._scenes.clear()
            self._new.clear()
        else:
            self._scenes.pop(stream_id, None)

    def dump(self, stream_id: str) -> Any:
        """See Handler."""
        return {"told": self._scenes[stream_id].told}

    def take_result(self, result: FrameResult, events: list[Event]) -> None:
        """See Handler. Makes no events."""
        if not self._settings.scenes:
            return
        scene = self._scenes.setdefault(result.stream_id, _Scene())
        if scene.session != result.session:
            scene.session, scene.changes = result.session, SceneChanges(result.pts_us)
        for event in events:
            scene.changes.add(event)
        if result.pts_us - scene.changes.since_us >= self._settings.every_s * 1e6:
            self._tell(scene, result)
            scene.changes = SceneChanges(result.pts_us)

    def take_event(self, event: Event, events: list[Event]) -> None:
        """See Handler. That a stream went down is an event of its own."""

    def tick(self, now_ns: int, events: list[Event]) -> None:
        """See Handler. Without results there is nothing to tell."""

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook."""
        add_captions(connection, self._new)
        return ()

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""
        self._new.clear()

    def _tell(self, scene: _Scene, result: FrameResult) -> None:
        words = self._telling.sentences(result.models)
        present = sorted(self._tracks.present(result.stream_id), key=lambda track: track.id)
        now = joined(scene_sentences(words, result, present, self._faults(result.stream_id)))
        changed = change_sentence(words, scene.changes, result.pts_us)
        text = "".join(phrase.text for phrase in now)
        if text == scene.told and not changed:
            return
        scene.told = text
        caption = caption_of(self._telling.language, [*now, *joined([changed])])
        place = (result.stream_id, result.session, result.pts_us, result.captured_at_ns)
        self._new.append(SceneCaption(*place, caption))
