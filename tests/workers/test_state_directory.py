"""The state directory is for its owner only: new, and found open."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.peers.livesight_process import LivesightProcess
from workers.errors import SettingsError
from workers.state_directory import make_state_dir, tighten


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
    outside.mkdir()
    for path in (state / "livesight.db", state / "media/2026-11-30/face.jpg", outside / "model.xml"):
        path.write_bytes(b"x")
    (state / "livesight.db-wal").write_bytes(b"x")
    (state / "livesight.db-wal").chmod(0o755)
    (state / "models").symlink_to(outside)
    assert len(open_entries(state)) == 6
    make_state_dir(state)
    assert open_entries(state) == []
    assert stat.S_IMODE((state / "livesight.db-wal").stat().st_mode) == 0o700
    assert len(open_entries(outside)) == 2, "a link's target is somebody else's"
    (state / "streams.json").write_bytes(b"x")
    assert open_entries(state) == []


def test_what_others_keep_there_stays_as_it_is(tmp_path: Path) -> None:
    """Livesight's own is closed, with what `media` holds; the directory and the rest are left, and the log says so."""
    tmp_path.chmod(0o755)
    for path in ("site/index.html", "media/face.jpg", "livesight.db", "notes.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    with capture_logs() as logs:
        make_state_dir(tmp_path)
    left = {tmp_path, tmp_path / "site", tmp_path / "site/index.html", tmp_path / "notes.txt"}
    assert set(open_entries(tmp_path)) == set(map(str, left))
    said = {one["event"]: one["reason"] for one in logs}
    assert "not all in it is Livesight's (notes.txt, site)" in said["state_dir_open"]
    (tmp_path / "livesight.db").unlink()
    (tmp_path / "media").chmod(0o755)
    make_state_dir(tmp_path)
    assert (tmp_path / "media").stat().st_mode & 0o077, "without a file of Livesight's beside, it may be anybody's"


@pytest.mark.parametrize("kind", ["checkout", "home", "shared", "root"])
def test_what_is_plainly_not_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    place, said = tmp_path, {"checkout": "is a checkout", "home": "is a home directory"}.get(kind, "is everybody's")
    (tmp_path / "notes.txt").write_bytes(b"x")
    (tmp_path / "streams.json").write_bytes(b"x")
    if kind == "checkout":
        (tmp_path / ".git").mkdir()
    elif kind == "home":
        monkeypatch.setenv("HOME", str(tmp_path))
    elif kind == "shared":
        tmp_path.chmod(0o1777)
    else:
        place = Path("/")
    before = open_entries(tmp_path)
    with pytest.raises(SettingsError) as refused:
        make_state_dir(place)
    assert said in str(refused.value) and str(place / "livesight-state") in str(refused.value)
    assert kind == "root" or "move there what is Livesight's: streams.json" in str(refused.value)
    assert open_entries(tmp_path) == before


def test_a_home_of_its_own_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As accounts of services have it; nor is a volume refused for what its file system keeps there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "livesight.db").write_bytes(b"x")
    make_state_dir(tmp_path)
    assert open_entries(tmp_path) == [str(tmp_path / "lost+found")]


def test_a_service_leaves_nothing_open_to_others(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    (state / "livesight.db").touch(0o644)
    with LivesightProcess(["--source", "demo:"], state_dir=state) as service:
        assert (state / "livesight.db").stat().st_size > 0
        assert open_entries(state) == []
        assert "state_dir_closed" in service.log()
        assert "not all in it is Livesight's" not in service.log()
    make_state_dir(state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    state.chmod(0o755)
    assert tighten(state) >= 1 and open_entries(state) == [], "whatever a service leaves is known for Livesight's"
