"""Alerts as HTTP POSTs. Runs on the dispatcher's event loop."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from monitoring.alerts.errors import Undelivered
from monitoring.alerts.settings import WebhookTarget
from monitoring.alerts.targets.notice import Notice
from monitoring.alerts.targets.webhook_signature import key_of, signed_headers

_REFUSED = frozenset({400, 413, 415, 422})
"""Answers about the message rather than the target: others may get through."""
_SHOWN_CHARACTERS = 200


class Webhook:
    """POSTs a notice; any 2xx answer means that it has arrived. Redirects are not followed: a POST would become a GET.

    The body is the notice's JSON. `webhook-id` (and `idempotency-key`, which some services look at) is the same at each
    try. The time a try may take is the dispatcher's affair: httpx's own limits hold for each read, so that a server
    that answers a byte at a time would never meet them.
    """

    def __init__(self, settings: WebhookTarget) -> None:
        self._url = settings.url.get_secret_value()
        secrets = [secret for secret in (settings.secret, settings.previous_secret) if secret is not None]
        self._keys = [key_of(secret.get_secret_value()) for secret in secrets]
        headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        verify = ssl.create_default_context(cafile=str(settings.ca_file)) if settings.ca_file else True
        self._client = httpx.AsyncClient(
            headers={"user-agent": "Livesight", **headers},
            verify=verify,
            timeout=settings.timeout_s,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=1, keepalive_expiry=30),
        )

    async def send(self, notice: Notice) -> None:
        """See Target."""
        body = notice.to_json()
        headers = {
            "content-type": "application/json",
            "idempotency-key": notice.id,
            **signed_headers(notice.id, int(time.time()), body, self._keys),
        }
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                if not response.is_success:
                    raise await _refusal(response)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise Undelivered(_words(error)) from error

    async def close(self) -> None:
        """See Target."""
        await self._client.aclose()


async def _refusal(response: httpx.Response) -> Undelivered:
    status = response.status_code
    said = await _beginning(response)
    why = f"it answered {status} {response.reason_phrase}".rstrip() + (f": {said}" if said else "")
    wait_s = _retry_after_s(response.headers.get("retry-after")) if status in (429, 503) else None
    return Undelivered(why, retry_after_s=wait_s, refused=status in _REFUSED)


async def _beginning(response: httpx.Response) -> str:
    """The first words of an answer, on one line; a target may send what it likes."""
    if not response.headers.get("content-type", "").startswith(("text/plain", "application/")):
        return ""
    try:
        async for chunk in response.aiter_bytes(4 * _SHOWN_CHARACTERS):
            text = chunk.decode("utf-8", "replace")
            return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_SHOWN_CHARACTERS]
    except httpx.HTTPError:
        pass  # the status says enough
    return ""


def _retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which has seconds or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _words(error: Exception) -> str:
    """Without the URL, which may be a secret; what the system says of a connection does not have it."""
    if isinstance(error, httpx.ConnectError):
        return f"it cannot be reached: {error}" if str(error) else "it cannot be reached"
    words: dict[type[Exception], str] = {
        httpx.ConnectTimeout: "it cannot be reached in time",
        httpx.ReadTimeout: "it does not answer in time",
        httpx.RemoteProtocolError: "it ended the connection, or does not speak HTTP",
    }
    return words.get(type(error)) or f"{type(error).__name__} while asking it"
