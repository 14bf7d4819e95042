"""Niceness by thread, as the kernel shows it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from tests.peers.colour_models import write_square_model
from workers.cpu import run_niced
from workers.engines.openvino_engine import OpenVinoEngine
from workers.model_card import load_card
from workers.settings import WorkerSettings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="niceness is the process's there")


def niceness() -> dict[int, int]:
    """Of each thread of this process, by its id."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        try:
            after_name = (task / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(task.name)] = int(after_name[16])
    return found


def test_niced_threads_stay_nice_and_the_caller_does_not() -> None:
    own, over = os.getpriority(os.PRIO_PROCESS, 0), threading.Event()

    def start() -> threading.Thread:
        thread = threading.Thread(target=over.wait)
        thread.start()
        return thread

    started = run_niced(3, start)
    try:
        assert niceness()[started.native_id or 0] == min(19, own + 3)
        assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
    finally:
        over.set()
        started.join()
    with pytest.raises(ZeroDivisionError):
        run_niced(3, lambda: 1 // 0)


@pytest.mark.parametrize("nice", [0, 7])
def test_inference_computes_in_niced_threads(tmp_path: Path, nice: int) -> None:
    folder = write_square_model(tmp_path)
    before, own = niceness(), os.getpriority(os.PRIO_PROCESS, 0)
    engine = OpenVinoEngine(load_card(folder), folder, WorkerSettings(threads=2, inference_nice=nice))
    try:
        for shape_wh in engine.card.shapes_wh:
            with engine.request(shape_wh) as request:
                request.run(1)
        new = {value for thread, value in niceness().items() if thread not in before}
        assert new == {min(19, own + nice)}
    finally:
        engine.close()
