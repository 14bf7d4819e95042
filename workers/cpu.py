"""What Linux says of the processor. Any thread; reads a small file."""

from __future__ import annotations

from pathlib import Path


def processor(field: str) -> str:
    """A line of the first CPU in /proc/cpuinfo, as `model name` or `flags`; empty where there is none, or no Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")
