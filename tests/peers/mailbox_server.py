"""A real SMTP server (aiosmtpd) on loopback that keeps what it gets, and refuses on demand."""

from __future__ import annotations

import email
import threading
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.peers.ports import free_port


class MailServer:
    """`refuses`: answers each mail with 451. `mails` are what it took, in order."""

    def __init__(self) -> None:
        self.port = free_port()
        self.refuses = False
        self.refused = 0
        self.mails: list[EmailMessage] = []
        self._changed = threading.Condition()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """aiosmtpd's hook, on its thread."""
        with self._changed:
            if self.refuses:
                self.refused += 1
                self._changed.notify_all()
                return "451 try again later"
            assert isinstance(envelope.content, bytes)
            message = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.mails.append(message)
            self._changed.notify_all()
            return "250 OK"

    def wait_for(self, found: Any, timeout_s: float = 30.0) -> None:
        """Until `found()` holds. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(found, timeout_s):
                raise TimeoutError(f"{len(self.mails)} mails, {self.refused} refused")

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()
