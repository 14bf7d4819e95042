#!/usr/bin/env python3
"""Writes docs/authorization.md, which role each route and socket needs: `python deployment/authorization.py`.

A test compares the page with the code.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI

from api.app import create_app, extend
from api.audit.opening import open_trail
from api.auth.access_control import AccessControl
from api.auth.grants import GrantBody
from api.auth.oidc.settings import OidcSettings
from api.auth.settings import AuthSettings
from api.documents.route_table import markdown
from api.video.clip_cutter import ClipCutter
from monitoring.assembly import MonitoringContext
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from workers.bus.message_bus import LocalBus
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "authorization.md"
_PROVIDER = OidcSettings(
    issuer="https://provider.example", client_id="livesight", groups={"staff": (GrantBody(role="viewer"),)}
)


@contextmanager
def whole_application() -> Iterator[FastAPI]:
    """Livesight with all roles and with accounts, put together as livesight.py does. Nothing of it runs."""
    with tempfile.TemporaryDirectory() as folder:
        state_dir, bus = Path(folder), LocalBus()
        node = Node(NodeSettings("authorization"), ModelStore([]), bus)
        access = AccessControl(AuthSettings(mode="accounts", oidc=_PROVIDER), state_dir)
        context = MonitoringContext(state_dir, "authorization", bus, None, ClipCutter(node, None))
        monitoring = Monitoring(MonitorSettings(), context)
        trail = open_trail(access, "authorization", None)
        try:
            application = create_app(node, bus, access=access, trail=trail)
            extend(application, monitoring)
            yield application
        finally:
            monitoring.close(5.0)
            trail.close(5.0)
            access.close(5.0)
            node.close()


def main() -> int:
    """Write the page."""
    with whole_application() as application:
        PAGE.write_text(markdown(application), encoding="utf-8")
    sys.stdout.write(f"{PAGE} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
