"""Checks Apprise URLs and makes their services. Importing `apprise` takes a second: import this module late. Pure."""

from __future__ import annotations

import logging

import apprise
from apprise import Apprise, AppriseAsset

# Apprise logs URLs, which are secrets. What there is to say about a try comes with its result.
_logger = logging.getLogger("apprise")
_logger.propagate = False
_logger.addHandler(logging.NullHandler())
_logger.setLevel(logging.DEBUG)

_PAUSE_S = 0.5


def apprise_service(url: str, timeout_s: float) -> apprise.NotifyBase:
    """The service that an Apprise URL names. Raises ValueError, without the URL, when it names none."""
    # service_timeout 0 keeps the call in our thread: Apprise would put it into a pool that the process's end waits for.
    asset = AppriseAsset(
        app_id="Livesight",
        app_desc="Livesight",
        app_url="",
        secure_logging=True,
        service_timeout=0,
        result_log_disk_size=0,
    )
    service = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if service is None:
        scheme = url.partition("://")[0] if "://" in url else ""
        what = f"Apprise does not accept this {scheme}:// URL" if scheme.isalnum() else "not an Apprise URL"
        raise ValueError(f"url: {what}; see https://appriseit.com for what each service needs")
    service.socket_connect_timeout = min(service.socket_connect_timeout, timeout_s)
    service.socket_read_timeout = timeout_s
    # Many services sleep 5.5 s between two messages, inside the call. One that is too fast is refused and tried again.
    service.request_rate_per_sec = min(service.request_rate_per_sec, _PAUSE_S)
    return service
