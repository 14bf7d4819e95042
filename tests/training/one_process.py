"""Several commands one after the other in one process, as importing PyTorch takes longer than what they do."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.training.commands import ROOT, environment


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command's exit code and what it wrote."""

    code: int
    stdout: str
    stderr: str


def livesight_each(commands: Sequence[Sequence[str | Path]], timeout_s: float = 800) -> list[Outcome]:
    """Run `livesight` with each of these arguments."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.one_process"],
        input=json.dumps([[str(part) for part in command] for command in commands]),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Outcome(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def _run(arguments: Sequence[str]) -> dict[str, object]:
    from livesight import main

    sys.argv = ["livesight", *arguments]
    written, errors = io.StringIO(), io.StringIO()
    code: object = 0
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(written):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return {"code": code, "stdout": written.getvalue(), "stderr": errors.getvalue()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps([_run(command) for command in json.load(sys.stdin)]) + "\n")
