"""What a service says once it listens: a banner, or records where logs are JSON. Pure but for the output."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from rich.console import Console

from workers.logs import Verbatim


@dataclass(frozen=True, slots=True)
class Announcement:
    """What there is to say.

    streams: their ids. open_to_all: whoever reaches it may do everything. setup_token: there is no account yet, and
    this is what the first admin's link holds.
    """

    roles: Sequence[str]
    streams: Sequence[str]
    state_dir: Path
    open_to_all: bool = False
    setup_token: str | None = None


def announce(what: Announcement, sock: socket.socket, *, as_json: bool) -> None:
    """Say where the service is, and what whoever started it must know."""
    host, port = sock.getsockname()[:2]
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # nosec B104  # compared, not bound to
    shown = here.get(host, f"[{host}]" if ":" in host else host)
    url = f"http://{shown}:{port}/"
    # behind the #, which browsers do not send: it stands in no log of a server, and no proxy sees it
    setup_url = None if what.setup_token is None else f"{url}#/setup/{what.setup_token}"
    if as_json:
        _log(what, host, url, setup_url)
    else:
        _print(what, host, url, setup_url)


def _log(what: Announcement, host: str, url: str, setup_url: str | None) -> None:
    log = structlog.get_logger("livesight")
    facts = {"url": url, "host": host, "roles": what.roles, "streams": what.streams}
    log.info("started", **facts, state_dir=str(what.state_dir))
    if what.open_to_all:
        log.warning("open_to_all", host=host, reason="auth.mode is none: whoever reaches it may do everything")
    if setup_url is not None:
        log.warning(
            "first_admin",
            url=Verbatim(setup_url),
            reason="there is no account yet; this link makes the first one, once",
        )


def _print(what: Announcement, host: str, url: str, setup_url: str | None) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"[bold]Livesight[/] is at [bold green]{url}[/]")
    console.print(f"  streams  {', '.join(what.streams) or 'none yet; add one on the page, or by --source'}")
    console.print(f"  state    {what.state_dir}")
    if what.open_to_all:
        console.print(f"  [bold red]INSECURE[/] on {host}: whoever reaches it may see and change everything")
    if setup_url is not None:
        console.print(f"  [bold yellow]no account yet[/]; this link makes the first admin, once: {setup_url}")
