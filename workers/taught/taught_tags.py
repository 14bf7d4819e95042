"""Tags that users taught this node's cameras: teaches, stores, and says them of frames. Any thread; teaching blocks.

A file a tag holds its examples, `state_dir/tags/STREAM/NAME.json`; the model is learnt from them in a fraction of a
second, at each example and at the first frame after a start, so nothing else is stored.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.frame import Frame
from workers.atomic_files import OWNER_ONLY, write_text
from workers.captions.tags import TAUGHT
from workers.engines.engine import U8
from workers.errors import QuotaReached, StateUnwritable, TagUnknown
from workers.taught.example import Describer, StoredExample, TagExample
from workers.taught.tag_model import TagFigures, TagModel, cross_validated, learn, missing

log = structlog.get_logger(__name__)

TagName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,62}$")]
MOST_TAGS, MOST_EXAMPLES = 16, 400
"""Of a camera, and of a tag."""


class _TagFile(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["livesight.taught-tag/1"] = Field(default="livesight.taught-tag/1", alias="schema")
    examples: tuple[StoredExample, ...] = Field(max_length=MOST_EXAMPLES)


@dataclass(frozen=True, slots=True)
class TaughtTag:
    """A tag as it is. why: what is missing for it to be served, as text; None where it is. figures: once tested."""

    name: str
    examples: tuple[TagExample, ...]
    figures: TagFigures | None = None
    model: TagModel | None = None
    why: str | None = None


@dataclass(slots=True)
class _Camera:
    """lock: held while it is taught; tags are replaced as a whole, so that readers need none."""

    tags: dict[str, TaughtTag]
    describer: Describer = field(default_factory=Describer)
    lock: threading.Lock = field(default_factory=threading.Lock)


class TaughtTags:
    """Owned by the node. folder: `state_dir/tags`; None: nothing outlives the process."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._cameras: dict[str, _Camera] = {}
        self._lock = threading.Lock()

    def of(self, stream_id: str) -> list[TaughtTag]:
        """The tags of a camera, by name. Reads the disk at first."""
        return [tag for _, tag in sorted(self._camera(stream_id).tags.items())]

    def tag(self, stream_id: str, name: str) -> TaughtTag:
        """Raises TagUnknown."""
        found = self._camera(stream_id).tags.get(name)
        if found is None:
            raise TagUnknown(f"camera {stream_id} has no tag {name}")
        return found

    def add(self, frame: Frame, name: str, present: bool) -> TaughtTag:
        """Take a frame, as others may see it, as an example, and learn anew. Raises QuotaReached, StateUnwritable."""
        camera = self._camera(frame.stream_id)
        with camera.lock:
            before = camera.tags.get(name)
            others = () if before is None else before.examples
            examples = tuple(one for one in others if one.at_ns != frame.captured_at_ns)  # the same frame, corrected
            if before is None and len(camera.tags) >= MOST_TAGS:
                raise QuotaReached(f"camera {frame.stream_id} has {MOST_TAGS} tags already; delete one first")
            if len(examples) >= MOST_EXAMPLES:
                raise QuotaReached(f"tag {name} has {MOST_EXAMPLES} examples already; delete it to teach it anew")
            example = camera.describer.example(_pixels(frame), frame.captured_at_ns, present)
            tag = _learnt(name, (*examples, example))
            self._write(frame.stream_id, tag)
            camera.tags = {**camera.tags, name: tag}
            return tag

    def remove(self, stream_id: str, name: str) -> None:
        """Forget a tag and its examples. Raises TagUnknown, StateUnwritable."""
        camera = self._camera(stream_id)
        with camera.lock:
            self.tag(stream_id, name)
            try:
                if self._folder is not None:
                    self._path(stream_id, name).unlink(missing_ok=True)
            except OSError as error:
                raise StateUnwritable(f"tag {name}: cannot delete it: {error.strerror or error}") from error
            camera.tags = {one: tag for one, tag in camera.tags.items() if one != name}

    def forget(self, stream_id: str) -> None:
        """The camera is gone, and one that gets its name later is another. What the disk refuses is logged."""
        with self._lock:
            self._cameras.pop(stream_id, None)
        if self._folder is None:
            return
        try:
            shutil.rmtree(self._folder / stream_id)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("taught_tags_left", stream=stream_id, reason=error.strerror or str(error))

    def of_frame(self, frame: Frame) -> tuple[str, ...]:
        """The tags that a frame has, as results carry them. Runs beside the inference, a frame a second."""
        camera = self._camera(frame.stream_id)
        served = [tag for tag in camera.tags.values() if tag.model is not None]
        if not served:
            return ()
        with camera.lock:
            seen = camera.describer.example(_pixels(frame), frame.captured_at_ns)
            return tuple(sorted(f"{TAUGHT}{tag.name}" for tag in served if tag.model and tag.model.present(seen)))

    def _camera(self, stream_id: str) -> _Camera:
        camera = self._cameras.get(stream_id)
        if camera is None:
            read = _Camera(self._read(stream_id))
            with self._lock:
                camera = self._cameras.setdefault(stream_id, read)
        return camera

    def _read(self, stream_id: str) -> dict[str, TaughtTag]:
        """Files that cannot be read are logged and left."""
        found: dict[str, TaughtTag] = {}
        paths = [] if self._folder is None else sorted((self._folder / stream_id).glob("*.json"))
        for path in paths[:MOST_TAGS]:
            try:
                examples = tuple(one.example() for one in _TagFile.model_validate_json(path.read_bytes()).examples)
                found[path.stem] = _learnt(path.stem, examples)
            except (OSError, ValidationError, ValueError) as error:
                log.warning("taught_tag_unreadable", path=str(path), reason=str(error)[:300])
        return found

    def _write(self, stream_id: str, tag: TaughtTag) -> None:
        if self._folder is not None:
            file = _TagFile(examples=tuple(StoredExample.of(one) for one in tag.examples))
            path = self._path(stream_id, tag.name)
            write_text(path, file.model_dump_json(by_alias=True), OWNER_ONLY, StateUnwritable)

    def _path(self, stream_id: str, name: str) -> Path:
        assert self._folder is not None
        return self._folder / stream_id / f"{name}.json"


def _learnt(name: str, examples: Sequence[TagExample]) -> TaughtTag:
    why = missing(examples)
    if why is not None:
        return TaughtTag(name, tuple(examples), why=why)
    figures = cross_validated(examples)
    if not figures.good:
        why = f"F1 is {figures.f1:.2f}, more than 0.8 is needed: add examples where it is wrong, at other times"
        return TaughtTag(name, tuple(examples), figures, why=why)
    return TaughtTag(name, tuple(examples), figures, learn(examples))


def _pixels(frame: Frame) -> U8:
    return frame.to_bgr() if frame.small is None else frame.small
