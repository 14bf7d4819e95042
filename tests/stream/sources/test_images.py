"""Folders, globs and single frames."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from stream.config import StreamSettings
from stream.errors import SourceError
from stream.sources.health import SourceState
from tests.peers.numbers import numbered_image
from tests.stream.consume import QUICK, opened, read_all, watch

pytestmark = pytest.mark.usefixtures("no_thread_left")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve numbered frames of several types and sizes, and a text."""
    for number in range(12):
        suffix = (".jpg", ".png", ".webp", ".bmp")[number % 4]
        image = numbered_image(number, (320 + 16 * number, 180))
        assert cv2.imwrite(str(tmp_path / f"img{number}{suffix}"), image)
    (tmp_path / "notes.txt").write_text("no frame")
    return tmp_path


def test_a_folder_is_read_once_in_natural_order(folder: Path) -> None:
    seen = read_all(folder)
    assert seen.numbers == list(range(12)) == [frame.number for frame in seen.frames]
    assert seen.pts_us == [round(index * 1e6 / QUICK.image_fps) for index in range(12)]
    assert [frame.size_wh[0] for frame in seen.frames] == [320 + 16 * index for index in range(12)]


def test_a_glob_and_a_single_image(folder: Path) -> None:
    assert read_all(folder / "*.png").numbers == [1, 5, 9]
    assert read_all(folder / "img7.bmp").numbers == [7]
    assert read_all(f"file:{folder}/img10.webp").numbers == [10]


def test_live_it_loops_at_image_fps(folder: Path) -> None:
    source = opened(folder / "*.jpg", live=True, settings=StreamSettings(image_fps=20))
    begun_s = time.monotonic()
    seen = watch(source, lambda seen: len(seen.frames) >= 20)
    assert 0.8 < time.monotonic() - begun_s < 3
    assert source.status().state is SourceState.LIVE and len({frame.session for frame in seen.frames}) == 1
    source.close()
    assert all((0, 4, 8)[frame.number % 3] == number for frame, number in zip(seen.frames, seen.numbers, strict=True))


def test_images_are_turned_by_their_exif(tmp_path: Path) -> None:
    upright = numbered_image(77, (320, 180))
    turned = Image.fromarray(np.rot90(upright)[..., ::-1])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    seen = read_all(tmp_path / "turned.jpg")
    assert seen.numbers == [77] and seen.frames[0].size_wh == (320, 180)


def test_a_broken_image_costs_itself_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "img5.png").write_bytes(b"\x89PNG no")
    (folder / "img8.jpg").write_bytes(b"")
    seen = read_all(folder)
    assert seen.numbers == [0, 1, 2, 3, 4, 6, 7, 9, 10, 11]
    assert [frame.number for frame in seen.frames] == seen.numbers
    said = capsys.readouterr()
    assert "img5.png" in said.out + said.err and "img8.jpg" in said.out + said.err


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no")
    source = opened(tmp_path, live=False)
    with pytest.raises(SourceError, match=r"a\.jpg: not a readable image$"):
        source.mailbox.get(5)
    source.close()
    assert source.status().state is SourceState.FAILED


def test_no_images_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="contains no images"):
        opened(tmp_path, live=False)
    with pytest.raises(SourceError, match="no image matches"):
        opened(tmp_path / "*.jpg", live=False)
