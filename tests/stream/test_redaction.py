"""Credentials never get through."""

from __future__ import annotations

import pytest

from stream.url_redaction import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://user:secret@cam/1", "rtsp://***@cam/1"),
        ("rtsp://secret@cam:554/1", "rtsp://***@cam:554/1"),
        ("rtsp://user:se@cret@cam/1", "rtsp://***@cam/1"),
        ("rtsp://user:sec/ret@cam/1", "rtsp://***@cam/1"),
        ("rtsps://user:12/secret@cam/1", "rtsps://***@cam/1"),
        ("error opening 'http://a:secret@b/x?y=1': gone", "error opening 'http://***@b/x?y=1': gone"),
        ("two: rtsp://a:secret@b/ and rtsp://c:secret@d/", "two: rtsp://***@b/ and rtsp://***@d/"),
        ("http://cam/s?user=secret&x=1&password=secret", "http://cam/s?user=***&x=1&password=***"),
        ("http://cam/s?access_token=secret", "http://cam/s?access_token=***"),
        ("http://cam/s?X-Amz-Signature=secret#f", "http://cam/s?X-Amz-Signature=***#f"),
        ("http://cam:8080/a/b@c", "http://***@c"),
        ("http://cam/a@b", "http://cam/a@b"),
        ("file:/a/b.mp4", "file:/a/b.mp4"),
        ("", ""),
    ],
)
def test_redact(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert "secret" not in redact(text)
