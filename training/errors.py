"""The errors that training/ raises, and the check that its extra is installed. Pure."""

from __future__ import annotations

from importlib.util import find_spec

INSTALL = "pip install -c constraints.txt -e '.[train]'"


class TrainingError(Exception):
    """Base of all errors of this package. On the command line: the message, and exit code 2."""


class MissingExtraError(TrainingError):
    """A command needs the extra `train`, which is not installed."""


class DatasetError(TrainingError):
    """Images or labels cannot be used; the message names the file."""


class RunError(TrainingError):
    """A training run cannot start or continue: its weights, its folder or the tracking server."""


class ExportError(TrainingError):
    """A model cannot be exported, does not agree with its checkpoint, or mixes the boxes of a batch's images."""


class EvaluationError(TrainingError):
    """A model cannot be measured, or not on these images."""


class GateError(TrainingError):
    """A measured model misses a gate. On the command line: exit code 1."""


def require(*modules: str) -> None:
    """Raises MissingExtraError, which says what to install, unless all these modules can be imported."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"this command needs {', '.join(missing)}: install the extra 'train' with {INSTALL}")
