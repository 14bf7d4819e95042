"""Where the words of labels come from: nodes that tell them, cards on this disk, and neither."""

from __future__ import annotations

from pathlib import Path

from monitoring.core.known_words import KnownWords
from tests.peers.colour_models import write_square_model
from workers.cluster.status import NODE_PREFIX, NodeStatus, StatusBoard, told
from workers.label_words import LabelWords, usual_words
from workers.model_card import CARD_FILE, ModelStore, load_card

TRIANGLE = LabelWords(one="a triangle", many="triangles")
PYRAMID = LabelWords(one="a pyramid", many="pyramids")
KITE = LabelWords(one="a kite", many="kites")


def write(root: Path, version: int, words: LabelWords) -> None:
    """A version whose `red` is called so."""
    folder = root / "squares" / str(version)
    if not folder.exists():
        write_square_model(root, version)
    card = load_card(folder, verify=False).model_copy(update={"words": {"red": words}})
    (folder / CARD_FILE).write_text(card.model_dump_json(by_alias=True))


def test_a_card_on_this_disk_is_read_again_after_a_minute(tmp_path: Path) -> None:
    clock = [100.0]
    write(tmp_path, 1, TRIANGLE)
    write(tmp_path, 2, PYRAMID)
    words = KnownWords(ModelStore([tmp_path]), now_s=lambda: clock[0])
    assert words("red", "squares", 1) == TRIANGLE
    assert words("red", "squares", 2) == words("red", "squares") == words("red") == PYRAMID
    assert words("green", "squares", 1) is None and words("red", "other", 1) is None
    assert words("person", "other", 1) == usual_words("person")
    write(tmp_path, 1, KITE)
    assert words("red", "squares", 1) == TRIANGLE
    clock[0] += 61
    assert words("red", "squares", 1) == KITE
    (tmp_path / "squares" / "1" / CARD_FILE).write_text("{")
    clock[0] += 61
    assert words("red", "squares", 1) is None


def test_nodes_tell_the_words_of_what_they_run(tmp_path: Path) -> None:
    """A monitor of its own has no folder of theirs; while two versions serve, each speaks its own words."""
    board = StatusBoard(10.0)
    words = KnownWords(ModelStore([tmp_path]), board)
    for name, version, called in (("one", 4, TRIANGLE), ("two", 5, PYRAMID)):
        status = NodeStatus(
            node=name, address="http://n", leasing=True, streams=1, models={"squares": version},
            words=told({"squares": {"red": called}}),
        )  # fmt: skip
        board.apply(NODE_PREFIX + name, status.to_json())
    assert words("red", "squares", 4) == TRIANGLE
    assert words("red", "squares", 5) == PYRAMID
    assert words("red", "squares", 6) is None
    assert words("red", "squares") in (TRIANGLE, PYRAMID)
    board.apply(NODE_PREFIX + "one", None)
    assert words("red", "squares") == words("red") == PYRAMID


def test_no_name_in_a_message_leads_out_of_the_models_folder(tmp_path: Path) -> None:
    write(tmp_path, 1, TRIANGLE)
    (tmp_path / "squares" / "1").rename(tmp_path / "squares" / "current")
    (tmp_path / "models").mkdir()
    words = KnownWords(ModelStore([tmp_path / "models"]))
    assert words("red", "../squares") is None and words("red", str(tmp_path / "squares")) is None
    assert KnownWords(ModelStore([tmp_path]))("red", "squares") == TRIANGLE
