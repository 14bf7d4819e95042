"""Model folders from strangers: links, pipes, paths that leave the folder, and cards beyond all sense."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers.colour_models import write_colour_model
from workers.engines.hot_swap import EngineSlots
from workers.errors import ModelError, PromotionError
from workers.model_card import CARD_FILE, ModelStore, load_card, sha256_of
from workers.registry.promotion import Promotions
from workers.registry.store import PromotedModels
from workers.settings import WorkerSettings


def added(root: Path, folder: Path) -> Path:
    """A promotion's copy of the folder, made within a while or never."""
    answers: list[Any] = []

    def add() -> None:
        disk = PromotedModels(root / "state")
        try:
            with disk.locked():
                answers.append(disk.add(folder, "colour", 1))
        except ModelError as error:
            answers.append(error)

    asked = threading.Thread(target=add, daemon=True)
    asked.start()
    asked.join(30)
    assert answers, "the promotion hangs with the lock held"
    if isinstance(answers[0], ModelError):
        raise answers[0]
    found: Path = answers[0]
    return found


def linked(folder: Path) -> None:
    outside = folder.parent.parent / "outside"
    (folder / "model.bin").rename(outside)
    (folder / "model.bin").symlink_to(outside)


def piped(folder: Path) -> None:
    (folder / "model.bin").unlink()
    os.mkfifo(folder / "model.bin")


def linked_card(folder: Path) -> None:
    (folder / CARD_FILE).rename(folder / "other.json")
    (folder / CARD_FILE).symlink_to("other.json")


def piped_card(folder: Path) -> None:
    (folder / CARD_FILE).unlink()
    os.mkfifo(folder / CARD_FILE)


def through_a_linked_folder(folder: Path) -> None:
    outside = folder.parent.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (folder / "sub").symlink_to(outside)
    card = json.loads((folder / CARD_FILE).read_text())
    card["files"]["sub/secret"] = sha256_of(outside / "secret")
    (folder / CARD_FILE).write_text(json.dumps(card))


def vast(folder: Path) -> None:
    with (folder / "model.bin").open("r+b") as file:
        file.truncate(5 * 2**30)  # sparse


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (linked, "model.bin: is reached by a symbolic link"),
        (piped, "model.bin: is no regular file"),
        (linked_card, "card.json: is reached by a symbolic link"),
        (piped_card, "card.json: is no regular file"),
        (through_a_linked_folder, "sub/secret: is reached by a symbolic link"),
        (vast, "model.bin: has 5368709120 bytes"),
    ],
)
def test_only_plain_files_inside_the_folder_are_copied(
    tmp_path: Path, change: Callable[[Path], None], named: str
) -> None:
    folder = write_colour_model(tmp_path / "given", version=1)
    change(folder)
    with pytest.raises(ModelError, match=named):
        added(tmp_path, folder)
    left = [path for path in (tmp_path / "state").rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == [], "nothing of it stays"


def test_a_plain_folder_is_copied_whole(tmp_path: Path) -> None:
    folder = write_colour_model(tmp_path / "given", version=1)
    copy = added(tmp_path, folder)
    names = sorted(path.name for path in copy.iterdir())
    assert names == sorted((CARD_FILE, *load_card(folder).files))
    assert all((copy / name).read_bytes() == (folder / name).read_bytes() for name in names)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shapes_wh", [[32, 32]] * 17),
        ("shapes_wh", [[16_384, 16_384]]),
        ("shapes_wh", [[10**9, 1]]),
        ("shapes_wh", [[0, 32]]),
        ("classes", ["x"] * 10_001),
        ("classes", ["x" * 201, "green", "blue"]),
        ("files", {f"file-{number}": "0" * 64 for number in range(65)}),
        ("files", {"../../etc/passwd": "0" * 64}),
        ("files", {"/etc/passwd": "0" * 64}),
        ("files", {"a/../../b": "0" * 64}),
        ("files", {"./a": "0" * 64}),
        ("files", {"a\\b": "0" * 64}),
        ("files", {"a\u0000b": "0" * 64}),
        ("files", {"": "0" * 64}),
        ("files", {"model.xml": "no sum"}),
        ("crop_margin", float("nan")),
        ("thresholds", {"red": float("inf")}),
    ],
)
def test_a_card_has_bounds(tmp_path: Path, field: str, value: object) -> None:
    folder = write_colour_model(tmp_path / "given", version=1)
    card = json.loads((folder / CARD_FILE).read_text())
    load_card(folder)
    (folder / CARD_FILE).write_text(json.dumps(card | {field: value}))
    with pytest.raises(ModelError, match=f"card.json: .*({field}|outside)"):
        load_card(folder)


@pytest.mark.parametrize("target", ["/etc", "../other", "1/.."])
def test_the_version_in_service_is_one_beside_the_link(tmp_path: Path, target: str) -> None:
    write_colour_model(tmp_path, version=1)
    (tmp_path / "colour" / "current").symlink_to(target)
    if not (tmp_path / "colour" / "current").exists():
        (tmp_path / "other").mkdir()
    with pytest.raises(ModelError, match="must point to a version beside it"):
        ModelStore([tmp_path]).folder("colour")


def test_the_list_of_models_does_not_hang_on_a_pipe(tmp_path: Path) -> None:
    write_colour_model(tmp_path, version=1)
    piped_card(write_colour_model(tmp_path, version=2))
    found: list[int] = []
    asked = threading.Thread(
        target=lambda: found.extend(card.version for card in ModelStore([tmp_path]).cards()), daemon=True
    )
    asked.start()
    asked.join(20)
    assert found == [1]


def test_a_refused_promotion_changes_nothing(tmp_path: Path) -> None:
    shipped, promoted = tmp_path / "shipped", tmp_path / "state"
    write_colour_model(shipped, version=1)
    linked(write_colour_model(shipped, version=2))
    store, settings = ModelStore([promoted, shipped], promoted=promoted), WorkerSettings(threads=1)
    promotions = Promotions(store, EngineSlots(store, settings), settings)
    with pytest.raises((ModelError, PromotionError), match="symbolic link"):
        promotions.promote("colour", 2)
    assert not (promoted / "colour" / "current").exists()
