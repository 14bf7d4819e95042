"""What a package that api/ does not import adds to the service: monitoring. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter


class Extension(Protocol):
    """Routes of another package, served at the same address, and its readiness."""

    @property
    def prefixes(self) -> Sequence[str]:
        """The paths it serves: `/v1/events` stands for that path, `/v1/events/…` and `/v1/events.…`."""
        ...

    @property
    def routers(self) -> Sequence[APIRouter]:
        """The routes, all below `prefixes`."""
        ...

    @property
    def active(self) -> bool:
        """Whether it works in this process; false while another process's does. Never blocks."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it can answer requests. Never blocks."""
        ...

    def problems(self) -> list[str]:
        """What is wrong now, as readiness reasons. Never blocks."""
        ...

    def notes(self) -> list[str]:
        """What an operator should know and is no fault, as readiness notes. Never blocks."""
        ...
