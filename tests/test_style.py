"""The house style that can be counted (DESIGN 9): sizes of files and functions, docstrings, one name for one thing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("stream", "workers", "api", "monitoring", "training")
DECLARATIONS = ("training/cli/", "monitoring/migrations/", "api/auth/migrations/", "api/documents/asyncapi.py")
"""Functions there are lists of options, columns or messages."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files() -> dict[str, str]:
    """Path → text of every module of ours, without the packages' own `__init__.py`."""
    paths = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))] + [ROOT / "livesight.py"]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths if path.name != "__init__.py"}


def public(node: ast.AST) -> Iterator[Function | ast.ClassDef]:
    """Public classes and functions of a module, and the public methods of such classes."""
    for child in getattr(node, "body", []):
        if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


def test_files_hold_one_concept() -> None:
    lines = {path: len(text.splitlines()) for path, text in files().items()}
    assert median(lines.values()) <= 120
    beside = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "deployment").rglob("*.py")}
    every = lines | {path: len(text.splitlines()) for path, text in beside.items()}
    assert {path: count for path, count in every.items() if count > 400} == {}
    # a migration is as long as what it changes
    small = sorted(path for path, count in lines.items() if count < 40 and "/versions/" not in path)
    assert len(small) <= 15, small


def test_functions_are_short() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, text in files().items()
        if not path.startswith(DECLARATIONS)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, Function) and (node.end_lineno or 0) - node.lineno >= 40
    ]
    assert long == []


def test_what_is_public_is_documented() -> None:
    found = [(path, node) for path, text in files().items() for node in public(ast.parse(text))]
    missing = [f"{path}:{node.lineno} {node.name}" for path, node in found if not ast.get_docstring(node)]
    assert len(missing) <= 0.05 * len(found), missing
    assert [path for path, text in files().items() if not ast.get_docstring(ast.parse(text))] == []


def test_a_class_name_stands_once() -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for path, text in files().items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(path)
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


def test_what_bandit_may_not_say_has_a_reason() -> None:
    """`# nosec B104  # why`: of which finding, and why it is none."""
    paths = [path for name in (*PACKAGES, "deployment") for path in (ROOT / name).rglob("*.py")]
    marks = [line for path in paths for line in path.read_text().splitlines() if "# nosec" in line]
    assert marks
    assert [line for line in marks if not re.search(r"# nosec B\d{3}(, B\d{3})*  # \S.{3,}", line)] == []
