"""The wheel ships exactly the five packages, livesight.py and the models; and an installed one finds them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"stream", "workers", "api", "training", "monitoring"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the tree, so that nothing is left behind in it, and without fetching a builder."""
    tree = tmp_path_factory.mktemp("tree")
    for name in (*PACKAGES, "models"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("livesight.py", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tree / "dist"), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = (tree / "dist").glob("*.whl")
    return built


def test_top_level_is_the_five_packages_the_command_line_and_the_models(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    base = "-".join(wheel.name.split("-")[:2])
    assert top == PACKAGES | {"livesight.py", f"{base}.dist-info", f"{base}.data"}
    models = {name for name in names if name.startswith(f"{base}.data/")}
    here = {path.relative_to(ROOT) for path in ROOT.glob("models/*/*/*") if path.is_file()}
    assert models == {f"{base}.data/data/share/livesight/{path}" for path in here}
    assert any(path.name == "card.json" for path in here)


def test_packages_are_whole(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if name.split("/")[0] in PACKAGES}
    wanted = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    wanted |= {str(path.relative_to(ROOT)) for path in (ROOT / "api" / "web").rglob("*") if path.is_file()}
    wanted |= {f"stream/sources/grace_hopper.{suffix}" for suffix in ("jpg", "txt")}
    wanted |= {str(path.relative_to(ROOT)) for path in (ROOT / "workers" / "captions").glob("*.json")}
    assert shipped == wanted


def test_an_installed_wheel_finds_its_models(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=60)
    python = tmp_path / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install"]
    subprocess.run([*install, "--no-deps", "--no-index", "--quiet", str(wheel)], check=True, timeout=120)
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    code = f"""
import sys
sys.path.append({libraries!r})
from workers.model_card import ModelStore, load_card, shipped_models_dir
assert shipped_models_dir().is_relative_to({str(tmp_path)!r}), shipped_models_dir()
assert load_card(ModelStore([shipped_models_dir()]).folder("mask")).name == "mask"
from stream.sources.demo_people import PORTRAIT, load_portrait
assert PORTRAIT.is_relative_to({str(tmp_path)!r}) and load_portrait().shape == (600, 512, 3)
"""
    done = subprocess.run(
        [str(python), "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
