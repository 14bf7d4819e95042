"""The state directory is for its owner only: new, and found open."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.livesight_process import LivesightProcess
from workers.state_directory import make_state_dir


def open_entries(folder: Path) -> list[str]:
    """What in it, and itself, others may touch."""
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_what_was_open_is_closed_with_all_that_is_in_it(tmp_path: Path) -> None:
    state, outside = tmp_path / "state", tmp_path / "outside"
    (state / "media" / "2026-11-30").mkdir(parents=True)
    for name in ("livesight.db", "media/2026-11-30/face.jpg"):
        (state / name).write_bytes(b"x")
    outside.write_bytes(b"x")
    (state / "link").symlink_to(outside)
    (state / "tool").write_bytes(b"x")
    (state / "tool").chmod(0o755)
    assert len(open_entries(state)) == 6
    make_state_dir(state)
    assert open_entries(state) == []
    assert stat.S_IMODE((state / "tool").stat().st_mode) == 0o700
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644, "a link's target is somebody else's"
    (state / "new").write_bytes(b"x")
    assert open_entries(state) == []


def test_a_service_leaves_nothing_open_to_others(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    (state / "livesight.db").touch(0o644)
    with LivesightProcess(["--source", "demo:"], state_dir=state) as service:
        assert (state / "livesight.db").stat().st_size > 0
        assert open_entries(state) == []
        assert "state_dir_closed" in service.log()
