"""The service that `make fuzz` asks: all of Livesight in one process, with accounts and monitoring. Threads.

It has a camera, `mine`, that shows numbered pictures, and one that nobody answers for, `foreign`. What fuzzing adds is
removed again every second, and answers that have no end are ended after END_S, so that they can be compared.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.config import StreamConfig
from tests.api.conftest import Service
from tests.api.with_accounts import FOREIGN, MINE, accounted, add
from tests.peers.clips import ClipSpec, make_numbered

END_S = 0.3
ADMIN = "admin *"
"""The key of who may do everything."""

_ENDLESS = ("/mjpeg", "/live", "/log")


class Ended:
    """ASGI middleware: an answer without an end is ended in an orderly way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut off after END_S."""
        if scope["type"] != "http" or not scope["path"].endswith(_ENDLESS):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(None) as limit:

                async def sending(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        limit.reschedule(asyncio.get_running_loop().time() + END_S)
                    await send(message)

                await self._app(scope, receive, sending)
        except TimeoutError:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@contextmanager
def serving() -> Iterator[Service]:
    """The service, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        clip = Path(folder) / "clip.mp4"
        make_numbered(clip, ClipSpec(frames=100, gop=10))
        state_dir = Path(folder) / "state"
        state_dir.mkdir()
        with accounted(state_dir) as service:
            stack = service.app.middleware_stack
            assert stack is not None
            service.app.middleware_stack = Ended(stack)
            over = threading.Event()
            tidying = threading.Thread(target=_tidy, args=(service, clip, over), name="tidy")
            tidying.start()
            try:
                yield service
            finally:
                over.set()
                tidying.join()


def _tidy(service: Service, clip: Path, over: threading.Event) -> None:
    """In a thread: the two streams are there, and no others."""
    camera = StreamConfig(id=MINE, url=f"file:{clip}", models=("number",))
    service.node.streams.remove(MINE)
    while True:
        known = {view.id for view in service.node.streams.views()}
        if MINE not in known or service.node.streams.config(MINE).url != camera.url:
            if MINE in known:
                service.node.streams.remove(MINE)
            service.node.streams.add(camera, allow_local=True)
        add(service, FOREIGN)
        for stream_id in known - {MINE, FOREIGN}:
            service.node.streams.remove(stream_id)
        if over.wait(1.0):
            return
