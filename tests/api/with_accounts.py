"""The whole service with accounts, and principals of every role: who asks is told by a key in X-API-Key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.audit.opening import open_trail
from api.auth.access_control import AccessControl
from api.auth.machines.api_key import key_hash
from api.auth.machines.limit_settings import LIMITS, RateLimitSettings
from api.auth.settings import AuthSettings
from api.http.extension import Extension
from api.video.clip_cutter import ClipCutter
from monitoring.assembly import MonitoringContext
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from stream.config import StreamConfig
from tests.api.conftest import Service, running
from workers.access.roles import ROLES
from workers.bus.message_bus import LocalBus

MINE, FOREIGN = "mine", "foreign"
EXPIRED = "an expired key"
_PLENTY = {name: "100000/minute" for name in (*LIMITS, "anonymous")}
KEYS = {f"{role} {pattern}": (role, pattern) for role in ROLES for pattern in ("*", MINE, FOREIGN)}
"""Key → role and pattern of its one grant. The texts are chosen to be read; real ones are random."""


def keys_file(folder: Path) -> Path:
    """KEYS, and one of an admin that has expired."""
    entries = [
        {"name": f"key {number}", "hash": key_hash(key), "grants": [{"role": role, "streams": [pattern]}]}
        for number, (key, (role, pattern)) in enumerate(KEYS.items())
    ]
    expired = {"name": "old", "hash": key_hash(EXPIRED), "grants": [{"role": "admin"}], "expires": "2020-01-01"}
    path = folder / "keys.yaml"
    path.write_text(json.dumps({"keys": [*entries, expired]}))  # JSON is YAML
    return path


@contextmanager
def accounted(folder: Path) -> Iterator[Service]:
    """With accounts and with monitoring, and the streams `mine` and `foreign`, which show nothing."""
    settings = AuthSettings(
        mode="accounts", keys_file=keys_file(folder), limits=RateLimitSettings.model_validate(_PLENTY)
    )
    access = AccessControl(settings, folder)
    opened: list[Monitoring] = []

    def extensions(bus: LocalBus, state_dir: Path) -> Iterable[Extension]:
        context = MonitoringContext(state_dir, "test", bus, None, ClipCutter(None, None))  # type: ignore[arg-type]
        opened.append(Monitoring(MonitorSettings(), context))
        opened[0].start()
        return opened

    access.start()
    trail = open_trail(access, "test", None)
    with running(folder, access=access, trail=trail, extensions=extensions) as service:
        for stream_id in (MINE, FOREIGN):
            add(service, stream_id)
        yield service
    opened[0].close(5)
    trail.close(20)
    access.close(5)


def add(service: Service, stream_id: str) -> None:
    """A camera that nobody answers for."""
    if not service.node.streams.runs(stream_id):
        service.node.streams.add(StreamConfig(id=stream_id, url=f"http://127.0.0.1:9/{stream_id}", models=("number",)))


@dataclass(frozen=True)
class Answer:
    """Status and, of a problem, the kind."""

    status: int
    kind: str = ""

    @property
    def let_in(self) -> bool:
        """Whether the route itself answered."""
        return self.status not in (401, 403) and self.kind != "stream-unknown"


def ask(http: httpx.Client, method: str, path: str, key: str | None, body: bytes | None = None) -> Answer:
    """Ask, and read no more than a problem: some answers never end."""
    headers = {"content-type": "application/json"} if body is not None else {}
    headers |= {} if key is None else {"x-api-key": key}
    with http.stream(method, path, headers=headers, content=body) as response:
        if response.headers.get("content-type") != "application/problem+json":
            return Answer(response.status_code)
        response.read()
        return _answer(response)


def knock(url: str, key: str | None) -> Answer:
    """A WebSocket's handshake; the refusal is an HTTP answer."""
    try:
        with connect(url, additional_headers={} if key is None else {"x-api-key": key}):
            return Answer(101)
    except InvalidStatus as refused:
        assert refused.response.headers["content-type"] == "application/problem+json"
        return _answer(httpx.Response(refused.response.status_code, content=bytes(refused.response.body)))


def _answer(response: httpx.Response) -> Answer:
    problem = response.json()
    assert problem["status"] == response.status_code and problem["title"] and problem["detail"]
    return Answer(response.status_code, problem["type"].removeprefix("urn:livesight:problem:"))
