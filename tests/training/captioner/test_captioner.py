"""`livesight caption` on a folder of drawn creatures: what it learns, says of others, and refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import livesight as command_line
from tests.training.captioner.creatures import COLOURS, KINDS, SHAPES, draw_folder
from training.captioner.captioner import CaptionerReport, caption_folder
from training.captioner.captions_file import read_captions, words_of
from training.captioner.word_tags import flags_of, learn_words, recurring
from training.captioner.wording import caption_words
from training.errors import DatasetError, EvaluationError, GateError

DRAWN, CAPTIONED = 170, 130
Shown = dict[str, tuple[str, str, str]]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shown]:
    folder = tmp_path_factory.mktemp("zoo") / "images"
    return folder, draw_folder(folder, DRAWN, CAPTIONED)


@pytest.fixture(scope="module")
def report(zoo: tuple[Path, Shown]) -> CaptionerReport:
    """By the command, whose table and file tests look at."""
    return caption_folder(read_captions(zoo[0], zoo[0] / "captions.csv"))


def test_words_that_pictures_tell_are_served_and_others_are_not(report: CaptionerReport) -> None:
    served = {one.word for one in report.words if one.served}
    assert served == {*KINDS, *COLOURS, *SHAPES}
    lucky = next(one for one in report.words if one.word == "lucky")
    assert lucky.captions == len(range(0, CAPTIONED, 7)) and lucky.f1 < 0.5
    assert report.exact >= 0.85


def test_new_images_get_captions_that_are_true(report: CaptionerReport, zoo: tuple[Path, Shown]) -> None:
    _, shown = zoo
    assert [name for name, _, _ in report.rows] == list(shown)[CAPTIONED:]
    right = 0
    for name, text, tags in report.rows:
        kind, colour, shape = shown[name]
        right += {kind, colour, shape} == {*tags}
        assert set(words_of(text)) - {*tags} <= {"a", "an", "there", "is", "and"}, text
        assert " a orange" not in f" {text}".lower() and " an red" not in f" {text}".lower(), text
    assert right >= 0.85 * len(report.rows)
    assert any(
        text in ("an orange round owl", "a red square dragon", "a blue round snail") for _, text, _ in report.rows
    )


def test_the_command_writes_them(zoo: tuple[Path, Shown], tmp_path: Path) -> None:
    out = tmp_path / "new.csv"
    arguments = ["caption", str(zoo[0]), "--captions", str(zoo[0] / "captions.csv"), "--out", str(out)]
    done = CliRunner().invoke(command_line.app, arguments)
    assert done.exit_code == 0, done.output
    assert f"{DRAWN - CAPTIONED} captions written" in done.output.replace("\n", " ") and "dragon" in done.output
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == DRAWN - CAPTIONED and all(row["text"] and row["tags"] for row in rows)


def test_where_no_word_can_be_told_nothing_is_written(tmp_path: Path) -> None:
    rows = ["image,text"]
    for number in range(41):
        cv2.imwrite(str(tmp_path / f"{number:02}.png"), np.full((32, 32, 3), 128, np.uint8))
        rows.append(f"{number:02}.png,{'lucky' if number * 7 % 5 < 2 else 'wise'} thing")
    (tmp_path / "captions.csv").write_text("\n".join(rows[:-1]))
    with pytest.raises(GateError, match="no word can be told"):
        CliRunner().invoke(
            command_line.app, ["caption", str(tmp_path), "--captions", str(tmp_path / "captions.csv")],
            catch_exceptions=False,
        )  # fmt: skip
    assert not (tmp_path / "new-captions.csv").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("picture,text\n000.png,a\n", "has no column image"),
        ("image,text\nnone.png,a red owl\n", "line 2: the folder has no image 'none.png'"),
        ("image,text\n000.png,12\n", "line 2: the text must have words"),
        ("image,text\n000.png,a red owl\n", "1 images have captions; 40 at least"),
    ],
)
def test_what_cannot_be_learnt_from_is_named(zoo: tuple[Path, Shown], tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "captions.csv"
    path.write_text(text)
    with pytest.raises((DatasetError, EvaluationError), match=told):
        caption_folder(read_captions(zoo[0], path))
    with pytest.raises(DatasetError, match="is no folder"):
        read_captions(tmp_path / "nothing", path)
    with pytest.raises(DatasetError, match="has no images"):
        read_captions(tmp_path, path)


def test_words_are_told_from_what_is_there_only() -> None:
    texts = {str(number): f"a {'red' if number % 2 else 'blue'} thing" for number in range(20)}
    assert recurring(texts) == ["blue", "red"], "neither grammar nor what all have"
    assert flags_of(["A red owl."], ["owl", "red", "snail"]).tolist() == [[True, True, False]]
    empty = (np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), np.zeros(28, np.float32))
    colour = empty[2].copy()
    colour[3] = 1.0
    described = [(*empty[:2], colour if number % 2 else empty[2]) for number in range(20)]
    flags = np.array([[number % 2 == 1] for number in range(20)])
    assert (learn_words(described, flags).scores(described) > 0).tolist() == flags.tolist(), "of flat images by colour"


def test_sentences_are_those_of_the_captions() -> None:
    texts = ["An orange owl", "A red owl", "A red snail.", "A wise red owl", "owl"] * 3
    speech = caption_words(texts, ["orange", "owl", "red", "snail"])
    assert [slot.tags for slot in speech.slots] == [("orange", "red"), ("owl", "snail")]
    assert speech.tags({"orange": 0.1, "red": 0.4, "owl": -0.2, "snail": -0.1}) == ("red",)
    assert speech.text(("red", "snail")) == "a red snail" and speech.text(("orange", "snail")) == "an orange snail"
    assert speech.text(("red",)) == "red" and speech.text(()) == "", "no caption has a sentence for it"
