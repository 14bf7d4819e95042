"""`livesight people evaluate`: its figures are those of the photos, and the shared people are all told apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from workers.engines.engine import F32
from workers.identity.clusters import Clusters
from workers.identity.evaluation.conditions import CONDITIONS, masked, smaller
from workers.identity.evaluation.figures import cluster_figures, worse_rates
from workers.identity.evaluation.folder import EvaluationOptions, PhotosRefused, read_people
from workers.identity.evaluation.looks import AS_IT_IS, PhotoLooker, PhotoLooks
from workers.identity.evaluation.open_set import judge
from workers.identity.evaluation.pairs import equal_error, pair_rates
from workers.identity.evaluation.rounds import draw_rounds
from workers.identity.face_model import FaceModel
from workers.identity.faces import Face
from workers.model_card import Calibration, ModelStore
from workers.settings import IdentitySettings, WorkerSettings

LAW = Calibration()


@pytest.fixture(scope="module")
def model(face_id_models: Path) -> Iterator[FaceModel]:
    model = FaceModel(ModelStore([face_id_models]), WorkerSettings(threads=1))
    yield model
    model.close()


def livesight(models: Path, state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LIVESIGHT_WORKERS__MODELS_DIR": str(models), "LIVESIGHT_STATE_DIR": str(state)}
    command = [sys.executable, "-m", "livesight", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def look(person: str, vector: list[float] | None, number: int = 1, **worse: list[float] | None) -> PhotoLooks:
    """A photo whose vectors are these, made of unit length."""
    made = PhotoLooks(person, Path(person) / f"{number}.jpg")
    made.plain = made.mirrored = unit(vector) if vector is not None else None
    made.worse = {name: None if one is None else unit(one) for name, one in worse.items()}
    return made


def unit(vector: list[float]) -> F32:
    whole = np.array(vector, np.float32)
    return (whole / np.linalg.norm(whole)).astype(np.float32)


def test_everybody_is_told_apart_by_one_photo(model: FaceModel, data_dir: Path) -> None:
    """The issue's bar on the shared, easy set: from the other photo, in drawn masks, strangers, clusters."""
    folder = data_dir / "identities"
    looker = PhotoLooker(model, IdentitySettings(), {})
    looks = looker.look(read_people(folder))
    masks = {person: photos[:1] for person, photos in read_people(data_dir / "identities_synthetic_masks").items()}
    masked_looks = looker.look(masks)
    options = EvaluationOptions(folder)
    for mode in ("default", "strict"):
        other = judge(draw_rounds(looks, [], [], options), mode, LAW)
        assert (other.people_right, other.people, other.wrong) == (52, 52, 0)
        assert (other.strangers_named, other.strangers) == (0, 70)
        masked_ones = judge(draw_rounds(looks, [], masked_looks, options), mode, LAW)
        assert masked_ones.people_right >= 51 and (masked_ones.people, masked_ones.wrong) == (52, 0)
    figures = cluster_figures(looks)
    assert figures.exact and figures.clusters == figures.people == 122


def test_counts_are_of_the_looks_that_were_judged() -> None:
    """Two enrolled; of their other looks one is right, one is the other's, one has no face; of two strangers one."""
    looks = [
        look("a", [1, 0, 0, 0], 1),
        look("a", [1, 0.1, 0, 0], 2),
        look("a", None, 3),
        look("b", [0, 1, 0, 0], 1),
        look("b", [1, 0.2, 0, 0], 2),
        look("c", [0, 1, 0.2, 0]),
        look("d", [0, 0, 0, 1]),
    ]
    (drawn,) = rounds = draw_rounds(looks, [], [], EvaluationOptions(Path("x")))
    assert {person: len(own) for person, own in drawn.enrolled.items()} == {"a": 1, "b": 1}
    found = judge(rounds, "default", LAW)
    assert (found.enrolled, found.known, found.right, found.wrong) == (2, 3, 1, 1)
    assert (found.strangers, found.strangers_named, found.people, found.people_right) == (2, 1, 2, 0)
    assert found.share(1, 0) is None and found.condition == AS_IT_IS


def test_where_nobody_is_a_stranger_half_of_the_people_are() -> None:
    looks = [look(person, [index == at for at in range(4)], n) for index, person in enumerate("abcd") for n in (1, 2)]
    folder = Path("x")
    rounds = draw_rounds(looks, [], [], EvaluationOptions(folder))
    assert len(rounds) == 10 and {len(one.enrolled) for one in rounds} == {2}
    assert len({frozenset(one.enrolled) for one in rounds}) > 1
    assert all(len(one.known) == 2 and len(one.strangers) == 4 for one in rounds)
    again = draw_rounds(looks, [], [], EvaluationOptions(folder))
    assert [sorted(one.enrolled) for one in rounds] == [sorted(one.enrolled) for one in again]
    (all_of_them,) = draw_rounds(looks, [look("e", [1, 1, 1, 1])], [], EvaluationOptions(folder))
    assert len(all_of_them.enrolled) == 4 and [one.person for one in all_of_them.strangers] == ["e"]
    with pytest.raises(PhotosRefused, match="9 people cannot be enrolled: only 4"):
        draw_rounds(looks, [], [], EvaluationOptions(folder, enrolled=9))
    with pytest.raises(PhotosRefused, match="nobody has 4 photos"):
        draw_rounds(looks, [], [], EvaluationOptions(folder, photos=3))


def test_rates_of_pairs() -> None:
    same, different = np.array([0.9, 0.8, 0.7, 0.2], np.float32), np.linspace(-0.2, 0.5, 10_000, dtype=np.float32)
    rates = pair_rates(same, different)
    assert [one.far for one in rates.tar_at_far] == [0.01, 0.001]
    assert all(one.tar == 0.75 and 0.49 <= one.threshold <= 0.5 for one in rates.tar_at_far)
    assert equal_error(np.array([0.3, 0.5, 0.7, 0.9], np.float32), np.array([0, 0.1, 0.2, 0.6], np.float32)) == 0.25
    assert equal_error(np.array([0.5], np.float32), np.array([0.1], np.float32)) == 0
    assert equal_error(same[:0], different) is None
    assert pair_rates(same[:0], different[:5]).tar_at_far == ()


def test_a_worse_copy_without_landmarks_is_like_nobody() -> None:
    looks = [look("a", [1, 0], 1, dark=[1, 0.1]), look("a", [1, 0.1], 2, dark=None), look("b", [0, 1], dark=[1, 0.2])]
    looks[1].gated.add("dark")
    found = worse_rates(looks, "dark")
    assert (found.same, found.tar, found.far) == (2, 0.5, 0.5)
    assert found.similarity == pytest.approx(0.5, abs=0.01)
    assert found.found == pytest.approx(2 / 3) and found.gated == pytest.approx(1 / 3)


def test_clusters_grow_and_say_what_may_belong_together() -> None:
    clusters = Clusters()
    looks = [look("a", [1, 0, 0]), look("b", [0, 1, 0]), look("a", [1, 0.4, 0]), look("a", [0.45, 0, 1])]
    assert [clusters.add(one.plain) for one in looks if one.plain is not None] == [0, 1, 0, 2]
    assert clusters.sizes == [2, 1, 1]
    assert clusters.offers(0.3)[0][:2] == (0, 2) and clusters.offers(0.99) == []
    figures = cluster_figures(looks)
    assert not figures.exact and figures.clusters == 3 and figures.precision == 1
    assert figures.recall == pytest.approx(1 / 3)
    many = np.random.default_rng(1).normal(size=(200, 128)).astype(np.float32)
    apart = Clusters()
    assert [apart.add(one / np.float32(np.linalg.norm(one))) for one in many] == list(range(200))


def test_worse_copies_are_what_they_say() -> None:
    image = np.random.default_rng(2).integers(0, 255, (200, 160, 3)).astype(np.uint8)
    points = np.array([[55, 80], [105, 80], [80, 110], [60, 140], [100, 140]], np.float32)
    face = Face((30, 40, 130, 165), points, 0.9)
    small, there = smaller(image, face, 40)
    assert there.size_px == pytest.approx(40) and small.shape[0] == pytest.approx(200 * 40 / face.size_px, abs=1)
    assert smaller(image, face, 500)[0] is image
    hidden, _ = masked(image, face)
    assert (hidden[:75] == image[:75]).all()
    assert all((hidden[int(y), int(x)] != image[int(y), int(x)]).any() for x, y in points[2:])
    assert len(np.unique(CONDITIONS["grey"](image, face)[0].reshape(-1, 3), axis=0)) <= 256
    blurs = [float(CONDITIONS[name](image, face)[0].std()) for name in ("blur 2", "blur 3")]
    assert image.std() > blurs[0] > blurs[1]


def test_folders_that_cannot_be_evaluated_say_why(tmp_path: Path) -> None:
    with pytest.raises(PhotosRefused, match="absent: is no folder"):
        read_people(tmp_path / "absent")
    (tmp_path / "ann").mkdir()
    with pytest.raises(PhotosRefused, match="there are no photos in FOLDER/NAME/"):
        read_people(tmp_path)
    (tmp_path / "1.jpg").touch()
    with pytest.raises(PhotosRefused, match="1 lie in it directly"):
        read_people(tmp_path)


def test_the_command_line(face_id_models: Path, data_dir: Path, tmp_path: Path) -> None:
    """JSON with all figures; a photo that is none is named; a folder that is wrong ends with exit code 2."""
    for person in ("london_004", "london_008", "3dsk_alex"):
        (tmp_path / person).symlink_to(data_dir / "identities" / person)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "1.jpg").write_bytes(b"no image")
    state = tmp_path / ".state"
    done = livesight(face_id_models, state, "people", "evaluate", str(tmp_path), "--conditions", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "livesight.people-evaluation/1" and found["embedder"] == "face-id/1"
    assert (found["people"], found["photos"], list(found["not_used"])) == (4, 6, [str(tmp_path / "broken" / "1.jpg")])
    assert {row["condition"] for row in found["named"]} == {AS_IT_IS, *CONDITIONS}
    assert all(row["right"] == 2 for row in found["named"] if row["condition"] in (AS_IT_IS, "grey", "64 px", "mask"))
    wrong = livesight(face_id_models, state, "people", "evaluate", str(tmp_path / "broken"))
    assert wrong.returncode == 2 and "put each person's into a folder of their own" in wrong.stderr
