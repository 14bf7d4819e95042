"""Alerts through Apprise: mail, Slack, Telegram and a hundred more services. Its calls block: each runs in a thread.

Importing `apprise` takes a second: import this module only when there is such a target.
"""

from __future__ import annotations

import asyncio
import logging
import re

import apprise
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.attachment.memory import AttachMemory

from monitoring.alerts.blocking_calls import run_blocking
from monitoring.alerts.errors import DeliveryFailed
from monitoring.alerts.targets.answers import fit_to_show
from monitoring.alerts.targets.notice import Notice

# Apprise logs URLs, which are secrets. What there is to say about a try comes with its result.
_logger = logging.getLogger("apprise")
_logger.propagate = False
_logger.addHandler(logging.NullHandler())
_logger.setLevel(logging.DEBUG)

_TYPES = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "critical": NotifyType.FAILURE}
_PAUSE_S = 0.5
_DETAIL = re.compile(r"exception|response", re.I)


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


class AppriseTarget:
    """One service. A call that times out goes on in its thread, and no other starts until it has ended: a service that
    hangs costs one thread.
    """

    def __init__(self, name: str, url: str, timeout_s: float, attach_image: bool) -> None:
        """See AppriseSettings. Raises ValueError when the URL names no service."""
        self._name = name
        self._url = url
        self._attach_image = attach_image
        self._apprise = Apprise()
        self._apprise.add(apprise_service(url, timeout_s))
        self._busy = False
        self._lock = asyncio.Lock()

    async def send(self, notice: Notice) -> None:
        """See AlertTarget."""
        async with self._lock:
            if self._busy:
                raise DeliveryFailed("has not answered the previous try yet")
            self._busy = True
            reason = await run_blocking(f"alert-{self._name}", lambda: self._notify(notice))
            if reason is not None:
                raise DeliveryFailed(reason)

    async def close(self) -> None:
        """See AlertTarget."""

    def _notify(self, notice: Notice) -> str | None:
        """Why it failed; None when it was sent."""
        image = None
        if self._attach_image and notice.image is not None:
            image = AttachMemory(  # type: ignore[no-untyped-call]
                content=notice.image, name="picture.jpg", mimetype="image/jpeg"
            )
        try:
            result = self._apprise.notify(
                body=notice.words(),
                title=notice.title,
                notify_type=NotifyType.SUCCESS if notice.kind == "alert_ended" else _TYPES[notice.severity],
                body_format=NotifyFormat.TEXT,
                attach=image,
                log_level=logging.DEBUG,
            )
        except Exception as error:  # noqa: BLE001 - a hundred plug-ins: whatever they raise is their answer
            return self._redacted(f"{type(error).__name__}: {error}")
        finally:
            self._busy = False
        if result:
            return None
        logs = [entry for one in result for attempt in one.attempts for entry in attempt.logs]
        messages = [entry.message for entry in logs if entry.level not in ("DEBUG", "INFO", "TRACE")]
        details = [entry.message for entry in logs if entry.level == "DEBUG" and _DETAIL.search(entry.message)]
        return self._redacted(" ".join([*messages, *details]) or "did not accept the message")

    def _redacted(self, text: str) -> str:
        """One line, without any part of the URL: for many services all of it is secret."""
        return fit_to_show(text, [self._url])
