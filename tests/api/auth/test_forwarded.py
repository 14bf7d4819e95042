"""What a reverse proxy says of a request, from trusted addresses and from others, also through a real one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.auth.forwarded import ForwardedHeaders
from tests.api.auth.oidc.conftest import oidc_settings
from tests.api.auth.running_accounts import running_accounts
from tests.peers.oidc_provider import OidcProvider

PROXY, OUTER, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.9"


async def seen(client: str, headers: list[tuple[str, str]], kind: str = "http") -> tuple[str, str, str]:
    """Address, scheme and host, as the application sees them behind proxies of 10.0.0.0/8 and fd00::/8."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    raw = [(name.encode(), value.encode()) for name, value in [("host", "inner"), *headers]]
    scope: dict[str, Any] = {"type": kind, "client": (client, 5), "headers": raw}
    scope["scheme"] = "http" if kind == "http" else "ws"
    proxies = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    await ForwardedHeaders(app, proxies)(scope, None, None)  # type: ignore[arg-type]
    host = [value.decode() for name, value in found[0]["headers"] if name == b"host"]
    assert len(host) == 1
    return found[0]["client"][0], found[0]["scheme"], host[0]


async def test_quotes_that_nobody_closes_take_no_time() -> None:
    """Each of them was looked for to the end of the header."""
    begun_s = time.thread_time()
    said = ("forwarded", 'for="' + '\\"' * 15_000 + f", for={CLIENT}")
    assert (await seen(PROXY, [said]))[0] == CLIENT
    assert time.thread_time() - begun_s < 2


X = [("x-forwarded-for", CLIENT), ("x-forwarded-proto", "https"), ("x-forwarded-host", "cameras.example:8443")]
F = [("forwarded", f'for={CLIENT};proto=https;host="cameras.example:8443"')]


@pytest.mark.parametrize("headers", [X, F])
async def test_only_listed_proxies_are_believed(headers: list[tuple[str, str]]) -> None:
    assert await seen(PROXY, headers) == (CLIENT, "https", "cameras.example:8443")
    assert await seen(f"::ffff:{PROXY}", headers) == (CLIENT, "https", "cameras.example:8443")
    assert await seen(PROXY, headers, "websocket") == (CLIENT, "wss", "cameras.example:8443")
    for stranger in (CLIENT, "11.0.0.1", "testclient", "2001:db8::1"):
        assert await seen(stranger, headers) == (stranger, "http", "inner")
    assert await seen(PROXY, []) == (PROXY, "http", "inner")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # what the client wrote itself stands further left than what the proxy added
        ([("x-forwarded-for", f"127.0.0.1, {CLIENT}")], (CLIENT, "http", "inner")),
        ([("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", f"{CLIENT}, {OUTER}")], (CLIENT, "http", "inner")),
        ([("x-forwarded-for", f"evil, {OUTER}")], (OUTER, "http", "inner")),
        ([("x-forwarded-for", f"[2001:db8::7]:4711, {OUTER}:80")], ("2001:db8::7", "http", "inner")),
        ([*X, ("forwarded", "for=127.0.0.1;proto=http;host=evil.example")], (CLIENT, "https", "cameras.example:8443")),
        ([("x-forwarded-proto", "https"), ("forwarded", "for=1.2.3.4")], (PROXY, "https", "inner")),
        ([("x-forwarded-for", f"{CLIENT}, {OUTER}"), ("x-forwarded-proto", "https, http")], (CLIENT, "https", "inner")),
        ([("x-forwarded-for", CLIENT), ("x-forwarded-proto", "javascript")], (CLIENT, "http", "inner")),
        (
            [("x-forwarded-for", CLIENT), ("x-forwarded-host", "a/b"), ("x-forwarded-proto", "")],
            (CLIENT, "http", "inner"),
        ),
        ([("forwarded", f"for=127.0.0.1, for={CLIENT};proto=https, for={OUTER}")], (CLIENT, "https", "inner")),
        ([("forwarded", f'for="[2001:db8::7]:4711";proto=https, For={OUTER}')], ("2001:db8::7", "https", "inner")),
        ([("forwarded", "for=unknown;proto=https")], (PROXY, "https", "inner")),
        ([("forwarded", f'for="1.2.3.4, for={CLIENT}')], (CLIENT, "http", "inner")),
        ([("forwarded", 'for="a, for="[2001:db8::7]"')], (PROXY, "http", "inner")),
        ([("forwarded", f"for=1.2.3.4;;=x, for={OUTER};proto=https")], (OUTER, "https", "inner")),
    ],
)
async def test_the_last_one_who_is_no_proxy_is_the_client(
    headers: list[tuple[str, str]], expected: tuple[str, str, str]
) -> None:
    assert await seen(PROXY, headers) == expected


@contextmanager
def reverse_proxy(target: str, **added: str) -> Iterator[str]:
    """Its address. It adds these headers (`_` stands for `-`) and forwards the rest as it came."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {**dict(self.headers), **{name.replace("_", "-"): value for name, value in added.items()}}
            answer = httpx.get(target + self.path, headers=headers)
            self.send_response(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name in ("location", "set-cookie", "content-type", "strict-transport-security"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_the_way_to_the_provider_and_cookies_are_those_of_the_proxy(tmp_path: Path) -> None:
    said = {"x_forwarded_for": CLIENT, "x_forwarded_proto": "https", "x_forwarded_host": "localhost:8443"}
    with OidcProvider() as provider:
        trusting = oidc_settings(provider).model_copy(update={"trusted_proxies": (ip_network("127.0.0.0/8"),)})
        with running_accounts(tmp_path / "trusting", trusting) as service, reverse_proxy(service.url, **said) as proxy:
            there = httpx.get(f"{proxy}/v1/oidc/login")
            back = parse_qs(urlsplit(there.headers["location"]).query)["redirect_uri"]
            assert back == ["https://localhost:8443/v1/oidc/callback"]
            cookie = there.headers["set-cookie"]
            assert cookie.startswith("__Host-livesight-oidc=") and "Secure" in cookie and "SameSite=lax" in cookie
            foreign = said | {"x_forwarded_host": "evil.example"}
            with reverse_proxy(service.url, **foreign) as other:
                assert httpx.get(f"{other}/v1/oidc/login").status_code == 421, "names are checked all the same"
        careful = oidc_settings(provider, public_url="https://cameras.example")
        with running_accounts(tmp_path / "careful", careful) as service, reverse_proxy(service.url, **said) as proxy:
            there = httpx.get(f"{proxy}/v1/oidc/login")
            back = parse_qs(urlsplit(there.headers["location"]).query)["redirect_uri"]
            assert back == ["https://cameras.example/v1/oidc/callback"]
            assert there.headers["set-cookie"].startswith("livesight-oidc=")
