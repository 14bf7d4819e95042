"""Why a camera cannot be had is said in words, the same for RTSP and HTTP. Real connections."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from stream.config import StreamConfig, StreamSettings
from stream.errors import SourceError
from stream.network.refusals import connection_in_words, name_in_words, status_in_words, tls_in_words
from stream.sources.connect import connect
from stream.sources.source_urls import network_target
from tests.peers.broken_servers import RefusingServer, SilentServer
from tests.peers.ports import free_port

SCHEMES = pytest.mark.parametrize("scheme", ["rtsp", "http"])


def refusal(url: str, **fields: str) -> str:
    """What is said of a camera, behind its address."""
    target = network_target(StreamConfig(id="cam", url=url, **fields))
    with pytest.raises(SourceError) as failed:
        connect(target, StreamSettings(connect_timeout_s=3), live=True)
    text = str(failed.value)
    assert text.startswith(f"{target.label}: ") and "hunter2" not in text and "Whatever" not in text
    return text.removeprefix(f"{target.label}: ")


@SCHEMES
def test_what_a_camera_answers(scheme: str) -> None:
    for status, words in (
        (401, "it asks for user and password (401 Unauthorized)"),
        (403, "it denies access: the user may not see this, or this machine may not connect (403 Forbidden)"),
        (404, "it has no video at this path (404 Not Found)"),
        (500, "it failed (500 Internal Server Error)"),
        (503, "it serves nobody more for now (503 Service Unavailable)"),
        (0, "closed the connection"),
    ):
        with RefusingServer(scheme, status) as camera:
            assert refusal(camera.url).startswith(words)
    with RefusingServer(scheme, 401) as camera:
        words = "it does not accept user and password (401 Unauthorized)"
        assert refusal(camera.url, user="admin", password="hunter2") == words


@SCHEMES
def test_where_no_camera_is(scheme: str) -> None:
    assert refusal(f"{scheme}://no-such-camera.invalid/1").startswith("its host name ")
    assert refusal(f"{scheme}://127.0.0.1:{free_port()}/1") == "Connection refused: nothing listens at this port"
    with SilentServer() as silent:
        assert refusal(f"{scheme}s://127.0.0.1:{silent.port}/1") == "no TLS connection: no answer within 3 s"
    with RefusingServer(scheme, 0) as plain:
        assert refusal(f"{scheme}s://127.0.0.1:{plain.port}/1").startswith("no TLS connection: ")


def test_what_this_machine_cannot_show() -> None:
    assert connection_in_words(OSError(errno.EHOSTUNREACH, "No route to host"), 5) == "there is no route to it"
    assert connection_in_words(TimeoutError(), 5) == "no answer within 5 s of connecting"
    assert name_in_words(socket.gaierror(socket.EAI_NONAME, "unknown")) == "its host name is not known"
    assert "name server" in name_in_words(socket.gaierror(socket.EAI_AGAIN, "try again"))
    wrong = ssl.SSLError(1, "x")
    wrong.reason = "WRONG_VERSION_NUMBER"
    assert tls_in_words(wrong, 5) == "no TLS connection: it speaks no TLS at this port"
    assert status_in_words(461, signed=False, rtsp=True).endswith("(461 Unsupported Transport)")
    assert status_in_words(418, signed=False) == "answered 418 I'm a Teapot"
