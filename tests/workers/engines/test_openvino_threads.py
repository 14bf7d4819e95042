"""OpenVINO's Python binding, asked by several threads at a time for the first time."""

from __future__ import annotations

import subprocess
import sys

FIRST_TIME = """
import os, sys, threading
import numpy as np
import openvino as ov
from openvino import opset13 as ops
import workers.engines.openvino_engine

image = ops.parameter([1, 4, 4, 3], np.uint8)
compiled = ov.Core().compile_model(ov.Model([ops.convert(image, "f32")], [image]), "CPU", {"NUM_STREAMS": 2})
tensors = [compiled.create_infer_request().get_input_tensor(0) for _ in range(8)]
sys.setswitchinterval(1e-6)
begun = False

def look(tensor):
    while not begun:
        pass
    tensor.data

threads = [threading.Thread(target=look, args=(tensor,), daemon=True) for tensor in tensors]
for thread in threads:
    thread.start()
begun = True
for thread in threads:
    thread.join()
print("all have seen")
sys.stdout.flush()
os._exit(0)
"""


def test_threads_that_look_at_tensors_first_do_not_lock_each_other_out() -> None:
    """Without what workers.engines.openvino_engine does at import, 14 of 15 such processes stood still for ever."""
    command = [sys.executable, "-c", FIRST_TIME]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        said = [process.communicate(timeout=60)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert said == ["all have seen\n"] * 3
