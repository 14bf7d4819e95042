"""`livesight people evaluate`: all figures about a folder of photos. Any one thread; takes minutes.

About 11 ms of a CPU for a look: two looks at each photo, one more for each condition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.identity.evaluation.conditions import CONDITIONS
from workers.identity.evaluation.figures import ClusterFigures, cluster_figures, look_cpu_ms, plain_rates, worse_rates
from workers.identity.evaluation.folder import EvaluationOptions, Photos, PhotosRefused, read_people
from workers.identity.evaluation.looks import AS_IT_IS, PhotoLooker
from workers.identity.evaluation.open_set import MODES, NamedShares, judge
from workers.identity.evaluation.pairs import PairRates, WorseRates
from workers.identity.evaluation.rounds import draw_rounds
from workers.identity.face_model import FaceModel
from workers.settings import IdentitySettings

_TIMED = 30


class Evaluation(BaseModel):
    """All figures. not_used: photos without a single face, with the reason."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["livesight.people-evaluation/1"] = Field(default="livesight.people-evaluation/1", alias="schema")
    embedder: str
    folder: str
    people: int
    photos: int
    not_used: dict[str, str]
    gated: int
    enrolled_photos: int
    rounds: int
    pairs: PairRates
    worse: tuple[WorseRates, ...]
    named: tuple[NamedShares, ...]
    clusters: ClusterFigures
    look_cpu_ms: float


def evaluate(
    model: FaceModel, options: EvaluationOptions, limits: IdentitySettings, on_photo: Callable[[int], None]
) -> Evaluation:
    """Look at all photos, and count. on_photo: called after each with how many there are.

    Who has more photos than are enrolled is known, the others are strangers; where there are none, half of the people
    are enrolled, drawn ten times. Raises PhotosRefused.
    """
    people, others, judged = _read(options)
    total = sum(len(own) for part in (people, others, judged) for own in part.values())
    conditions = CONDITIONS if options.conditions else {}
    looker = PhotoLooker(model, limits, conditions, lambda: on_photo(total))
    looks, other_looks, judged_looks = looker.look(people), looker.look(others), looker.look(judged)
    rounds = draw_rounds(looks, other_looks, judged_looks, options)
    every = [*looks, *other_looks, *judged_looks]
    plain = [one for one in every if one.plain is not None]
    named = [
        judge(rounds, mode, model.calibration, condition) for condition in (AS_IT_IS, *conditions) for mode in MODES
    ]
    return Evaluation(
        embedder=model.embedder,
        folder=str(options.folder),
        people=len({*people, *others}),
        photos=len(every),
        not_used={str(one.path): one.reason for one in every if one.reason is not None},
        gated=sum(AS_IT_IS in one.gated for one in plain),
        enrolled_photos=options.photos,
        rounds=len(rounds),
        pairs=plain_rates(plain),
        worse=tuple(worse_rates(plain, condition) for condition in conditions),
        named=tuple(named),
        clusters=cluster_figures(plain),
        look_cpu_ms=look_cpu_ms(model, plain[:_TIMED]),
    )


def _read(options: EvaluationOptions) -> tuple[Photos, Photos, Photos]:
    """The people, more strangers, and what is judged instead."""
    people = read_people(options.folder)
    others = read_people(options.strangers) if options.strangers is not None else {}
    judged = read_people(options.judged) if options.judged is not None else {}
    if both := sorted({*people} & {*others}):
        raise PhotosRefused(f"{options.strangers}: {both[0]} is in {options.folder}, too, and so is no stranger")
    if unknown := sorted({*judged} - {*people}):
        raise PhotosRefused(f"{options.judged}: {unknown[0]} is not in {options.folder}")
    return people, others, judged
