"""Alerts through Apprise, which knows mail, Slack, Telegram and a hundred more. Its calls block: each in a thread."""

from __future__ import annotations

import asyncio
import logging
import re

from apprise import Apprise, NotifyFormat, NotifyType

from monitoring.alerts.blocking_calls import aside
from monitoring.alerts.errors import Undelivered
from monitoring.alerts.settings import AppriseTarget
from monitoring.alerts.targets.apprise_url import apprise_service
from monitoring.alerts.targets.notice import Notice
from stream.redaction import redact

_TYPES = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "critical": NotifyType.FAILURE}
_SHOWN_CHARACTERS = 300
_LEAST_SECRET = 5
_DETAIL = re.compile(r"exception|response", re.I)


class AppriseService:
    """One service. A call that does not come back in time goes on in its thread; until it has ended there is no other
    try, so that what hangs costs one thread.
    """

    def __init__(self, settings: AppriseTarget) -> None:
        self._name = settings.name
        self._url = settings.url.get_secret_value()
        self._picture = settings.picture
        self._apprise = Apprise()
        self._apprise.add(apprise_service(self._url, settings.timeout_s))
        self._busy = False
        self._turn = asyncio.Lock()

    async def send(self, notice: Notice) -> None:
        """See Target."""
        async with self._turn:
            if self._busy:
                raise Undelivered("it has not answered the try before yet")
            self._busy = True
            why = await aside(f"alert-{self._name}", lambda: self._notify(notice))
            if why is not None:
                raise Undelivered(why)

    async def close(self) -> None:
        """See Target."""

    def _notify(self, notice: Notice) -> str | None:
        """Why not; None when it was told."""
        picture = str(notice.picture) if self._picture and notice.picture and notice.picture.is_file() else None
        try:
            result = self._apprise.notify(
                body=notice.words(),
                title=notice.title,
                notify_type=NotifyType.SUCCESS if notice.kind == "alert_ended" else _TYPES[notice.severity],
                body_format=NotifyFormat.TEXT,
                attach=picture,
                log_level=logging.DEBUG,
            )
        except Exception as error:  # noqa: BLE001 - a hundred plug-ins: what they raise is told as their answer
            return self._clean(f"{type(error).__name__}: {error}")
        finally:
            self._busy = False
        if result:
            return None
        logs = [entry for one in result for attempt in one.attempts for entry in attempt.logs]
        said = [entry.message for entry in logs if entry.level not in ("DEBUG", "INFO", "TRACE")]
        details = [entry.message for entry in logs if entry.level == "DEBUG" and _DETAIL.search(entry.message)]
        return self._clean(" ".join([*said, *details]) or "it did not take the message")

    def _clean(self, text: str) -> str:
        """One line, without what the URL holds: for many services all of it is secret."""
        text = redact(" ".join(text.split()))
        for part in sorted(set(re.split(r"[/:@?&=#]+", self._url)), key=len, reverse=True):
            if len(part) >= _LEAST_SECRET:
                text = text.replace(part, "***")
        return text[:_SHOWN_CHARACTERS]
