"""What was needed for a while goes back to the system: seen from outside, in a process of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

FREED = """
import gc, psutil
from workers.memory import freeze_loaded, limit_arenas, return_free_memory

process = psutil.Process()
print(limit_arenas())

class Circle:
    def __init__(self):
        self.me, self.data = self, bytearray(3000)  # of malloc, too small for pages of its own

freeze_loaded()
gc.disable()
began = process.memory_info().rss
kept = []
for number in range(30_000):
    circle = Circle()
    if number % 100 == 0:
        kept.append(bytearray(3000))  # in between, so that the heap's end does not come down
del circle
used = process.memory_info().rss
return_free_memory()
print("sizes", began, used, process.memory_info().rss, len(kept))
"""


def run(**variables: str) -> list[str]:
    """What it prints, a line each."""
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"} | variables
    done = subprocess.run([sys.executable, "-c", FREED], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's malloc_trim is needed")
def test_circles_and_free_pages_are_given_back() -> None:
    limited, *_, sizes = run()
    began, used, after, _ = (int(size) for size in sizes.split()[1:])
    assert limited == "True"
    assert used - began > 80e6
    assert after - began < 0.2 * (used - began)


def test_whoever_set_the_number_of_arenas_keeps_it() -> None:
    assert run(MALLOC_ARENA_MAX="3")[0] == "False"
