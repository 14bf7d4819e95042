"""Which of a model's two graphs a machine runs."""

from __future__ import annotations

import pytest

from workers.openvino_engine import int8_pays


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
