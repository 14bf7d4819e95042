"""What may import what (DESIGN 2), read from the source; and that serving on a CPU loads no torch."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.livesight_process import LivesightProcess

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT: dict[str, set[str]] = {
    "stream": set(),
    "workers": {"stream"},
    "api": {"stream", "workers"},
    "monitoring": {"stream", "workers"},
    "training": {"workers"},
    "deployment": set(),
}
OURS = {*MAY_IMPORT, "livesight", "tests"}
STARTERS = {
    "deployment/bench/bus.py",
    "deployment/bench/drift.py",
    "deployment/bench/drift_clips.py",
    "deployment/bench/drift_world.py",
    "deployment/bench/drift_worse.py",
    "deployment/bench/events.py",
    "deployment/bench/glass.py",
    "deployment/bench/run_livesight.py",
    "deployment/bench/viewers.py",
    "deployment/soak/loopback_livesight.py",
    "deployment/soak/cluster.py",
    "deployment/soak/numbered_livesight.py",
    "deployment/soak/outage.py",
}
"""These run Livesight, or parts of it, in a process of their own, to be measured; no package imports them."""


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import in a file, wherever it stands in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_import_direction(package: str) -> None:
    found = (path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))
    files = sorted(path for path in found if str(path) not in STARTERS and ".venv" not in str(path))
    assert files or package == "deployment"
    wrong = [
        f"{path}:{line} imports {name}"
        for path in files
        for line, name in imports(ROOT / path)
        if name in OURS - {package} - MAY_IMPORT[package]
    ]
    assert not wrong


def test_there_are_no_other_packages() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == set(MAY_IMPORT) - {"deployment"} | {"tests"}


NO_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "ultralytics"}:
            raise SystemExit(f"serving imports {name}")

sys.meta_path.insert(0, NoTorch())
import livesight
livesight.main()
"""


def test_serving_never_imports_torch() -> None:
    """The whole of `livesight demo` runs to readiness and shows a result with torch forbidden."""
    with LivesightProcess(command="demo", python=(sys.executable, "-c", NO_TORCH)) as service:
        service.wait_for(lambda: service.metric("livesight_frames_analysed_total") >= 1, 60, "analysed frame")
        assert service.stop()[0] == 0
