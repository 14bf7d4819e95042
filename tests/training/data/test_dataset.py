"""What is wrong with a data set is found, named and repaired; what is right is built without loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.commands import livesight
from tests.training.voc_folder import SIZE_WH, add, box
from training.data.build import BuildSettings, build
from training.data.check import check
from training.data.labelled import read_labelled
from training.data.split import stratified
from training.data.voc import read_voc
from training.errors import DatasetError

CLASSES = ("disc", "square")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    for number in range(20):
        add(folder, f"p{number:02d}", box(CLASSES[number % 5 == 0]), seed=number)
    return folder


@pytest.fixture
def broken(good: Path) -> Path:
    """One mistake of every kind."""
    add(good, "outside", box("disc", 70, 10, 200, 40), box("disc", 120, 80, 140, 90), seed=100)
    add(good, "empty", box("disc", 30, 30, 30, 40), box(), seed=101)
    add(good, "unknown", box("triangle"), box(), seed=102)
    nonsense = add(good, "nonsense", box(), box(), seed=103)
    nonsense.write_text(nonsense.read_text().replace("<xmin>10</xmin>", "<xmin>ten</xmin>", 1))
    add(good, "cut-xml", box(), seed=104).write_text("<annotation>\n<object>")
    add(good, "no-image", box(), seed=105)
    (good / "images" / "no-image.png").unlink()
    add(good, "cut-image", box(), seed=106)
    image = good / "images" / "cut-image.png"
    image.write_bytes(image.read_bytes()[:40])
    add(good, "no-labels", seed=107).unlink()
    size = add(good, "size", box(), seed=108)
    size.write_text(size.read_text().replace(f"<width>{SIZE_WH[0]}<", "<width>7<"))
    add(good, "twin", box(), seed=3)
    add(good, "leak", box(), seed=5)
    names = sorted(path.stem for path in (good / "images").iterdir())
    val = ["p01", "p02", "leak", "p03x"]
    train = [name for name in names if name not in {"leak", "p01", "p19"}]
    (good / "split.json").write_text(json.dumps({"train": train, "val": val}))
    return good


def test_every_mistake_is_named_with_its_file_and_object(broken: Path) -> None:
    done = livesight("dataset", "check", broken, "--classes", ",".join(CLASSES), "--all")
    assert done.returncode == 2, done.stderr
    expected = (
        ("outside.xml: object 1: outside: disc (70, 10, 200, 40), image 96x64", "error"),
        ("outside.xml: object 2: outside: disc (120, 80, 140, 90)", "error"),
        ("empty.xml: object 1: empty box", "error"),
        ("unknown.xml: object 1: unknown class: 'triangle'; known are disc, square", "error"),
        ("nonsense.xml: object 1: bad box: disc has no usable bndbox", "error"),
        ("cut-xml.xml: bad annotation: not a readable VOC annotation: no element found: line 2", "error"),
        ("no-image.xml: no image", "error"),
        ("cut-image.png: unreadable image", "error"),
        ("no-labels.png: no annotation", "warning"),
        ("size.xml: size differs: it has 7x64, but the image is 96x64", "warning"),
        ("twin.png: duplicate: shows the same as p03.png", "warning"),
        ("p05.png: leak: shows the same as leak.png; one is in train, the other in val", "error"),
        ("split.json: split: unknown image: val names p03x", "error"),
        ("split.json: split: twice: p02 is in val and in train", "error"),
        ("split.json: split: left out: p19 is in no part", "warning"),
    )
    for text, level in expected:
        assert any(line.startswith(f"{level}: ") and text in line for line in done.stdout.splitlines()), (
            text,
            done.stdout,
        )


def test_a_repair_leaves_nothing_to_repair_and_loses_nothing(broken: Path) -> None:
    before = {path.name: path.read_bytes() for path in broken.rglob("*") if path.is_file()}
    done = livesight("dataset", "check", broken, "--classes", ",".join(CLASSES), "--repair")
    assert done.returncode == 0, done.stderr
    again = check(broken, CLASSES)
    assert not again.errors
    assert {finding.kind for finding in again.findings} <= {"no annotation", "split: left out"}
    assert read_voc(broken / "annotations" / "outside.xml") == [box("disc", 70, 10, 96, 40)]
    assert read_voc(broken / "annotations" / "unknown.xml") == [box()]
    kept = {path.read_bytes() for path in broken.rglob("*") if path.is_file()}
    assert set(before.values()) <= kept, "a repair deletes nothing: removed/ has what was there"


def test_build_refuses_mistakes_and_names_them(broken: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"(?s)outside.xml: object 1.*--repair"):
        build(BuildSettings(source=broken, out=tmp_path / "data", classes=CLASSES, zooms=0))
    assert not (tmp_path / "data").exists()
    record = build(BuildSettings(source=broken, out=tmp_path / "data", classes=CLASSES, zooms=0, repair=True))
    assert record["findings"]


def test_what_is_built_is_what_was_labelled(good: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    done = livesight("dataset", "build", good, "--out", out, "--classes", "disc,square", "--zooms", "4")
    assert done.returncode == 0, done.stderr
    shown = json.loads(livesight("dataset", "show", out, "--json").stdout)
    counts = {part: figures["pictures"] for part, figures in shown["parts"].items()}
    assert counts["train"] == 16 + 4 and counts["val"] + counts["test"] == 4 and min(counts.values()) > 0
    for part in ("train", "val", "test"):
        for item in read_labelled(out, part):
            if item.path.stem.startswith("zoom"):
                continue
            assert item.path.read_bytes() == (good / "images" / item.path.name).read_bytes()
            original = read_voc(good / "annotations" / f"{item.path.stem}.xml")
            assert [found.label for found in item.boxes] == [found.label for found in original]
            assert item.boxes[0].xyxy == pytest.approx(original[0].xyxy, abs=0.01)
    listed = (out / "train.txt").read_text().splitlines()
    rare = [item.path.name for item in read_labelled(out, "train") if any(b.label == "square" for b in item.boxes)]
    for name in (name for name in rare if not name.startswith("zoom")):
        assert sum(line.endswith(f"/{name}") for line in listed) == 2, "the rare class is listed twice"
    assert (out / "plots" / "classes.png").stat().st_size > 1000
    assert "disc" in (out / "DATA_CARD.md").read_text()


def test_a_data_set_that_was_changed_is_not_shown_as_the_built_one(good: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    build(BuildSettings(source=good, out=out, classes=CLASSES, zooms=0))
    next((out / "labels" / "train").iterdir()).write_text("0 0.5 0.5 0.1 0.1\n")
    done = livesight("dataset", "show", out)
    assert done.returncode == 2
    assert "was changed since it was built" in done.stderr


def test_building_again_gives_the_same_and_replaces(good: Path, tmp_path: Path) -> None:
    settings = BuildSettings(source=good, out=tmp_path / "data", classes=CLASSES, zooms=5)
    first = build(settings)
    (tmp_path / "data" / "stale").write_text("old")
    assert build(settings)["version"] == first["version"]
    assert not (tmp_path / "data" / "stale").exists()


def test_a_folder_of_something_else_is_not_overwritten(good: Path) -> None:
    done = livesight("dataset", "build", good, "--out", good, "--classes", "disc,square")
    assert done.returncode == 2
    assert "so it is not overwritten" in done.stderr
    assert (good / "images").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "--out", "out"), "nowhere: no such folder"),
        (("good", "--out", "out", "--ratios", "0.5,0.1,0.1"), "add up to 1"),
        (("good", "--out", "out", "--classes", "disc,disc"), "each once"),
        (("good", "--out", "out", "--split", "none.json"), "none.json: not a split file"),
        (("good", "--out", "out", "--classes", "disc,square", "--crops", "good"), "need YuNet's weights"),
    ],
)
def test_bad_arguments_are_named(good: Path, arguments: tuple[str, ...], message: str) -> None:
    done = livesight("dataset", "build", *arguments, cwd=good.parent)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_a_split_is_stratified_and_keeps_twins_together() -> None:
    labels = {f"p{number:03d}": ["rare"] if number % 10 == 0 else ["common"] for number in range(200)}
    twins = {"p010": "p010", "p020": "p010", "p001": "p001", "p002": "p001"}
    split = stratified(labels, twins, (0.8, 0.1, 0.1), seed=3)
    assert sorted(name for part in split.values() for name in part) == sorted(labels)
    assert [len(split[part]) for part in ("train", "val", "test")] == [160, 20, 20]
    for part in split.values():
        assert sum(labels[name] == ["rare"] for name in part) == len(part) // 10
        assert ("p010" in part) == ("p020" in part) and ("p001" in part) == ("p002" in part)


def test_the_shared_data_has_nothing_to_repair(data_dir: Path) -> None:
    if not (data_dir / "facemask").is_dir():
        pytest.skip("TEST_DATA_DIR has no facemask/")
    done = livesight("dataset", "check", data_dir / "facemask")
    classes = "mask_weared_incorrect, with_mask, without_mask"
    told = f"Pascal VOC: 704 usable images with 3310 objects of {classes}; nothing wrong\n"
    assert (done.returncode, done.stdout) == (0, told)
