"""The figures of `livesight people evaluate` for a terminal. Pure, but for the printing."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from workers.cli.tables import make_table
from workers.identity.evaluation.evaluate import Evaluation
from workers.identity.evaluation.open_set import MODES, NamedShares
from workers.identity.evaluation.pairs import PAIR_THRESHOLD

_MOST_NAMED = 10


def print_evaluation(found: Evaluation) -> None:
    """To standard output; what could not be used to standard error."""
    console = Console()
    console.print(
        f"{found.folder}: {found.people} people, {found.photos} photos, "
        f"{len(found.not_used)} without a single face, {found.gated} too bad to be named by {found.embedder}"
    )
    if found.not_used:
        errors = Console(stderr=True, soft_wrap=True)
        for path, reason in list(found.not_used.items())[:_MOST_NAMED]:
            errors.print(f"{path}: {reason}", style="dim", markup=False)
        if (more := len(found.not_used) - _MOST_NAMED) > 0:
            errors.print(f"and {more} more", style="dim")
    console.print(named_table(found))
    for row in found.named[: len(MODES)]:
        low, high = row.thresholds
        console.print(
            f"{row.mode}: {row.people_right} of {row.people} people right in every look, {row.wrong} looks wrong, "
            f"{row.strangers_named} of {row.strangers} strangers' named; thresholds {low:.3f} to {high:.3f}"
        )
    console.print(pairs_table(found))
    if found.worse:
        console.print(worse_table(found))
    one = found.clusters
    exact = "exact" if one.exact else f"precision {percent(one.precision)}, recall {percent(one.recall)}"
    console.print(f"Without names: {one.clusters} clusters of {one.people} people, {exact}")
    console.print(f"A look costs {found.look_cpu_ms:.1f} ms of a CPU")


def named_table(found: Evaluation) -> Table:
    """Who would be named: a row for each condition, the default's figures before those of strict people."""
    first = found.named[0]
    photos, rounds = (
        f"{count} {what}{'s' * (count > 1)}"
        for count, what in ((found.enrolled_photos, "photo"), (found.rounds, "round"))
    )
    title = (
        f"{first.enrolled} people enrolled with {photos} each, {rounds}: "
        f"{first.known} other looks at them, {first.strangers} at strangers"
    )
    columns = [f"{mode}: {column}" for mode in MODES for column in ("right", "wrong", "strangers")]
    table = make_table(("photos",), tuple(columns), title)
    for condition in dict.fromkeys(row.condition for row in found.named):
        own = {row.mode: row for row in found.named if row.condition == condition}
        table.add_row(condition, *(text for mode in MODES for text in shares(own[mode])))
    return table


def shares(row: NamedShares) -> tuple[str, str, str]:
    """The looks that got the right name, a wrong one, and the strangers' that got one."""
    return (
        percent(row.share(row.right, row.known)),
        percent(row.share(row.wrong, row.known)),
        percent(row.share(row.strangers_named, row.strangers)),
    )


def pairs_table(found: Evaluation) -> Table:
    """Similarity alone, over all pairs."""
    pairs = found.pairs
    table = make_table(
        ("pairs",),
        ("same", "different", "EER", *(f"TAR at {one.far:g}" for one in pairs.tar_at_far)),
        "All pairs of photos",
    )
    rates = [f"{percent(one.tar)} ({one.threshold:.3f})" for one in pairs.tar_at_far]
    table.add_row("as they are", f"{pairs.same:,}", f"{pairs.different:,}", percent(pairs.eer), *rates)
    return table


def worse_table(found: Evaluation) -> Table:
    """Worse copies against photos as they are."""
    title = f"Pairs of a worse copy and a photo as it is, at {PAIR_THRESHOLD}"
    table = make_table(("copy",), ("pairs", "similarity", "TAR", "FAR", "landmarks", "gate refuses"), title)
    for row in found.worse:
        alike = "–" if row.similarity is None else f"{row.similarity:.3f}"
        table.add_row(
            row.condition,
            f"{row.same:,}",
            alike,
            percent(row.tar),
            percent(row.far),
            percent(row.found),
            percent(row.gated),
        )
    return table


def percent(share: float | None) -> str:
    """A share of 0 to 1 as a percentage; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.2f} %"
