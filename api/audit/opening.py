"""Opens the trail of a process, and tells it what the accounts tell. Any thread."""

from __future__ import annotations

import os
import time
from typing import Final

from api.audit.entry import AuditFact, What
from api.audit.stores import AuditStore, DatabaseStore, FileStore
from api.audit.trail import AuditTrail
from api.auth.access_control import AccessControl
from api.auth.people.people import AccountEvent
from workers.bus.message_bus import Bus
from workers.database.database import Database

FILE: Final = "audit.jsonl"
COMMANDS: Final = "command"
"""The chain of `livesight users` and `livesight keys`, wherever they run on the same database."""

_SIGNING: Final[dict[str, What]] = {
    "signed-in": "sign-in",
    "sign-in-failed": "sign-in-failed",
    "signed-out": "sign-out",
}
"""Other changes of accounts are requests, and recorded as such."""


def open_trail(access: AccessControl, chain: str, bus: Bus | None) -> AuditTrail:
    """The trail beside the accounts, in their database; in a file where this process has none.

    chain: the process's name. bus: where entries are published, None without Kafka.
    """
    store: AuditStore
    if access.accounts is None:
        store = FileStore(access.state_dir / FILE)
    else:
        store = DatabaseStore(access.accounts.database)
    trail = AuditTrail(store, chain, access.state_dir, bus=bus, keep_days=access.settings.audit_days)
    if access.people is not None:
        access.people.on_event = lambda event: _tell(trail, event)
    return trail


def record_command(database: Database, what: str) -> None:
    """What a command changed in the accounts, ids only: `users disable user:01J…`. Raises DatabaseUnavailable."""
    done = AuditFact(
        at_ns=time.time_ns(), what="change", principal=f"command:{os.getuid()}", target=f"livesight {what}"
    )
    DatabaseStore(database).append(COMMANDS, [done])


def _tell(trail: AuditTrail, event: AccountEvent) -> None:
    """Whose account it was is known by its id; what was typed as a name is not kept: it may be a password."""
    what = _SIGNING.get(event.kind)
    if what is not None:
        who = event.by or (f"user:{event.user_id}" if event.user_id else "anonymous")
        trail.add(AuditFact(at_ns=time.time_ns(), what=what, principal=who, address=event.address, target="/v1/login"))
