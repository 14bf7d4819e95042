"""What a data set says its labels are called: through `dataset build` into a card, and on into the next version's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.peers.colour_models import write_square_model
from tests.training.voc_folder import add, box
from training.data.build import BuildSettings, build
from training.data.label_words import read_words, words_of
from training.errors import DatasetError
from training.export.card_words import card_words
from workers.label_words import LabelWords
from workers.model_card import CARD_FILE

DISC = LabelWords(one="a disc of ours \U0001f4bf", many="discs of ours, ¿qué?")


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Discs, with words."""
    for number in range(10):
        add(tmp_path / "voc", f"p{number}", box("disc", 3 + number, 5, 40 + number, 29 + number), seed=number)
    (tmp_path / "voc" / "words.yaml").write_text(yaml.safe_dump({"disc": DISC.model_dump(exclude_none=True)}))
    return tmp_path / "voc"


def test_words_go_from_the_set_into_the_card_and_into_the_next(voc: Path, tmp_path: Path) -> None:
    out, models = tmp_path / "out", tmp_path / "models"
    build(BuildSettings(source=voc, out=out, zooms=0))
    assert words_of(out, ("disc",)) == {"disc": DISC}
    built_again = BuildSettings(source=out, out=tmp_path / "again", zooms=0)
    build(built_again)
    assert read_words(built_again.out) == {"disc": DISC}, "a built set is a set"
    assert card_words(out, (models, "discs", 1), ("disc", "square")) == {"disc": DISC}
    for version in (1, 2, 4):
        card = write_square_model(models, version, ("disc", "square"), "discs") / CARD_FILE
        said = {label: {"one": f"{label} {version}", "many": "many"} for label in ("disc", "square")}
        card.write_text(json.dumps(json.loads(card.read_text()) | {"words": said}))
    found = card_words(out, (models, "discs", 3), ("disc", "square", "cube"))
    assert found == {"disc": DISC, "square": LabelWords(one="square 2", many="many")}, "3 comes after 2"


def test_a_new_version_of_what_ships_speaks_as_that_does(voc: Path, tmp_path: Path) -> None:
    (voc / "words.yaml").unlink()
    found = card_words(voc, (tmp_path / "models", "mask", 9), ("with_mask", "disc"))
    assert {label: words.many for label, words in found.items()} == {"with_mask": "people with masks"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("disc: {one: a disc, many: ''}", "words.yaml: words.disc.many: must not be empty"),
        ('disc: {one: "a\\ndisc", many: discs}', "words.disc.one: must have neither line breaks nor control"),
        ("disc: a disc", "words.disc: must be an object"),
        ("- disc", "words.yaml: words: must be an object"),
        ("disc: {", "words.yaml: cannot read it: "),
        ("cube: {one: a cube, many: cubes}", "words for labels that the set does not have: cube"),
    ],
)
def test_bad_words_are_refused_before_anything_is_built(voc: Path, tmp_path: Path, text: str, told: str) -> None:
    (voc / "words.yaml").write_text(text)
    with pytest.raises(DatasetError) as refused:
        build(BuildSettings(source=voc, out=tmp_path / "out", zooms=0))
    assert told in str(refused.value)
    assert not (tmp_path / "out").exists()
    asked = BuildSettings(source=voc, out=tmp_path / "out", classes=("disc",), zooms=0)
    if text.startswith("cube"):  # words of a class that was not asked for hinder nobody
        build(asked)
        assert read_words(tmp_path / "out") == {}
