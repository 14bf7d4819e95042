"""The detector's training beside what the whole chain shows."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TRAINER = """
import types
from training.detector import _use_the_machine
import ultralytics
import torch

class Model:
    def add_callback(self, event, call):
        self.call = call

model = Model()
_use_the_machine(model)
network = torch.nn.Conv2d(1, 1, 1)
network.predict = network.forward
torch.set_num_threads(1)  # Ultralytics' own choice here
paths = {"wdir": "weights", "last": "weights/last.pt", "best": "weights/best.pt"}
model.call(types.SimpleNamespace(model=network, device=torch.device("cpu"), **paths))
print(torch.get_num_threads())
"""


@pytest.mark.parametrize("asked", [None, "3"])
def test_training_takes_every_core_or_as_many_threads_as_are_asked_for(asked: str | None) -> None:
    """Ultralytics sets OMP_NUM_THREADS to 1 where it is not set; nobody asked for that."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if asked:
        environment["OMP_NUM_THREADS"] = asked
    done = subprocess.run([sys.executable, "-c", TRAINER], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) == (int(asked) if asked else len(os.sched_getaffinity(0)))
