"""How long things will be kept, said before it has come to that: on SQLite and PostgreSQL, and in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring.retention.forecast import Share, disk_of, limit_of, reach_s, size_words, span_words
from monitoring.store.settings import RetentionRule, RetentionSettings
from tests.monitoring.retention.busy_street import BusyStreet
from workers.database.database import Database

DAY_S = 86_400.0
STREETS = ("street-*",)


def test_days_of_a_busy_street(database: Database, tmp_path: Path) -> None:
    """Limits hold at the end of each day, and what the first day says comes true."""
    settings = RetentionSettings.model_construct(
        days=30.0,
        events=1400,
        media_bytes=12_800_000,
        every_s=300.0,
        rules=(
            RetentionRule(streams=STREETS, kinds=("line_crossed",), store=False),
            RetentionRule(streams=STREETS, kinds=("zone_*",), days=1),
            RetentionRule(kinds=("alert*", "clips"), days=7),
        ),
    )
    days = list(BusyStreet(database, tmp_path, settings, per_hour=8, every_h=6).live(4))
    for day in days:
        assert day.stored <= settings.events and day.media_bytes <= settings.media_bytes
        assert day.reach_s("line_crossed") == 0 < day.reach_s("line_crossed", "door")
        assert day.reach_s("zone_entered") <= DAY_S + 3600
        assert day.alerts_shown[0] == day.alerts_shown[1]
    last = days[-1]
    assert last.alerts_shown[0] > 3
    assert last.stored > 0.9 * settings.events and last.media_bytes > 0.9 * settings.media_bytes
    for day in days:
        for limit, kind in zip(day.forecast.limits, ("track_began", "crop"), strict=True):
            assert limit.bites and limit.set_s == 30 * DAY_S
            assert limit.kept_s == pytest.approx(last.reach_s(kind), rel=0.2), (day.number, limit)
    assert days[0].forecast.notes()[0].startswith("retention: at this rate events are kept for ")
    assert days[0].forecast.notes()[0].endswith("not 30 days: monitoring.retention.events is 1,400")


def test_what_is_kept_for_a_short_time_leaves_room_for_the_rest() -> None:
    shares = [Share(1.0, 10.0, 0.0), Share(2.0, 100.0, 0.0)]
    assert reach_s(shares, 15.0) == 5.0
    assert reach_s(shares, 30.0 + 2 * 20) == 30.0
    assert reach_s(shares, 210.0) == reach_s(shares, 1e9) == 100.0
    limit = limit_of("events", "events", 130, [*shares, Share(1.0, 60.0, 0.0, is_spared=True)])
    assert limit is not None and limit.kept_s == 30.0 and limit.bites
    assert limit_of("events", "events", 130, []) is None


def test_a_disk_that_will_be_full_is_told_of() -> None:
    shares = [Share(100.0, 1000.0, 10.0), Share(50.0, 10.0, 10.0)]
    assert disk_of(shares, 200_000, 1000).full_s is None
    full = disk_of(shares, 50_000, 1000)
    assert full.full_s == 500.0 and full.more_bytes == 99_500
    assert full.text.startswith("at this rate the disk is full in 8 minutes: 48.8 KiB are free, and 97.2 KiB more come")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(30, "less than a minute"), (90, "2 minutes"), (3600, "1 hour"), (20 * 3600, "20 hours"), (30 * DAY_S, "30 days")],
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


def test_sizes_in_words() -> None:
    assert [size_words(size) for size in (2048, 10 * 2**30, 1.5 * 2**40)] == ["2 KiB", "10 GiB", "1.5 TiB"]
