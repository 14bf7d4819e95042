"""What is checked is what is opened: addresses are read by one parser, and put together again from their parts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stream.config import StreamConfig
from stream.errors import CameraAddressError
from stream.network.camera_address import parse_address


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("RTSP://Cam/1", "rtsp://cam/1"),
        ("rtsp://admin:p@ss@10.0.0.5/cam", "rtsp://admin:p%40ss@10.0.0.5/cam"),
        ("rtsp://admin:s3cr#t@127.0.0.1:9551/base", "rtsp://admin:s3cr%23t@127.0.0.1:9551/base"),
        ("rtsp://admin:p@ss#word@10.0.0.5/cam", "rtsp://admin:p%40ss%23word@10.0.0.5/cam"),
        ("rtsp://admin:a/b@10.0.0.5:554/cam", "rtsp://admin:a%2Fb@10.0.0.5:554/cam"),
        ("rtsp://a:b:c@h/x", "rtsp://a:b%3Ac@h/x"),
        ("rtsp://u:%pass@h/x", "rtsp://u:%25pass@h/x"),
        ("rtsp://u:%0X@h/x", "rtsp://u:%250X@h/x"),
        ("rtsp://u:a%20b%5Cc@h/x", "rtsp://u:a%20b%5Cc@h/x"),
        ("http://cam/a@b", "http://cam/a@b"),
        ("rtsp://[0:0::1]:8554/x", "rtsp://[::1]:8554/x"),
        ("http://münchen.example/x?q=ü", "http://xn--mnchen-3ya.example/x?q=%C3%BC"),
        ("rtsp://cam/user=admin&password=x?y={z}", "rtsp://cam/user=admin&password=x?y={z}"),
        ('http://cam/a"<b>', "http://cam/a%22%3Cb%3E"),
    ],
)
def test_an_address_is_put_together_from_its_parts(text: str, opened: str) -> None:
    found = parse_address(text)
    assert found.url() == opened
    assert parse_address(found.url()) == found


CONTROLS = [chr(code) for code in (*range(0x20), 0x7F, 0x85, 0xA0, 0x2028, 0x3000)]


@pytest.mark.parametrize("sign", [*CONTROLS, " ", "\\"])
@pytest.mark.parametrize(
    "place", ["rtsp://h/a{}b", "rtsp://h{}x/a", "rtsp://u:p{}q@h/a", "http://h/a?b={}c", "rtsp:{}//h"]
)
def test_no_control_space_or_backslash_gets_in(place: str, sign: str) -> None:
    text = place.format(sign)
    with pytest.raises(CameraAddressError):
        parse_address(text)
    if text.startswith(("rtsp://", "http://")):
        with pytest.raises(ValidationError):
            StreamConfig(id="cam", url=text)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://h/%0d%0aSET x 1",
        "rtsp://h/%0D%0A",
        "rtsp://h/x?y=%00",
        "rtsp://u%0d%0aX:p@h/x",
        "rtsp://u:p%0d%0aAuthorization: x@h/x",
        "rtsp://u:p%0a@h/x",
        "rtsp://u%22:p@h/x",
        "rtsp://u%3Ax:p@h/x",
        "rtsp://%0d%0a@h/x",
        "rtsp://h%0d%0a/x",
    ],
)
def test_encoded_line_breaks_are_refused_too(text: str) -> None:
    with pytest.raises(CameraAddressError):
        parse_address(text.replace(" ", "%20"))


@pytest.mark.parametrize(
    "text",
    "rtsp://127.1/ rtsp://0x7f000001/ rtsp://2130706433/ rtsp://1.2.3/ rtsp://h:0/ rtsp://h:99999/ rtsp://h:/ "
    "rtsp:///x http://[broken rtsp://[::1%25eth0]/ rtsp://a..b/ rtsp://h/x#y".split(),
)
def test_what_libraries_read_in_their_own_ways_is_refused(text: str) -> None:
    with pytest.raises(CameraAddressError):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("rtsp://admin:p@hunter2/word@10.0.0.5/cam", "rtsp://admin:p%40hunter2%2Fword@10.0.0.5/cam"),
        ("rtsp://admin:p@hunter2?word@10.0.0.5/cam", "rtsp://admin:p%40hunter2%3Fword@10.0.0.5/cam"),
        ("rtsp://user:12/hunter2@cam/1", "rtsp://user:12%2Fhunter2@cam/1"),
    ],
)
def test_what_is_ambiguous_is_asked_back_and_nothing_of_it_is_told(text: str, meant: str) -> None:
    with pytest.raises(CameraAddressError, match="percent-encode") as caught:
        parse_address(text)
    assert "hunter2" not in str(caught.value) and "%2F" in str(caught.value)
    assert caught.value.suggestion == meant
    with pytest.raises(ValidationError) as refused:
        StreamConfig(id="cam", url=text)
    assert "hunter2" not in str(refused.value)


def test_user_and_password_are_fields_of_their_own() -> None:
    inside = StreamConfig(id="cam", url="rtsp://admin:p%40ss@10.0.0.5/cam")
    beside = StreamConfig(id="cam", url="rtsp://10.0.0.5/cam", user="admin", password="p@ss")
    assert inside == beside
    assert beside.address is not None and beside.address.url() == "rtsp://admin:p%40ss@10.0.0.5/cam"
    assert "p@ss" not in repr(beside) and "p%40ss" not in str(beside)
    with pytest.raises(ValidationError, match="not both"):
        StreamConfig(id="cam", url="rtsp://a:b@h/", user="admin", password="x")
    with pytest.raises(ValidationError, match="network only"):
        StreamConfig(id="cam", url="demo:", user="admin")


def test_another_camera_does_not_get_the_password_of_the_one_before() -> None:
    before = StreamConfig(id="cam", url="rtsp://admin:hunter2@10.0.0.5/cam")
    assert before.changed({"url": "rtsp://10.0.0.5/other"}).password == "hunter2"
    assert before.changed({"blur": True}).password == "hunter2"
    for moved in ("rtsp://10.0.0.6/cam", "rtsp://10.0.0.5:8554/cam", "http://10.0.0.5/cam"):
        assert (before.changed({"url": moved}).user, before.changed({"url": moved}).password) == (None, None)
    assert before.changed({"url": "rtsp://10.0.0.6/cam", "user": "a", "password": "b"}).password == "b"
    assert before.changed({"url": "rtsp://op:x@10.0.0.5/cam"}).user == "op"
    assert before.changed({"user": None}).password is None
