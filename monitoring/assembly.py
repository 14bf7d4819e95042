"""Makes the parts of monitoring and says in which order they work. Pure."""

from __future__ import annotations

from monitoring.parts import Built, Shared


def assemble(shared: Shared) -> Built:
    """All parts. Handlers: what happened, then drift and camera faults, then the rules, which look at both."""
    return Built()
