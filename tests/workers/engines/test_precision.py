"""Which of a model's two graphs a machine runs, and what it computes in."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import openvino as ov
import pytest

from workers.engines.load import open_engine
from workers.engines.precision import int8_pays
from workers.settings import WorkerSettings

FOLDER = Path(__file__).resolve().parents[3] / "models" / "mask" / "2"


@pytest.mark.parametrize(
    ("capabilities", "flags", "pays"),
    [
        (["FP32", "INT8"], ["avx512_vnni"], True),
        (["FP32", "INT8", "BF16"], ["avx512_vnni", "avx512_bf16"], True),
        (["FP32", "INT8", "BF16"], ["avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"], False),
        (["FP32", "INT8", "BF16"], [], False),
        (["FP32"], ["avx2"], False),
    ],
)
def test_int8_runs_where_it_is_faster(capabilities: list[str], flags: list[str], pays: bool) -> None:
    assert int8_pays(capabilities, flags) is pays


@pytest.mark.parametrize("precision", ["full", "int8"])
def test_the_engine_tells_what_it_computes_in(precision: str) -> None:
    settings = WorkerSettings.model_validate({"threads": 1, "precision": precision})
    full = "-bf16" if "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else ""
    with closing(open_engine(FOLDER, settings)) as engine:
        assert engine.backend == "openvino-cpu" + {"full": full, "int8": "-int8"}[precision]
