"""Alerts as HTTP POSTs. Runs on the dispatcher's event loop."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from monitoring.alerts.errors import DeliveryFailed
from monitoring.alerts.targets.answers import fit_to_show, secrets_of_url
from monitoring.alerts.targets.checked_transport import CheckedTransport
from monitoring.alerts.targets.notice import Notice
from monitoring.alerts.targets.settings import WebhookSettings
from monitoring.alerts.targets.webhook_signature import key_of, signed_headers
from stream.network.networks import NetworkPolicy, NetworkSettings

_REFUSED = frozenset({400, 413, 415, 422})
"""Statuses about the message rather than the target: the next message may get through."""
_READ_BYTES = 4096
"""Of an answer that says why."""


class WebhookTarget:
    """POSTs the notice's JSON; any 2xx means delivered. Follows no redirects: they would turn the POST into a GET.

    `webhook-id`, and `idempotency-key` for services that look at that, is the same at each try. The dispatcher limits
    the time of a try: httpx's time-outs apply to each read, so a server that sends a byte at a time never meets them.
    """

    def __init__(self, settings: WebhookSettings, networks: NetworkSettings) -> None:
        self._url = settings.url.get_secret_value()
        secrets = [secret for secret in (settings.secret, settings.previous_secret) if secret is not None]
        self._keys = [key_of(secret.get_secret_value()) for secret in secrets]
        headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        texts = [secret.get_secret_value() for secret in secrets]
        self._secrets = [*secrets_of_url(self._url), *headers.values(), *texts]
        verify = ssl.create_default_context(cafile=str(settings.ca_file)) if settings.ca_file else _system_trust()
        self._client = httpx.AsyncClient(
            headers={"user-agent": "Livesight", **headers},
            transport=CheckedTransport(NetworkPolicy(networks), verify),
            timeout=settings.timeout_s,
            follow_redirects=False,
        )

    async def send(self, notice: Notice) -> None:
        """See AlertTarget."""
        body = notice.to_json()
        headers = {
            "content-type": "application/json",
            "idempotency-key": notice.id,
            **signed_headers(notice.id, int(time.time()), body, self._keys),
        }
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                if not response.is_success:
                    raise await _refusal(response, self._secrets)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise DeliveryFailed(_reason(error)) from error

    async def close(self) -> None:
        """See AlertTarget."""
        await self._client.aclose()


def _system_trust() -> ssl.SSLContext:
    """As httpx trusts by default."""
    return httpx.create_ssl_context()


async def _refusal(response: httpx.Response, secrets: Sequence[str]) -> DeliveryFailed:
    status = response.status_code
    body = await _beginning(response, max(map(len, secrets), default=0))
    why = fit_to_show(f"answered {status} {response.reason_phrase}".rstrip() + (f": {body}" if body else ""), secrets)
    wait_s = _retry_after_s(response.headers.get("retry-after")) if status in (429, 503) else None
    return DeliveryFailed(why, retry_after_s=wait_s, refused=status in _REFUSED)


async def _beginning(response: httpx.Response, margin: int) -> str:
    """The beginning of the body, whatever the target sends. margin: characters left out where it goes on.

    Of a secret that was cut off there nobody would know the rest.
    """
    if not response.headers.get("content-type", "").startswith(("text/plain", "application/")):
        return ""
    try:
        async for chunk in response.aiter_bytes(_READ_BYTES):
            text = chunk.decode("utf-8", "replace")
            return text[: max(0, len(text) - margin)] if len(chunk) == _READ_BYTES else text
    except httpx.HTTPError:
        pass  # the status is enough
    return ""


def _retry_after_s(value: str | None) -> float | None:
    """Seconds until a Retry-After header's time, which is given in seconds or as a date (RFC 9110, 10.2.3)."""
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


def _reason(error: Exception) -> str:
    """Why a request failed, without the URL, which may be a secret; messages of the operating system have none."""
    if isinstance(error, httpx.ConnectError):
        return f"unreachable: {error}" if str(error) else "unreachable"
    known: dict[type[Exception], str] = {
        httpx.ConnectTimeout: "connecting timed out",
        httpx.ReadTimeout: "did not answer in time",
        httpx.RemoteProtocolError: "closed the connection, or does not speak HTTP",
    }
    return known.get(type(error)) or f"{type(error).__name__} in the request"
