"""`livesight people`: who is enrolled, on the command line, beside a service that may be running."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from monitoring.cli.people import mount_people
from monitoring.settings import MonitorSettings
from stream.config import StreamSettings
from workers.errors import SettingsError
from workers.settings import WorkerSettings


class Place:
    """Settings, as livesight.py has them."""

    monitoring = MonitorSettings()
    stream = StreamSettings()

    def __init__(self, folder: Path, models: Path) -> None:
        self.state_dir = folder / "state"
        self.workers = WorkerSettings(threads=1, models_dir=models)


class Commands:
    """`said`: runs one, and returns what it prints. `recorded`: what went into the audit trail."""

    def __init__(self, place: Place) -> None:
        self.recorded: list[str] = []
        self._app = typer.Typer()
        mount_people(self._app, lambda config: place, lambda location, what: self.recorded.append(what))

    def said(self, *arguments: str | Path) -> str:
        """Raises what the command raises."""
        done = CliRunner().invoke(self._app, [str(one) for one in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """Two people with two photos each, a third whose photo is of one of them, and one that shows nobody."""
    folder = tmp_path_factory.mktemp("photos")
    for name, source in (("Anna", "london_004"), ("Ben", "london_008")):
        shutil.copytree(data_dir / "identities" / source, folder / name)
    (folder / "Zoe").mkdir()
    shutil.copy(folder / "Anna" / "2.jpg", folder / "Zoe" / "twin.jpg")
    cv2.imwrite(str(folder / "Zoe" / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    return folder


def test_a_folder_is_imported(tmp_path: Path, face_id_models: Path, photos: Path) -> None:
    commands = Commands(Place(tmp_path, face_id_models))
    said = commands.said("import", photos, "--group", "stars")
    lines = {line.split(": ", 1)[0].rpartition("/")[2]: line for line in said.splitlines() if ": " in line}
    assert "refused: the face is" in lines["twin.jpg"] and "like Anna" in lines["twin.jpg"]
    assert "refused: no face" in lines["wall.png"]
    assert said.splitlines()[-1] == "enrolled 4 photos of 2 people; 2 refused"
    people = json.loads(commands.said("list", "--json"))
    assert [(one["name"], one["groups"], one["looks"]) for one in people] == [
        ("Anna", ["stars"], 2),
        ("Ben", ["stars"], 2),
    ]
    assert "enrolled 0 photos of 1 people, 2 were known already" in commands.said("import", *(photos / "Ben").iterdir())
    commands.said("rename", "ben", "Benjamin")
    commands.said("add", "Benni")
    commands.said("merge", "Benjamin", "benni")
    assert "Benjamin" in commands.said("list") and "Benni" not in commands.said("list")
    assert "erased: 2 looks" in commands.said("erase", "benni", "--yes")
    assert [one["name"] for one in json.loads(commands.said("list", "--json"))] == ["Anna"]
    assert commands.recorded[0] == "people import looks:4" and commands.recorded[-1].startswith("people erase person:")
    assert not any(name in " ".join(commands.recorded) for name in ("Anna", "Ben")), "ids only"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "nowhere"), "there is no such folder"),
        (("import", "."), "there are no photos in it"),
        (("rename", "nobody", "Anna"), "livesight people list"),
        (("add", "a\nb"), "name 'a"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = Commands(Place(tmp_path, tmp_path))
    with pytest.raises(Exception, match=words) as raised:
        commands.said(*arguments)
    assert isinstance(raised.value, SettingsError) or "person" in str(raised.value)
