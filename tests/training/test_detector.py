"""The detector's training beside what the whole chain shows."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from training.detector.train import computes_bfloat16

TRAINER = """
import types
from training.detector.train import _use_the_machine
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


MIXED = """
import json, torch
from training.detector.train import _in_bfloat16

torch.manual_seed(1)
network = torch.nn.Conv2d(3, 8, 3)
image = torch.rand(1, 3, 16, 16)
exact = network(image)
seen = []
network.register_forward_hook(lambda *call: seen.append(str(call[2].dtype)))
found = _in_bfloat16(lambda image: {"boxes": [network(image)], "scores": (network(image),)})(image)
outputs = [*found["boxes"], *found["scores"]]
outputs[0].sum().backward()
print(json.dumps({
    "computed": seen,
    "given": [str(output.dtype) for output in outputs],
    "away": (outputs[0] - exact).abs().max().item(),
    "weights": str(network.weight.dtype),
    "gradient": str(network.weight.grad.dtype),
}))
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra 'train' is not installed")
def test_it_computes_in_bfloat16_and_learns_in_float32() -> None:
    done = subprocess.run([sys.executable, "-c", MIXED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["computed"] == ["torch.bfloat16"] * 2 and told["given"] == ["torch.float32"] * 2
    assert told["weights"] == told["gradient"] == "torch.float32"
    assert 0 < told["away"] < 0.05


@pytest.mark.parametrize(
    ("flags", "does"), [(["avx512_vnni"], False), (["avx512_bf16"], True), (["amx_bf16"], True), ([], False)]
)
def test_bfloat16_is_for_processors_that_have_it(flags: list[str], does: bool) -> None:
    assert computes_bfloat16(flags) is does


ENDED = """
import os, signal, sys, time
from pathlib import Path
from training.detector.mlflow_run import TrackSettings, tracked

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by who started the tests, and so here
signal.signal(signal.SIGHUP, signal.SIG_DFL)
store = Path(sys.argv[1])

def end(name, how):
    with tracked(TrackSettings(store / name, store, "ends", name)):
        how()
        while True:  # no pause(): the signal may reach another thread, which wakes nobody
            time.sleep(0.05)

def fail():
    raise OSError("the disk is full")

for name, how in (
    ("failed", fail),
    ("interrupted", lambda: os.kill(os.getpid(), signal.SIGINT)),
    ("hung up", lambda: os.kill(os.getpid(), signal.SIGHUP)),
):
    try:
        end(name, how)
    except BaseException as error:
        print(name, type(error).__name__)
with tracked(TrackSettings(store / "whole", store, "ends", "whole")):
    child = os.fork()  # the handler of a run is not its children's
    if child == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(1)
    print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
sys.stdout.flush()
end("terminated", lambda: os.kill(os.getpid(), signal.SIGTERM))
"""


@pytest.mark.skipif(find_spec("mlflow") is None, reason="MLflow, of 'train'")
def test_a_run_that_is_ended_is_closed(tmp_path: Path) -> None:
    """By an error, Ctrl-C, a terminal that is closed, or whoever stops the service; only SIGKILL leaves it open."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ENDED, str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert done.stdout.splitlines() == [
        "failed OSError", "interrupted KeyboardInterrupt", "hung up SystemExit", f"child {-signal.SIGTERM}",
    ]  # fmt: skip
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        statuses = dict(database.execute("select name, status from runs").fetchall())
    assert statuses == {
        "failed": "FAILED", "interrupted": "KILLED", "hung up": "KILLED", "whole": "FINISHED", "terminated": "KILLED",
    }  # fmt: skip
