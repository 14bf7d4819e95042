"""Figures of looks without a gallery: clusters, worse copies, and what a look costs. Pure, but for the last."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from workers.identity.clusters import JOIN, Clusters
from workers.identity.evaluation.folder import read_photo
from workers.identity.evaluation.looks import PhotoLooks, stacked
from workers.identity.evaluation.pairs import PairRates, WorseRates, across, pair_rates, share_above, similarities
from workers.identity.face_model import FaceModel

_MOST_PAIRED = 5000


class ClusterFigures(BaseModel):
    """How well looks find together without anybody's help. exact: each person is one cluster and no cluster two.

    precision: of the pairs of looks that were put together, those of one person; recall: of those of one person,
    those that were put together.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    people: int
    clusters: int
    exact: bool
    precision: float | None
    recall: float | None


def plain_rates(looks: Sequence[PhotoLooks]) -> PairRates:
    """Of all pairs of photos as they are."""
    some = sample(looks)
    return pair_rates(*similarities(stacked([one.plain for one in some]), numbers(some)))


def cluster_figures(looks: Sequence[PhotoLooks], join: float = JOIN) -> ClusterFigures:
    """Put looks together one after the other, and compare with who they are."""
    clusters = Clusters(join)
    found = np.array([clusters.add(one.plain) for one in looks if one.plain is not None], int)
    people = numbers(looks)
    row, column = np.triu_indices(len(looks), 1)
    together, same = found[row] == found[column], people[row] == people[column]
    both = int((together & same).sum())
    return ClusterFigures(
        people=len(set(people.tolist())),
        clusters=len(clusters),
        exact=bool((together == same).all()),
        precision=both / int(together.sum()) if together.any() else None,
        recall=both / int(same.sum()) if same.any() else None,
    )


def worse_rates(looks: Sequence[PhotoLooks], condition: str) -> WorseRates:
    """Pairs of worse copies with photos as they are. A copy whose landmarks were not found is like nobody."""
    looks = sample(looks)
    copies = [one.vector(condition) for one in looks]
    same, different = across(stacked(copies), stacked([one.plain for one in looks]), numbers(looks))
    return WorseRates(
        condition=condition,
        same=same.size,
        tar=share_above(same),
        similarity=float(same.mean()) if same.size else None,
        far=share_above(different),
        found=sum(one is not None for one in copies) / len(copies),
        gated=sum(condition in one.gated for one in looks) / len(looks),
    )


def look_cpu_ms(model: FaceModel, looks: Sequence[PhotoLooks]) -> float:
    """The CPU time of a look at a face whose box is known, in milliseconds of one thread: the median of some."""
    times = []
    for one in looks:
        image_bgr = read_photo(one.path)
        box = model.find(image_bgr)[0].xyxy
        started_s = time.process_time()
        model.look(image_bgr, box)
        times.append((time.process_time() - started_s) * 1e3)
    return round(float(np.median(times)), 2)


def numbers(looks: Sequence[PhotoLooks]) -> npt.NDArray[np.int_]:
    """A number for each look's person."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(one.person, len(numbers)) for one in looks], int)


def sample(looks: Sequence[PhotoLooks]) -> Sequence[PhotoLooks]:
    """At most so many that all pairs fit into memory, evenly over all."""
    return looks[:: -(-len(looks) // _MOST_PAIRED)] if looks else looks
