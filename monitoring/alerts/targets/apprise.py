"""Alerts through Apprise: mail, Slack, Telegram and a hundred more services. Its calls block: each runs in a thread."""

from __future__ import annotations

import asyncio
import logging
import re

from apprise import Apprise, NotifyFormat, NotifyType

from monitoring.alerts.blocking_calls import run_blocking
from monitoring.alerts.errors import DeliveryFailed
from monitoring.alerts.targets.apprise_url import apprise_service
from monitoring.alerts.targets.notice import Notice
from monitoring.alerts.targets.settings import AppriseSettings
from stream.redaction import redact

_TYPES = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "critical": NotifyType.FAILURE}
_REASON_CHARACTERS = 300
_MIN_SECRET_CHARACTERS = 5
_DETAIL = re.compile(r"exception|response", re.I)


class AppriseTarget:
    """One service. A call that times out goes on in its thread, and no other starts until it has ended: a service that
    hangs costs one thread.
    """

    def __init__(self, settings: AppriseSettings) -> None:
        self._name = settings.name
        self._url = settings.url.get_secret_value()
        self._attach_image = settings.picture
        self._apprise = Apprise()
        self._apprise.add(apprise_service(self._url, settings.timeout_s))
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
        image = str(notice.image) if self._attach_image and notice.image and notice.image.is_file() else None
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
        text = redact(" ".join(text.split()))
        for part in sorted(set(re.split(r"[/:@?&=#]+", self._url)), key=len, reverse=True):
            if len(part) >= _MIN_SECRET_CHARACTERS:
                text = text.replace(part, "***")
        return text[:_REASON_CHARACTERS]
