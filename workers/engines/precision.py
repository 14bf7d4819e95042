"""Which of a model's graphs a machine runs: the full one, or the one quantised to int8. Any thread."""

from __future__ import annotations

from collections.abc import Collection

from workers.cpu import processor
from workers.engines.engine import require_file
from workers.errors import EngineError
from workers.model_card import ModelCard

GRAPH = "model.xml"
GRAPH_INT8 = "model-int8.xml"


def int8_pays(capabilities: Collection[str], cpu_flags: Collection[str]) -> bool:
    """Whether to run the quantised graph. Not where AMX makes bfloat16 fast (by its makers' word, not measured here).

    capabilities: OpenVINO's of the device. cpu_flags: the processor's own, as Linux names them. With AVX-512's bfloat16
    and no AMX (an AMD EPYC) int8 is 1.5 times as fast: medians of 8.7 and 5.8 ms (`mask`, one image, two cores).
    """
    return "INT8" in capabilities and (
        "BF16" not in capabilities or ("avx512_bf16" in cpu_flags and "amx_bf16" not in cpu_flags)
    )


def choose_graph(card: ModelCard, capabilities: Collection[str], precision: str) -> str:
    """The file of the graph to run. Raises EngineError when the model has none of that `precision`."""
    pays = int8_pays(capabilities, processor("flags").split())
    if precision == "int8" and GRAPH_INT8 not in card.files:
        raise EngineError(
            f"model {card.name} {card.version} has no {GRAPH_INT8}; set workers.precision to auto or full to run it"
        )
    if precision == "int8" or (precision == "auto" and pays and GRAPH_INT8 in card.files):
        return GRAPH_INT8
    require_file(card, GRAPH, "OpenVINO")
    return GRAPH
