"""How long things will be kept at the present rate, when a limit is reached before their time is over. Pure.

What is kept of a kind is its rate times its age; the age at which all kinds together fill a limit is how far back the
store will reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_BITES = 0.9
"""A limit that leaves a larger share of the time that is set says nothing: rates differ from week to week."""


@dataclass(frozen=True, slots=True)
class Share:
    """One kind on one stream. per_s: rows or bytes a second; kept_s: for how long it is to be kept.

    age_s: of the oldest; is_spared: whether limits take everything else before it.
    """

    per_s: float
    kept_s: float
    age_s: float
    is_spared: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """How far back the store will reach. setting: which limit; most: how much fits; per_s: how much comes a second.

    kept_s: how long things will be kept; set_s: how long they were to be, the longest of them.
    """

    what: str
    setting: str
    most: int
    per_s: float
    kept_s: float
    set_s: float

    @property
    def bites(self) -> bool:
        """Whether things go clearly earlier than the settings of their age say."""
        return self.kept_s < _BITES * self.set_s

    @property
    def text(self) -> str:
        """In a sentence."""
        most = f"{self.most:,}" if self.setting == "events" else size_words(self.most)
        return (
            f"at this rate {self.what} are kept for {span_words(self.kept_s)}, not {span_words(self.set_s)}: "
            f"monitoring.retention.{self.setting} is {most}"
        )


@dataclass(frozen=True, slots=True)
class DiskForecast:
    """free_bytes: now; more_bytes: to come until as much goes as comes; full_s: until it is full, None: never."""

    free_bytes: int
    more_bytes: int
    full_s: float | None

    @property
    def text(self) -> str:
        """In a sentence, of a disk that will be full."""
        return (
            f"at this rate the disk is full in {span_words(self.full_s or 0)}: {size_words(self.free_bytes)} are free, "
            f"and {size_words(self.more_bytes)} more come before as much is deleted as is stored; "
            "make room, or store less (monitoring.retention)"
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """At some moment (`at_ns`). Empty of limits while there is too little to go by."""

    at_ns: int
    limits: tuple[Limit, ...] = ()
    disk: DiskForecast | None = None

    def notes(self) -> list[str]:
        """What an operator should know, in sentences; none when everything is kept as it is set."""
        found = [limit.text for limit in self.limits if limit.bites]
        if self.disk is not None and self.disk.full_s is not None:
            found.append(self.disk.text)
        return [f"retention: {text}" for text in found]


def reach_s(shares: Sequence[Share], most: float) -> float:
    """How long things are kept when `most` fits: the longest time that is set, where everything fits."""
    kept_s = filled = 0.0
    rate = sum(share.per_s for share in shares)
    for share in sorted(shares, key=lambda share: share.kept_s):
        more = rate * (share.kept_s - kept_s)
        if filled + more > most:
            return kept_s + (most - filled) / rate
        filled, kept_s, rate = filled + more, share.kept_s, max(0.0, rate - share.per_s)
    return kept_s


def limit_of(what: str, setting: str, most: int, shares: Sequence[Share]) -> Limit | None:
    """Where `most` is the limit; None while nothing comes that it takes."""
    taken = [share for share in shares if not share.is_spared]
    if not taken:
        return None
    left = most - sum(share.per_s * share.kept_s for share in shares if share.is_spared)
    set_s = max(share.kept_s for share in taken)
    return Limit(what, setting, most, sum(share.per_s for share in shares), reach_s(taken, max(0.0, left)), set_s)


def disk_of(shares: Sequence[Share], free_bytes: int, used_bytes: int) -> DiskForecast:
    """Of shares in bytes, whose `kept_s` is what the limits leave. used_bytes: by what is stored now."""
    more = max(0, round(sum(share.per_s * share.kept_s for share in shares)) - used_bytes)
    growing = sum(share.per_s for share in shares if share.age_s < _BITES * share.kept_s)
    full_s = free_bytes / growing if more > free_bytes and growing > 0 else None
    return DiskForecast(free_bytes, more, full_s)


def span_words(seconds: float) -> str:
    """As an operator says it."""
    for unit_s, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= (2 * unit_s if unit == "day" else unit_s):
            number = round(seconds / unit_s)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"


def size_words(size: float) -> str:
    """Bytes, as disks are measured."""
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size / 1024:.3g} KiB"
