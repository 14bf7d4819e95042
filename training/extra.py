"""The extra `train`: what it brings, and plain words when it is missing. Pure."""

from __future__ import annotations

from importlib.util import find_spec

from training.errors import MissingExtraError

INSTALL = "pip install -c constraints.txt -e '.[train]'"


def require(*modules: str) -> None:
    """Raises MissingExtraError that says what to install, unless all these modules can be imported."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this command needs {', '.join(missing)}, of the extra 'train', which is not installed here; "
            f"install it with: {INSTALL}"
        )
