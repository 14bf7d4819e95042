"""Where each version of a model runs: by node and, of the cameras that the principal may see, by camera. Pure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from api.predict.model_list import listed
from tests.peers.number_engine import number_card
from workers.node.models import KnownVersion

OLD = KnownVersion(number_card(version=1), False, None, None)
NEW = KnownVersion(number_card(version=2), True, 1_700_000_000_000_000_000, 1)


def view(name: str, node: str, *models: str) -> Any:
    return SimpleNamespace(id=name, node=node, models=models)


def test_a_version_is_on_the_cameras_whose_node_runs_it() -> None:
    running = {"one": {"number": 2}, "two": {"number": 1}, "three": {"mask": 4}}
    views = [
        view("gate", "one", "mask", "number"),
        view("attic", "one", "number", "number"),
        view("yard", "two", "number"),
        view("roof", "three", "number"),
        view("door", "one", "mask"),
    ]
    models = {one.version: one for one in listed([OLD, NEW], {"number": (2, "openvino")}, running, views).models}
    assert (models[2].nodes, models[2].streams) == (["one"], ["attic", "gate", "roof"]), "roof gets the chosen one"
    assert (models[1].nodes, models[1].streams) == (["two"], ["yard"])
    assert (models[2].in_service, models[2].backend, models[2].previous) == (True, "openvino", 1)
    assert (models[1].in_service, models[1].backend, models[1].previous) == (False, None, None)
