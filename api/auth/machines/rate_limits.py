"""Counts what principals and addresses ask for. Runs on the event loop.

Asked by the authentication, so in a cluster at the process that faces the client and not again at the node. One table
says which requests count as what; a fixed window begins with the first request and ends when Retry-After says.
"""

from __future__ import annotations

import ipaddress
import math
import re
import time
from dataclasses import dataclass

from limits import RateLimitItem
from limits.strategies import FixedWindowRateLimiter
from starlette.types import Message, Scope, Send

from api.auth.machines.bounded_storage import BoundedStorage, Clock
from api.auth.machines.limit_settings import LimitName, RateLimitSettings, rate_of
from api.http.errors import Problem
from workers.access.declaration import FORWARDED_BY
from workers.access.principal import Principal

COUNTED: tuple[tuple[LimitName, str, re.Pattern[str]], ...] = (
    ("predict", "POST", re.compile(r"/v1/predict|/predict")),
    ("batch", "POST", re.compile(r"/v1/predict/batch|/batch-predict")),
    ("explain", "POST", re.compile(r"/v1/predict/explain")),
    ("login", "POST", re.compile(r"/v1/login|/v1/setup|/v1/session/password")),
    ("push", "POST", re.compile(r"/v1/streams/[^/]+/whip")),
    ("push", "WEBSOCKET", re.compile(r"/v1/streams/[^/]+/frames")),
    ("camera_test", "POST", re.compile(r"/v1/streams/test")),
    ("link", "POST", re.compile(r"/v1/links")),
)
"""What counts as what: method and path."""

UNLIMITED = frozenset({"/healthz", "/readyz", "/health"})
"""Paths that are never counted: what runs the service asks them."""


@dataclass(frozen=True, slots=True)
class Spent:
    """The state of the limit that is nearest to its end, for the RateLimit headers."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-05 has them, which clients know."""
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset_s),
        }


class RateLimits:
    """One of it a process."""

    def __init__(self, settings: RateLimitSettings, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self.by_principal = BoundedStorage(clock=clock)
        self.by_address = BoundedStorage(clock=clock)
        self._of_principals = FixedWindowRateLimiter(self.by_principal)
        self._of_addresses = FixedWindowRateLimiter(self.by_address)

    def check_anonymous(self, scope: Scope) -> None:
        """Counts nothing. Raises Problem `rate-limited` where one more request of nobody at that address would be."""
        rate, address = rate_of(self._settings.anonymous), address_of(scope)
        if rate is not None and not self._of_addresses.test(rate, "requests", address):
            raise _too_many("requests", rate, self._spent(self._of_addresses, rate, "requests", address))

    def count(self, scope: Scope, principal: Principal, *, presented: bool = False) -> Spent | None:
        """Count a request. Raises Problem `rate-limited` when it is one too many. None: it has no limit.

        presented: it has a key or a session, which an anonymous principal's proved nothing; that counts everywhere.
        """
        if FORWARDED_BY in scope:
            return None  # by a process that counted it
        name = counted_as(scope)
        address = address_of(scope)
        spent = None
        if principal.kind == "anonymous" and (presented or scope["path"] not in UNLIMITED):
            spent = self._hit(self._of_addresses, rate_of(self._settings.anonymous), "requests", address)
        if name is None or principal.kind in ("local", "process"):
            return spent
        if name == "login" or principal.kind == "anonymous":
            return self._hit(self._of_addresses, self._settings.rate(name), name, address) or spent
        if principal.kind == "service":
            return self._hit(self._of_principals, self._settings.services.rate(name), name, principal.id)
        rate = self._settings.rate(name)
        spent = self._hit(self._of_principals, rate, name, principal.id)
        if rate is not None:
            wider = type(rate)(rate.amount * self._settings.address_times, rate.multiples)
            self._hit(self._of_addresses, wider, name, f"people at {address}")
        return spent

    def _hit(self, limiter: FixedWindowRateLimiter, rate: RateLimitItem | None, name: str, whose: str) -> Spent | None:
        if rate is None:
            return None
        allowed = limiter.hit(rate, name, whose)
        spent = self._spent(limiter, rate, name, whose)
        if allowed:
            return spent
        raise _too_many(name, rate, spent)

    def _spent(self, limiter: FixedWindowRateLimiter, rate: RateLimitItem, name: str, whose: str) -> Spent:
        stats = limiter.get_window_stats(rate, name, whose)
        return Spent(rate.amount, max(0, stats.remaining), max(1, math.ceil(stats.reset_time - self._clock())))


def counted_as(scope: Scope) -> LimitName | None:
    """Which limit a request counts against."""
    method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
    if method not in ("POST", "WEBSOCKET"):
        return None
    path = scope["path"]
    return next((name for name, wanted, pattern in COUNTED if wanted == method and pattern.fullmatch(path)), None)


def address_of(scope: Scope) -> str:
    """Whose requests are counted together: an IPv4 address, or the /64 that one customer has in IPv6."""
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return str(host)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def telling(send: Send, spent: Spent | None) -> Send:
    """A `send` that adds the RateLimit headers to the response."""
    if spent is None:
        return send
    added = [(name.encode(), value.encode()) for name, value in spent.headers().items()]

    async def send_with_limit(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return send_with_limit


def _too_many(name: str, rate: RateLimitItem, spent: Spent) -> Problem:
    return Problem(
        "rate-limited",
        f"{name}: more than {rate.amount} in {_words(rate)}; try again in {spent.reset_s} s",
        headers={"retry-after": str(spent.reset_s), **spent.headers()},
    )


def _words(rate: RateLimitItem) -> str:
    seconds = rate.get_expiry()
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}" + ("s" if seconds > size else "")
    return f"{seconds} s"
