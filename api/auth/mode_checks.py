"""What `auth` must say about how this process listens and what else it runs. Pure.

Whether an address is this machine's alone is told by its text (api/settings.py): a name that resolves to a loopback
address today counts as open, since nobody promises that it will tomorrow.
"""

from __future__ import annotations

from collections.abc import Collection

from api.auth.settings import AuthSettings
from api.settings import ApiSettings
from workers.errors import SettingsError

_EVERYTHING = {"node", "api", "monitor"}


def open_to_all(auth: AuthSettings, api: ApiSettings) -> bool:
    """Whether others than this machine's users reach the service, and may do everything."""
    return auth.mode == "none" and not api.on_loopback


def insecure_reason(host: str) -> str:
    """For readiness and pages."""
    return (
        f"auth: whoever reaches {host} may see and change everything; set auth.mode (LIVESIGHT_AUTH__MODE) to "
        "accounts, or listen on 127.0.0.1"
    )


def check_mode(auth: AuthSettings, api: ApiSettings, roles: Collection[str]) -> None:
    """Raises SettingsError for what would let anybody in, or could not work."""
    if open_to_all(auth, api) and not auth.insecure:
        raise SettingsError(
            f"auth.mode: none lets whoever reaches {api.host} see and change everything; set auth.mode "
            "(LIVESIGHT_AUTH__MODE) to accounts, listen on 127.0.0.1, or start with --insecure "
            "(LIVESIGHT_AUTH__INSECURE=true)"
        )
    if auth.mode == "accounts" and "api" in roles and set(roles) != _EVERYTHING and auth.on_sqlite:
        raise SettingsError(
            f"roles: {','.join(roles)}: accounts of a service in several processes need PostgreSQL: set "
            "auth.database_url (LIVESIGHT_AUTH__DATABASE_URL) to postgresql://user:password@host/database"
        )
