"""Takes the records of the control topics: specs, status, versions of models. Runs in the tail's thread.

The specs are read whole before anything is made of them: what the topic lacks, and this process knows, is either ended
or lost (see SpecRegistry.merge), and what is lost is written again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog
from ulid import ULID

from workers.bus.identifiers import UnreadableMessages
from workers.bus.message_bus import MODELS, PEOPLE, STATUS, STREAMS
from workers.cluster.spec_registry import SpecRegistry
from workers.cluster.stream_spec import (
    EPOCH_KEY,
    EPOCH_SCHEMA,
    SPEC_SCHEMA,
    SpecError,
    StreamSpec,
    TopicContent,
    TopicEpoch,
    read_epoch,
    read_spec,
)
from workers.errors import BusDenied
from workers.identity.gallery_follower import GalleryFollower
from workers.kafka.control_writer import ControlWriter
from workers.kafka.tail import Record
from workers.secrets.keys import NO_KEYS, SecretKeys

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ControlCallbacks:
    """What is called with each record of the status; with (key, value) of each of the models; with the id of each
    stream that was ended; and to have everything read from the start again. gallery: takes the records of people.
    """

    status: Callable[[Record], None]
    model: Callable[[str, bytes | None], None]
    removed: Callable[[str], None]
    restart: Callable[[], None]
    gallery: GalleryFollower | None = None


class ControlReader:
    """A RecordHandler. `caught_up_once`: whether all specs have been read since the start."""

    def __init__(
        self, specs: SpecRegistry, writer: ControlWriter, callbacks: ControlCallbacks, keys: SecretKeys = NO_KEYS
    ) -> None:
        self.caught_up_once = False
        self._specs = specs
        self._writer = writer
        self._callbacks = callbacks
        self._keys = keys
        self._unreadable = UnreadableMessages(log)
        self._content: TopicContent | None = TopicContent()  # None once everything was read

    def begin(self) -> None:
        """See RecordHandler."""
        self._content = TopicContent()
        if self._callbacks.gallery is not None:
            self._callbacks.gallery.begin()

    def take(self, record: Record) -> None:
        """See RecordHandler."""
        if record.topic == STATUS:
            self._callbacks.status(record)
        elif record.topic == MODELS:
            self._callbacks.model(record.key, record.value)
        elif record.topic == PEOPLE:
            if self._callbacks.gallery is not None:
                self._callbacks.gallery.apply(record.key, record.value)
        else:
            try:
                self._take_spec(record.key, record.value)
            except SpecError as error:
                self._unreadable.note(record.topic, record.key, "fields", str(error))
                if self._content is not None and (known := self._specs.get(record.key)) is not None:
                    self._content.streams[record.key] = known  # unreadable is not ended: what is known of it holds

    def caught_up(self, unavailable: Collection[str]) -> None:
        """See RecordHandler. Raises BusError when what the topic lacks cannot be written."""
        if PEOPLE not in unavailable and self._callbacks.gallery is not None:
            self._callbacks.gallery.caught_up()
        if STREAMS in unavailable:
            return  # nothing of it was read: that says nothing about what shall run
        assert self._content is not None
        content, self._content = self._content, None
        self._merge(content)
        self.caught_up_once = True

    def _take_spec(self, key: str, value: bytes | None) -> None:
        content = self._content
        if content is None:
            self._apply(key, value)
        elif key != EPOCH_KEY:
            content.streams[key] = None if value is None else read_spec(key, value, self._keys)
        elif value is not None:
            content.epoch = read_epoch(value)

    def _apply(self, key: str, value: bytes | None) -> None:
        """One record that came after everything was read."""
        if key == EPOCH_KEY:
            if value is not None and read_epoch(value) != self._specs.epoch:
                self._callbacks.restart()
            return
        spec = None if value is None else read_spec(key, value, self._keys)
        self._specs.apply(key, spec)
        if spec is None:
            self._callbacks.removed(key)

    def _plain(self, content: TopicContent) -> list[StreamSpec]:
        """What the topic has in plain text, to be encrypted. Its version stays, so that nobody starts it anew."""
        if self._keys.current is None:
            return []
        found = [spec for spec in content.streams.values() if spec is not None and spec.plain]
        return [spec for spec in found if (held := self._specs.get(spec.stream.id)) and held.version == spec.version]

    def _merge(self, content: TopicContent) -> None:
        """Take over what the whole topic says, and write again what it has lost. Raises BusError."""
        missing = self._specs.merge(content)
        epoch = content.epoch
        try:
            plain = self._plain(content)
            for spec in (*missing, *plain):
                self._writer.write(STREAMS, spec.stream.id, spec.to_json(self._keys), SPEC_SCHEMA)
            if missing:
                log.warning("specs_written_again", streams=[spec.stream.id for spec in missing])
            if plain:
                log.warning("specs_encrypted", streams=[spec.stream.id for spec in plain])
            if epoch is None:
                epoch = str(ULID())
                self._writer.write(STREAMS, EPOCH_KEY, TopicEpoch(epoch=epoch).to_json(), EPOCH_SCHEMA)
        except BusDenied as error:  # a process that only reads, such as a monitor: others write it
            log.info("specs_not_written", reason=str(error))
            return
        self._specs.begin_epoch(epoch)
