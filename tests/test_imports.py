"""What may import what (DESIGN 2), read from the source; and that serving on a CPU loads no torch."""

from __future__ import annotations

import ast
import subprocess
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
FLOORS: dict[str, list[str]] = {
    "stream": "errors metrics network url_redaction config frame mailbox ring decoding sources webrtc".split(),
    "workers": (
        "errors validation metrics cpu memory descriptors logs wall_clock atomic_files state_directory access secrets "
        "model_files well_known_labels label_words model_card settings database bus captions spool kafka engines "
        "images taught identity inference registry explain node cluster cli bench"
    ).split(),
    "api": "settings http server auth audit video push predict cluster documents routes app cli".split(),
    "monitoring": (
        "core store events rules arrangements alerts drift tracks captions retention deletion people report ask ingest "
        "settings migrations assembly service doctor cli"
    ).split(),
    "training": "errors data evaluation export detector classifier captioner cli".split(),
}
"""Rooms (folders) and single modules of each package, from the lowest floor up: each imports from below itself only."""

MOST_MODULES = 20
STARTERS = {
    "deployment/bench/access.py",
    "deployment/bench/ask.py",
    "deployment/authorization.py",
    "deployment/bench/bus.py",
    "deployment/bench/drift.py",
    "deployment/bench/drift_clips.py",
    "deployment/bench/drift_world.py",
    "deployment/bench/drift_worse.py",
    "deployment/bench/events.py",
    "deployment/bench/flood.py",
    "deployment/bench/glass.py",
    "deployment/bench/hostile.py",
    "deployment/bench/identity.py",
    "deployment/bench/month.py",
    "deployment/bench/run_livesight.py",
    "deployment/bench/tracking.py",
    "deployment/bench/tracking_boxes.py",
    "deployment/bench/tracking_judge.py",
    "deployment/bench/track_world.py",
    "deployment/bench/tracks.py",
    "deployment/bench/viewers.py",
    "deployment/fuzz/operations.py",
    "deployment/fuzz/requests_made.py",
    "deployment/fuzz/service.py",
    "deployment/fuzz/targets.py",
    "deployment/soak/loopback_livesight.py",
    "deployment/soak/alarms.py",
    "deployment/soak/cluster.py",
    "deployment/soak/numbered_livesight.py",
    "deployment/soak/outage.py",
}
"""These run Livesight, or parts of it, in a process of their own, to be measured or fuzzed; no package imports them."""


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


def modules(package: str) -> dict[str, Path]:
    """Dotted name → file of everything in a package."""
    found: dict[str, Path] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def inner_imports(package: str) -> dict[str, set[str]]:
    """What each module of a package imports of the same package, wherever that stands, TYPE_CHECKING included."""
    known = modules(package)
    edges: dict[str, set[str]] = {}
    for name, path in known.items():
        edges[name] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                edges[name] |= {alias.name for alias in node.names} & known.keys()
            elif isinstance(node, ast.ImportFrom) and node.module:
                submodules = {f"{node.module}.{alias.name}" for alias in node.names} & known.keys()
                edges[name] |= submodules or {node.module} & known.keys()
    return edges


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_floors(package: str) -> None:
    """A module imports from its own room and from lower floors."""
    floors = FLOORS[package]
    assert {name.split(".")[1] for name in modules(package) if "." in name} == set(floors)
    wrong = [
        f"{name} imports {target}"
        for name, targets in inner_imports(package).items()
        for target in targets
        if "." in name and "." in target
        if (room := name.split(".")[1]) != (other := target.split(".")[1])
        if floors.index(other) > floors.index(room)
    ]
    assert not wrong


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_no_circles(package: str) -> None:
    """No module imports itself by way of others."""
    edges = inner_imports(package)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(edges[start])
        while waiting:
            if (name := waiting.pop()) not in seen:
                seen.add(name)
                waiting.extend(edges[name])
        return seen

    assert not [name for name in edges if name in reached(name)]


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_rooms_are_small(package: str) -> None:
    """A folder that holds more is two."""
    folders = [path.parent for name, path in modules(package).items() if path.name != "__init__.py"]
    crowded = {
        str(one.relative_to(ROOT)): folders.count(one) for one in set(folders) if folders.count(one) > MOST_MODULES
    }
    assert not crowded


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


def test_the_command_line_starts_light() -> None:
    """`livesight --help` and every command read the settings; that loads no database, engine or web server."""
    script = (
        "import livesight, sys; print(*{'sqlalchemy', 'alembic', 'openvino', 'fastapi', 'kafka'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
