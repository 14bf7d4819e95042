"""A monitor that watches one door, through which people come that can be recognised in any file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from monitoring.assembly import MonitoringContext
from monitoring.people.face_reader import NO_FACES, FaceReader
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from tests.monitoring.happened import message
from tests.monitoring.shop import SEEN, Shop, until
from tests.peers.ports import free_port
from workers.bus.media import SEEN_BOXES, Clip, SeenBox, Snapshot
from workers.bus.message_bus import SNAPSHOTS, LocalBus, Message
from workers.bus.result import Detection, FrameResult, Identity, Latency

SESSION = "01JD00000000000000000000AA"
NEEDLE = "zqneedlezq"
"""Who is to be deleted: as a person, beside the images, in their bytes and the clip's."""
FPS = 10
BEGAN_NS = time.time_ns() - 1800 * 10**9

Seen = dict[int, str]
"""Person by number of a track."""


class Door(Shop):
    """`show` has the camera see people, `picture` delivers an image of one."""

    def show(self, seconds: tuple[float, float], people: Seen, session: str = SESSION) -> None:
        """People who stand there from one second of the session to another."""
        for frame in range(round(seconds[0] * FPS), round(seconds[1] * FPS)):
            self.bus.publish(message(_result(frame, people, session)))

    def picture(
        self, track: int, at_s: float, boxes: Sequence[tuple[int, str]], text: str, image: bytes | None = None
    ) -> None:
        """Both images of a track, which show `boxes` (track and label); `text`: in their bytes, without an `image`."""
        seen = [SeenBox(track_id=one, label=label, confidence=0.9, xyxy=(1, 2, 3, 4)) for one, label in boxes]
        for view in ("crop", "picture"):
            told = Snapshot(
                view=view,  # type: ignore[arg-type]
                session=SESSION,
                track=track,
                pts_us=round(at_s * 1e6),
                captured_at_ns=BEGAN_NS + round(at_s * 1e9),
                detector="mask",
                label="face",
                confidence=0.9,
                quality=9.0,
                box="1,2,3,4",
                region="0,0,9,9",
                size="640,360",
                node="test",
                boxes=SEEN_BOXES.dump_json(tuple(seen)).decode(),
            )
            self.bus.publish(Message(SNAPSHOTS, SEEN, image or b"\xff\xd8" + text.encode(), told.headers(), 0.0))

    def tracks(self) -> dict[int, dict[str, Any]]:
        """The tracks by number, as an admin sees them."""
        return {one["track_id"]: one for one in self.get("admin", "/v1/tracks?limit=500").json()["tracks"]}

    def events(self, query: str = "") -> list[dict[str, Any]]:
        """The events, the oldest first."""
        found: list[dict[str, Any]] = self.get("admin", f"/v1/events?limit=500&order=oldest{query}").json()["events"]
        return found

    def counted(self, by: str) -> dict[str | None, int]:
        """How many events there are, as the counts by hour say."""
        counts = self.get("admin", f"/v1/events/counts?bucket=day&by={by}").json()["counts"]
        return {one["value"]: one["count"] for one in counts}

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts, the newest first."""
        found: list[dict[str, Any]] = self.get("admin", "/v1/alerts").json()["alerts"]
        return found

    def delete(self, path: str, who: str = "admin") -> int:
        """The status of a DELETE."""
        return self.ask(who, "DELETE", path).status_code


def _result(frame: int, people: Seen, session: str) -> FrameResult:
    seen = [
        Detection(
            detector="mask",
            track_id=track,
            label="face",  # drift counts how frequent labels are on a camera
            confidence=0.9,
            xyxy=(10, 10, 50, 50),
            identity=Identity(person=person, similarity=0.9, threshold=0.5),
        )
        for track, person in people.items()
    ]
    return FrameResult(
        schema="livesight.frame/1",
        stream_id=SEEN,
        session=session,
        frame=frame,
        skipped=0,
        pts_us=frame * 1_000_000 // FPS,
        captured_at_ns=BEGAN_NS + frame * 10**9 // FPS,
        size_wh=(640, 360),
        node="test",
        detections=tuple(seen),
        models={"mask": 1},
        latency_ms=Latency(decode=1, wait=1, inference=1, total=3),
    )


def cut(stream_id: str, session: str, from_us: int, to_us: int) -> Clip:
    """As a node would: of the first seconds."""
    shown = NEEDLE if from_us < 5_000_000 else "others"
    return Clip(f"a clip of {shown}".encode(), "video/mp4", 0, 10**12)


@contextmanager
def open_door(url: str, folder: Path, faces: FaceReader = NO_FACES) -> Iterator[Door]:
    """The monitor at work: an alert about each who stays a second, told to a target that does not answer."""
    hook = {"name": "ops", "type": "webhook", "url": f"http://127.0.0.1:{free_port()}/hook"}
    rule = {"name": "someone", "when": {"type": "event", "kinds": ["track_began"]}, "cooldown_s": 3600}
    inside = {"name": "inside", "when": {"type": "seen", "for_s": 1}, "cooldown_s": 0}
    scene = {"stream_id": SEEN, "zones": [{"name": "mat", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}]}
    settings = MonitorSettings.model_validate(
        {
            "database_url": url,
            "gather_s": 0.02,
            "states_s": 0.2,
            "tick_s": 60,
            "rules": [rule, inside],
            "scenes": [scene],
            "alerts": {"clip_before_s": 0, "clip_after_s": 0, "targets": [hook]},
        }
    )
    bus = LocalBus()
    running = Monitoring(settings, MonitoringContext(folder, "test", bus, None, cut, faces=faces))
    running.start()
    try:
        until(lambda: running.active)
        yield Door(running, bus)
    finally:
        running.close(10)


def found_in(url: str, folder: Path, text: str) -> list[str]:
    """The files in the folder, and the tables on PostgreSQL, that hold the text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = [str(path.relative_to(folder)) for path in files if text.encode() in _bytes_of(path)]
    if url.startswith("postgresql"):
        with psycopg.connect(url) as connection:
            named = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in named:
                rows = connection.execute(f'SELECT t::text FROM "{table}" t').fetchall()  # type: ignore[arg-type]
                found += [table for (row,) in rows if text in row][:1]
    return found


def _bytes_of(path: Path) -> bytes:
    """Of a file that may be renamed or deleted while it is looked for."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
