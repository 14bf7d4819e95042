"""Events as CSV (RFC 4180). Pure."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from monitoring.core.known_people import UNTOLD_TO_ALL, ToldNames

COLUMNS = (
    "time",
    "kind",
    "stream_id",
    "track_id",
    "detector",
    "label",
    "before",
    "confidence",
    "person",
    "zone",
    "line",
    "direction",
    "count",
    "duration_s",
    "reason",
    "rule",
    "severity",
    "text",
    "session",
    "pts_us",
    "captured_at_ns",
    "node",
    "id",
    "person_name",
)
_FORMULA = frozenset("=+-@\u2212")


def heading() -> str:
    """The first line."""
    return ",".join(COLUMNS) + "\r\n"


def lines(bodies: Iterable[str], told: ToldNames = UNTOLD_TO_ALL) -> str:
    """A line for each event, given as JSON. told: to whoever exports."""
    out = io.StringIO()
    writer = csv.writer(out)
    for body in bodies:
        event = told.event(json.loads(body))
        event["person_name"] = event["names"].get(event.get("person"))
        at_s, rest_ns = divmod(event["captured_at_ns"], 1_000_000_000)
        moment = datetime.fromtimestamp(at_s, UTC).replace(microsecond=rest_ns // 1000)
        writer.writerow([moment.isoformat(timespec="milliseconds"), *(_cell(event.get(name)) for name in COLUMNS[1:])])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is marked as text (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and _like_formula(value) else value


def _like_formula(text: str) -> bool:
    """Whether it begins with a sign of formulas: also behind spaces, full-width, small or raised; or with a control.

    Spreadsheets drop what cannot be seen, and some take signs of other widths for the plain ones.
    """
    shown = text.lstrip()
    while shown and unicodedata.category(shown[0]) in ("Cc", "Cf", "Zs"):
        shown = shown[1:]
    begins = unicodedata.category(text[0]) in ("Cc", "Cf") if text else False
    return begins or (bool(shown) and not _FORMULA.isdisjoint(unicodedata.normalize("NFKC", shown[0])[:1]))
