"""From a URL to a source, or to an error that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.config import StreamConfig
from stream.errors import SourceError
from stream.sources.source import Source
from stream.sources.source_urls import open_source
from tests.peers.clips import ClipSpec, make_numbered
from tests.stream.consume import QUICK


def source_of(url: str | None, *, allow_local: bool = True) -> Source:
    """Opened, not started."""
    return open_source(StreamConfig(id="cam", url=url), QUICK, live=True, allow_local=allow_local)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("rtsp://cam/1", "rtsp"),
        ("RTSPS://user:pass@cam:322/1?x=y", "rtsp"),
        ("http://cam/stream.mjpg", "http"),
        ("https://cam/live.m3u8", "http"),
        ("demo:", "demo"),
    ],
)
def test_network_kinds_and_demo_are_for_everybody(url: str, kind: str) -> None:
    source = source_of(url, allow_local=False)
    assert (source.id, source.kind) == ("cam", kind)
    source.close()


def test_paths_in_all_their_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_numbered(tmp_path / "my clip.mp4", ClipSpec(frames=3))
    monkeypatch.chdir(tmp_path)
    escaped = str(clip).replace(" ", "%20")
    for url in (str(clip), f"file:{clip}", f"file://{escaped}", "my clip.mp4", "file:my clip.mp4"):
        source = source_of(url)
        assert source.kind == "file"
        source.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (None, "pushed"),
        ("ftp://user:secret@cam/1", r"ftp://cam/1: unknown scheme 'ftp'; there are: rtsp://"),
        ("/no/such/file.mp4", "/no/such/file.mp4: no such file or folder"),
        ("file:/no/such/file.mp4", "/no/such/file.mp4"),
        ("file://other/file.mp4", "other machines"),
        ("device:73", "no camera /dev/video73"),
        ("device:", "add a number or a path"),
        ("/dev/null", "not a regular file or folder"),
    ],
)
def test_errors_name_what_is_wrong(url: str | None, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        source_of(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:/etc/passwd", "/etc/passwd", "device:0", "~/x.mp4", "FILE:///etc/passwd"])
def test_local_kinds_are_refused_over_http(url: str) -> None:
    with pytest.raises(SourceError, match="command line and in the configuration only"):
        source_of(url, allow_local=False)


def test_a_file_without_frames_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video " * 50)
    with pytest.raises(SourceError, match=r"notes\.txt: not a readable video|notes\.txt: contains no video"):
        source_of(str(tmp_path / "notes.txt"))
