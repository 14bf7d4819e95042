"""What cameras showed last, in the report: the newest caption of each in the period. Reading blocks; any thread."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy import Connection, func, select

from monitoring.captions.stored_captions import captions
from monitoring.core.telling import Telling
from monitoring.report.html import table, tag
from monitoring.report.report_data import ReportedScene, ReportSubject
from workers.captions.caption import Caption


def read_scenes(connection: Connection, subject: ReportSubject) -> list[ReportedScene]:
    """By camera."""
    mine = subject.conditions(captions.c.captured_at_ns, captions.c.stream_id)
    newest = select(func.max(captions.c.seq), func.count()).where(*mine).group_by(captions.c.stream_id)
    counts = {seq: count for seq, count in connection.execute(newest)}
    rows = connection.execute(select(captions).where(captions.c.seq.in_(counts)).order_by(captions.c.stream_id))
    return [
        ReportedScene(row.stream_id, row.captured_at_ns, _text(subject, row.stream_id, row.body), counts[row.seq])
        for row in rows
    ]


def scenes_section(scenes: Sequence[ReportedScene], zone: ZoneInfo) -> Markup | None:
    """A table; None where no camera was told."""
    if not scenes:
        return None
    rows = [(one.stream_id, _moment(one.at_ns, zone), one.text, f"{one.captions:,}") for one in scenes]
    return tag("section", tag("h2", "Scenes"), table(("Camera", "Last told", "What it showed", "Captions"), rows))


def _text(subject: ReportSubject, stream_id: str, body: str) -> str:
    telling = Telling(people=subject.told.people, named=subject.told.scope)
    return telling.caption(Caption.model_validate_json(body), stream_id).text


def _moment(at_ns: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, zone):%Y-%m-%d %H:%M}"
