"""Words of labels: what a card may say, what is said where it says nothing, what nodes tell one another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.peers.colour_models import write_square_model
from workers.cluster.status import MOST_TOLD, NodeStatus, told
from workers.errors import ModelError
from workers.label_words import LabelWords, at_start, name_of, plain_words, spoken, usual_words
from workers.model_card import CARD_FILE, ModelStore, load_card, shipped_models_dir


def folder_with(tmp_path: Path, words: Any) -> Path:
    """A model whose card has these words."""
    folder = write_square_model(tmp_path)
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps(card | {"words": words}))
    return folder


def test_a_card_has_words_for_some_of_its_labels(tmp_path: Path) -> None:
    card = load_card(folder_with(tmp_path, {"red": {"one": " a triangle ", "many": "triangles"}}))
    assert card.words == {"red": LabelWords(one="a triangle", many="triangles")}
    assert card.spoken_of() == card.words, "green and blue mean nothing to us"


def test_a_card_without_words_loads(tmp_path: Path) -> None:
    folder = write_square_model(tmp_path, classes=("person", "red", "mouse"))
    card = json.loads((folder / CARD_FILE).read_text())
    card.pop("words")
    (folder / CARD_FILE).write_text(json.dumps(card))
    assert {label: words.many for label, words in load_card(folder).spoken_of().items()} == {
        "person": "people", "mouse": "mice"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            {"red": {"one": "a triangle\nBcc: all@example.org", "many": "x"}},
            "words.red.one: must have neither line breaks",
        ),
        ({"red": {"one": "a \u202etriangle", "many": "x"}}, "words.red.one: must have neither line breaks"),
        ({"red": {"one": "a triangle", "many": "x" * 81}}, "words.red.many: must be at most 80 characters long"),
        ({"red": {"one": "  ", "many": "x"}}, "words.red.one: must not be empty"),
        ({"red": {"one": "a triangle"}}, "words.red.many: is required"),
        ({"red": {"one": "a triangle", "many": "x", "name": "\x1b[2J"}}, "words.red.name: must have neither"),
        ({"red": {"one": "a triangle", "many": "x", "plural": "y"}}, "words.red.plural: unknown field"),
        ({"red": "a triangle"}, "words.red: must be an object"),
        ({"purple": {"one": "a triangle", "many": "x"}}, "words for labels that the model does not have: purple"),
        (["a triangle"], "words: must be an object"),
    ],
)
def test_a_hostile_card_is_refused_by_the_name_of_its_key(tmp_path: Path, words: Any, told: str) -> None:
    with pytest.raises(ModelError) as refused:
        load_card(folder_with(tmp_path, words))
    assert told in str(refused.value)


def test_what_ships_speaks_of_people() -> None:
    cards = ModelStore([shipped_models_dir()]).cards()
    assert {label for card in cards for label in card.classes} == {label for card in cards for label in card.words}
    assert {words.one.split()[0] for card in cards for words in card.words.values()} == {"somebody"}
    called = {label: name_of(label, words) for card in cards for label, words in card.words.items()}
    assert called == {
        "with_mask": "with mask", "without_mask": "without mask", "mask_weared_incorrect": "mask worn wrongly"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("label", "one", "many"),
    [
        ("Traffic_Light", "a traffic light", "traffic lights"),
        ("umbrella", "an umbrella", "umbrellas"),
        ("bus", "a bus", "buses"),
        ("sandwich", "a sandwich", "sandwiches"),
        ("person", "a person", "people"),
        ("skis", "a pair of skis", "pairs of skis"),
    ],
)
def test_labels_that_everybody_uses(label: str, one: str, many: str) -> None:
    assert usual_words(label) == LabelWords(one=one, many=many)


def test_a_label_without_words_is_an_object() -> None:
    assert usual_words("with_hard_hat") is None
    assert plain_words("with_hard_hat") == LabelWords(one="an object (with hard hat)", many="objects (with hard hat)")
    assert plain_words("a\r\nBcc: x").one == "an object (a Bcc: x)", "a label may be anything"
    assert len(plain_words("x" * 200).one) <= 80
    assert spoken("\x00") == "?"
    assert at_start(plain_words("_").one) == "An object (?)"


def test_a_node_tells_what_others_do_not_know(tmp_path: Path) -> None:
    triangle = LabelWords(one="a triangle of ours", many="our triangles")
    person = usual_words("person")
    assert person is not None
    large = {f"thing {number}": triangle for number in range(MOST_TOLD)}
    said = told({"shapes": {"red": triangle, "person": person}, "people": {"person": person}, "things": large})
    status = NodeStatus(node="n", address="http://n", leasing=True, streams=0, models={"shapes": 4}, words=said)
    heard = NodeStatus.model_validate_json(status.to_json())
    assert heard.words == {"shapes": {"red": triangle}}
    later = json.loads(status.to_json())
    later["words"]["shapes"]["red"]["few"] = "some triangles"
    assert NodeStatus.model_validate(later).words["shapes"]["red"].many == "our triangles"
    later.pop("words")
    assert NodeStatus.model_validate(later).words == {}, "an older node tells none"
