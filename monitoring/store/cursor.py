"""Cursors of pages in the order of time: opaque text for (order, wall clock, row number). Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, or_

from monitoring.core.errors import BadQuery


def cursor_of(row: Mapping[Any, Any], newest: bool = True) -> str:
    """The cursor of the page that follows `row`, which has `captured_at_ns` and `seq`. newest: newest first."""
    text = f"{'newest' if newest else 'oldest'}.{row['captured_at_ns']}.{row['seq']}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def after_cursor(table: Table, cursor: str | None, newest: bool = True) -> list[ColumnElement[bool]]:
    """Conditions for the rows of `table` that follow a cursor. Raises BadQuery."""
    return after_place(cursor, (table.c.captured_at_ns, table.c.seq), newest)


def after_place(
    cursor: str | None, place: tuple[ColumnElement[int], ColumnElement[int]], newest: bool = True
) -> list[ColumnElement[bool]]:
    """As `after_cursor`, where `place` is a row's time and number.

    The first condition is on the time alone, which has an index. Raises BadQuery.
    """
    if cursor is None:
        return []
    try:
        order, time_text, seq_text = base64.b64decode(cursor, b"-_", validate=True).decode().split(".")
        at_ns, seq = int(time_text), int(seq_text)
        if order not in ("newest", "oldest") or not (0 <= at_ns < 2**63 and 0 <= seq < 2**63):
            raise ValueError("no row has these numbers")
    except (ValueError, binascii.Error) as error:
        raise BadQuery("cursor: not issued by this server") from error
    if order != ("newest" if newest else "oldest"):
        raise BadQuery(f"cursor: issued for order={order}")
    time_column, number = place
    if newest:
        return [time_column <= at_ns, or_(time_column < at_ns, number < seq)]
    return [time_column >= at_ns, or_(time_column > at_ns, number > seq)]
