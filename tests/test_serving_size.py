"""What serving installs stays small: the packages that Livesight brings along, without the extras."""

from __future__ import annotations

from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MOST_MB = 840
"""Without compiled bytecode, which pip adds. OpenCV, OpenVINO, SciPy, PyAV and NumPy alone are 660."""


def installed() -> dict[str, set[str]]:
    """Name → extras of every distribution that serving needs, ourselves included."""
    found: dict[str, set[str]] = {}
    waiting: list[tuple[str, set[str]]] = [("livesight", set())]
    while waiting:
        name, extras = waiting.pop()
        key = canonicalize_name(name)
        if key in found and extras <= found[key]:
            continue
        found.setdefault(key, set()).update(extras)
        for text in distribution(key).requires or []:
            needed = Requirement(text)
            environments = [{"extra": extra} for extra in found[key] or {""}]
            if needed.marker is None or any(needed.marker.evaluate(environment) for environment in environments):
                waiting.append((needed.name, set(needed.extras)))
    return found


def size_mb(name: str) -> float:
    """Bytes of a distribution's files, in millions."""
    files = (file.locate() for file in distribution(name).files or [] if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in files if path.is_file()) / 1e6  # type: ignore[attr-defined]


def test_what_serving_installs_stays_small() -> None:
    sizes = {name: size_mb(name) for name in installed() if name != "livesight"}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:12]
    assert sum(sizes.values()) <= MOST_MB, ", ".join(f"{name} {size:.0f} MB" for name, size in largest)


def test_what_only_training_and_tests_need_is_not_among_it() -> None:
    assert not installed().keys() & {"torch", "torchvision", "ultralytics", "pytest", "mlflow", "nncf", "plotly"}
