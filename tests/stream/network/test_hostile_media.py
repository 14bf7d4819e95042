"""FFmpeg opens nothing by itself, whatever an address is called and whatever its body names."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice

import av
import pytest
from PIL import Image

from stream.config import StreamConfig, StreamSettings
from stream.errors import SourceError
from stream.sources.connect import connect
from stream.sources.source_urls import network_target
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.redirecting import HttpPages, Recorder

SETTINGS = StreamSettings(connect_timeout_s=20)
SDP = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 26\n"
MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S">'
    '<Period><AdaptationSet contentType="video"><Representation id="1" bandwidth="1000" width="64" height="48">'
    "<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>"
)
SSA = "[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,0:00:09.00,,,,0,0,0,,{url}\n"
TEXTS = {
    "list.ffconcat": "ffconcat version 1.0\nfile '{url}'\n",
    "list.txt": "file '{url}'\nduration 1\n",
    "camera.sdp": SDP,
    "camera": SDP,
    "film.mpd": MPD,
    "film": MPD,
    "texts.ass": SSA,
    "cpl.xml": '<?xml version="1.0"?><CompositionPlaylist><Id>{url}</Id></CompositionPlaylist>',
    "x.sub": "{{0}}{{25}}{url}\n",
    "x.idx": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n",
    "x.wpl": "[Playlist]\nFile1={url}\n",
}
ENTRIES = [
    "file:///etc/passwd",
    "/etc/passwd.ts",
    "concat:{url}|{url}",
    "crypto:{url}",
    "crypto+file:///etc/passwd",
    "subfile,,start,0,end,100,,:{url}",
    "async:{url}",
    "cache:{url}",
    "tcp://127.0.0.1:{port}?x.ts",
    "udp://127.0.0.1:{port}?x.ts",
    "rtp://127.0.0.1:{port}/x.ts",
    "ftp://127.0.0.1:{port}/x.ts",
    "gopher://127.0.0.1:{port}/x.ts",
]


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def camera() -> Iterator[HttpPages]:
    with HttpPages() as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Recorder]:
    with Recorder() as running:
        assert isinstance(running, Recorder)
        yield running


def played(camera: HttpPages, path: str) -> int:
    """How many packets come of an address; 0 where it is no video."""
    camera.agents.clear()
    camera.asked.clear()
    try:
        connection = connect(network_target(StreamConfig(id="cam", url=f"{camera.url}{path}")), SETTINGS, live=True)
    except SourceError:
        return 0
    try:
        return sum(1 for packet in islice(connection.packets(), 3) if packet.size)
    except (av.FFmpegError, OSError):
        return 0
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["x%25d.jpg", "x%2503d.png", "%25d.jpg?x.png", "x*.jpg", "x.jpg", "x[1-2].jpg"])
def test_a_name_is_no_series_of_images(camera: HttpPages, jpeg: bytes, name: str) -> None:
    camera.pages = {f"/{name}": ("image/jpeg", jpeg)}
    assert played(camera, f"/{name}") == 1
    assert camera.agents == {"Livesight"} and [path for path, _ in camera.asked] == [f"/{name}"]


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_text_names_is_not_opened(camera: HttpPages, elsewhere: Recorder, name: str) -> None:
    text = TEXTS[name].format(url=f"http://127.0.0.1:{elsewhere.port}/x.ts", port=elsewhere.port)
    camera.pages = {f"/{name}": ("application/octet-stream", text.encode())}
    assert played(camera, f"/{name}") == 0
    assert camera.agents == {"Livesight"} and not elsewhere.connections


def playlist(*lines: str) -> tuple[str, bytes]:
    head = ("#EXTM3U", "#EXT-X-VERSION:4", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0")
    return "application/vnd.apple.mpegurl", "\n".join((*head, *lines, "#EXT-X-ENDLIST", "")).encode()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("line", ["#EXTINF:1,\n{entry}", '#EXT-X-MAP:URI="{entry}"\n#EXTINF:1,\na.ts'])
def test_a_playlist_opens_http_only_and_by_us(camera: HttpPages, elsewhere: Recorder, entry: str, line: str) -> None:
    named = entry.format(url=f"http://127.0.0.1:{elsewhere.port}/x.ts", port=elsewhere.port)
    camera.pages = {"/a.m3u8": playlist(line.format(entry=named))}
    assert played(camera, "/a.m3u8") == 0
    assert camera.agents == {"Livesight"} and not elsewhere.connections


@pytest.mark.parametrize("name", ["%25d.jpg", "x.ts", "list.ffconcat", "camera.sdp"])
def test_what_a_segment_is_called_or_holds_opens_nothing(
    camera: HttpPages, elsewhere: Recorder, jpeg: bytes, name: str
) -> None:
    text = TEXTS.get(name, TEXTS["list.ffconcat"]).format(
        url=f"http://127.0.0.1:{elsewhere.port}/x.ts", port=elsewhere.port
    )
    body = jpeg if name.endswith("jpg") else text.encode()
    camera.pages = {"/a.m3u8": playlist("#EXTINF:1,", name), f"/{name}": ("video/mp2t", body)}
    played(camera, "/a.m3u8")
    assert camera.agents == {"Livesight"} and not elsewhere.connections
    assert {path for path, _ in camera.asked} <= {"/a.m3u8", f"/{name}"}


def test_a_playlist_is_known_by_its_beginning(camera: HttpPages, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever it is called, and whatever its server says that it is."""
    segment = make_numbered(tmp_path_factory.mktemp("clip") / "clip.ts", ClipSpec(frames=5)).read_bytes()
    camera.pages = {
        "/live?x=1": ("text/plain", playlist("#EXTINF:1,", "a.ts")[1]),
        "/a.ts": ("video/mp2t", segment),
    }
    assert played(camera, "/live?x=1") == 3
