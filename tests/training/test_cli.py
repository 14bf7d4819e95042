"""The training commands beside serving: cheap to list, and plain words without the extra `train`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.training.commands import ROOT, environment

WITHOUT = """
import importlib.util
import sys

known = importlib.util.find_spec
hidden = {"torch", "torchvision", "ultralytics", "mlflow", "nncf", "onnx", "timm", "sklearn", "xgboost"}
importlib.util.find_spec = lambda name, package=None: None if name.split(".")[0] in hidden else known(name, package)

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
import livesight
livesight.main()
"""


def without_train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(),
        cwd=ROOT,
        check=False,
    )


def test_without_the_extra_the_commands_say_what_to_install(tmp_path: Path) -> None:
    pt = tmp_path / "best.pt"
    pt.write_bytes(b"")
    data = ("--data", tmp_path, "--out", tmp_path / "out")
    export = ("export", "--checkpoint", pt, "--data", tmp_path, "--models", tmp_path, "--name", "x", "--version", "1")
    for arguments in (("train", "detector", *data), ("evaluate", pt, *data), export):
        done = without_train(*arguments)
        assert done.returncode == 2, done.stderr
        assert "pip install -c constraints.txt -e '.[train]'" in done.stderr


def test_help_and_data_sets_work_without_the_extra(tmp_path: Path) -> None:
    shown = without_train("--help")
    assert shown.returncode == 0
    for command in ("dataset", "train", "evaluate", "evaluate-webcam", "export"):
        assert f"\n  {command} " in shown.stdout
    assert without_train("dataset", "example", tmp_path / "set", "--pictures", "10").returncode == 0


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, livesight; print(sorted({'cv2', 'openvino', 'torch', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(),
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.strip() == "[]"
