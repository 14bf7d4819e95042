"""What a service says once it listens: a banner, or a record where logs are JSON. Pure but for the output."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from rich.console import Console

from api.settings import ApiSettings


@dataclass(frozen=True, slots=True)
class Announcement:
    """What there is to say. `streams`: their ids."""

    api: ApiSettings
    roles: Sequence[str]
    streams: Sequence[str]
    state_dir: Path


def announce(what: Announcement, sock: socket.socket, *, as_json: bool) -> None:
    """Say where the service is, and who can reach it."""
    host, port = sock.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    url = f"http://{shown}:{port}/"
    if as_json:
        facts = {"url": url, "host": host, "roles": what.roles, "streams": what.streams}
        structlog.get_logger("livesight").info("started", **facts, state_dir=str(what.state_dir))
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"[bold]Livesight[/] is at [bold green]{url}[/]")
    console.print(f"  streams  {', '.join(what.streams) or 'none yet; add one on the page, or by --source'}")
    console.print(f"  state    {what.state_dir}")
    if not what.api.on_loopback:
        console.print(f"  [yellow]open to the network[/] on {host}; anybody who reaches it may use it")
