"""One set as Pascal VOC, YOLO and COCO: checked without options, built alike; what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.data.labelled_forms import as_coco, as_yolo
from tests.training.one_process import livesight_each
from tests.training.voc_folder import SIZE_WH, add, box
from training.data.build import BuildSettings, build
from training.data.check import check
from training.data.findings import grouped
from training.data.formats import open_set
from training.data.labelled import read_labelled
from training.data.yolo import read_data_yaml
from training.errors import DatasetError

CLASSES = ("disc", "square", "triangle")
NAMES = tuple(f"p{number:02d}" for number in range(14))


@pytest.fixture
def forms(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Boxes of odd sizes, at every edge and of a fraction of a pixel; one image has none."""
    voc = tmp_path / "voc"
    for number, name in enumerate(NAMES):
        edges = (box("square", 0, 0, 31, 47), box("triangle", 61.5, 17, *SIZE_WH))
        own = box("disc", 3 + number, 5, 40 + number, 29 + number)
        add(voc, name, *(() if number == 5 else (own, *edges)), seed=number)
    (voc / "split.json").write_text(json.dumps({"train": NAMES[:9], "val": NAMES[9:12], "test": NAMES[12:]}))
    yolo, coco = tmp_path / "yolo", tmp_path / "coco"
    return voc, as_yolo(voc, yolo, CLASSES, SIZE_WH), as_coco(voc, coco, CLASSES, SIZE_WH)


def contents(folder: Path) -> dict[str, bytes]:
    """Everything that is trained from."""
    files = [*folder.glob("labels/*/*"), *folder.glob("images/*/*"), *folder.glob("*.txt"), folder / "data.yaml"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_three_forms_of_a_set_are_checked_and_built_alike(forms: tuple[Path, Path, Path], tmp_path: Path) -> None:
    outs = [tmp_path / "built" / source.name for source in forms]
    checks = [("dataset", "check", source) for source in forms]
    builds = [
        ("dataset", "build", source, "--out", out, "--zooms", "3") for source, out in zip(forms, outs, strict=True)
    ]
    outcomes = livesight_each([*checks, *builds])
    assert [outcome.code for outcome in outcomes] == [0] * 6, outcomes
    for outcome, form in zip(outcomes, ("Pascal VOC", "YOLO", "COCO"), strict=False):
        told = f"{form}: 14 usable images with 39 objects of disc, square, triangle; nothing wrong\n"
        assert outcome.stdout == told
    voc, yolo, coco = map(contents, outs)
    assert len([name for name in voc if name.startswith("labels/")]) == 14 + 3
    assert voc == yolo == coco
    own, same = (read_labelled(folder, "val") for folder in (forms[1], outs[1]))
    assert [(item.path.name, item.boxes) for item in own] == [(item.path.name, item.boxes) for item in same]


def test_many_faults_are_a_line_for_each_kind(forms: tuple[Path, Path, Path]) -> None:
    yolo = forms[1]
    wrong = yolo / "labels" / "train" / "p00.txt"
    wrong.write_text("0 0.5 0.5 2 0.1\n7 0.5 0.5 0.1 0.1\n" * 150 + "0 0.5 0.5\n0 0.1 0.1 0.4 0.1 0.4 0.5\n")
    found = livesight_each([("dataset", "check", yolo), ("dataset", "check", yolo, "--all")])
    assert [outcome.code for outcome in found] == [2, 2]
    short, long = (outcome.stdout.splitlines() for outcome in found)
    assert len(long) == 302 and len(short) == 4
    assert short[:3] == [
        f"error: 150 × outside; the first: {wrong}: object 1: outside: disc (-48, 28.8, 144, 35.2), image 96x64",
        f"error: 150 × unknown class ('class 7' 150); the first: {wrong}: object 2: unknown class: 'class 7'; "
        "known are disc, square, triangle",
        f"error: {wrong}: object 301: bad box: disc has 2 numbers, not x y width height or a polygon",
    ]
    polygon = check(yolo).images["p00"].boxes[-1]
    assert polygon.xyxy == pytest.approx((9.6, 6.4, 38.4, 32.0))


def test_what_is_measured_on_is_read_as_what_is_built_from(forms: tuple[Path, Path, Path]) -> None:
    """Polygons are boxes for `evaluate` too; a class that is not there is refused, and is not the last one."""
    _, yolo, coco = forms
    labels = yolo / "labels" / "val" / "p09.txt"
    labels.write_text("0 0.1 0.1 0.4 0.1 0.4 0.5\n")
    (measured,) = (item.boxes for item in read_labelled(yolo, "val") if item.path.stem == "p09")
    assert [(one.label, one.xyxy) for one in measured] == [("disc", pytest.approx((9.6, 6.4, 38.4, 32.0)))]
    for line, told in (
        ("-1 0.5 0.5 0.1 0.1", "'class -1'; known are disc, square, triangle"),
        ("1 0.5 nan 0.1 0.1", r"square has no usable box: \("),
        ("1 0.5 0.5", "square has 2 numbers, not x y width height or a polygon"),
    ):
        labels.write_text(line)
        with pytest.raises(DatasetError, match=f"p09.txt: line 1: {told}"):
            read_labelled(yolo, "val")
    with pytest.raises(DatasetError, match=r"of COCO `livesight dataset build` makes a folder to measure on"):
        read_labelled(coco, "val")


def test_what_coco_has_beside_boxes_is_told(forms: tuple[Path, Path, Path]) -> None:
    """Crowds are no objects to learn from; images that are not there, and entries that refer to nothing."""
    path = forms[2] / "annotations" / "instances_train2017.json"
    data = json.loads(path.read_text())
    data["annotations"][0]["iscrowd"] = 1
    del data["annotations"][1]["bbox"]
    data["images"].append({"id": 99, "file_name": "gone.png"})
    path.write_text(json.dumps(data))
    checked = check(forms[2])
    assert sorted(finding.kind for finding in checked.findings) == ["bad box", "crowd", "no image"]
    assert [line.split(":")[0] for line in grouped(checked.findings)] == ["error", "error", "warning"]
    data["annotations"][2]["image_id"] = 1234
    path.write_text(json.dumps(data))
    with pytest.raises(DatasetError, match=r"instances_train2017.json: an entry lacks or refers to 1234, which is not"):
        check(forms[2])
    path.write_text(path.read_text()[:-5])
    with pytest.raises(DatasetError, match=r"instances_train2017.json: not a readable COCO file"):
        check(forms[2])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("names: [disc\n", "not a data set's data.yaml: line 2: expected ',' or ']'"),
        ("train: images/train\n", "'names' must list the classes"),
        ("names: disc\n", "'names' must list the classes"),
        ("names: {1: disc}\n", "number them from 0 without a gap"),
        ("- disc\n", "'names' must list the classes"),
        ("names: [disc, disc]\n", "must have each class once"),
        ("names: [disc, square]\nnc: 3\n", "as many as 'nc' says"),
        ("names: [disc]\ntrain: images/nowhere\n", "'train' names images/nowhere, which is not there"),
        ("names: [disc]\ntrain: {a: b}\n", "'train' must name a folder"),
        ("\x00", "not a data set's data.yaml: "),
    ],
)
def test_a_wrong_data_yaml_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DatasetError) as caught:
        read_data_yaml(tmp_path / "data.yaml")
        check(tmp_path)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_of_two_forms_or_none_is_refused(forms: tuple[Path, Path, Path], tmp_path: Path) -> None:
    voc, yolo, _ = forms
    (voc / "data.yaml").write_text((yolo / "data.yaml").read_text())
    with pytest.raises(DatasetError, match=r"more than one form \(annotations/\*.xml and data.yaml\); keep one"):
        open_set(voc)
    with pytest.raises(DatasetError, match="no labels found; a data set has"):
        open_set(yolo / "images")
    done, built = livesight_each(
        [("dataset", "check", yolo, "--repair", "--classes", "disc"), ("dataset", "check", tmp_path / "nowhere")]
    )
    assert done.code == 2 and "only Pascal VOC is repaired in place" in done.stderr
    assert built.code == 2 and "nowhere: no such folder" in built.stderr


def test_classes_that_are_named_choose_and_order(forms: tuple[Path, Path, Path], tmp_path: Path) -> None:
    chosen = BuildSettings(
        source=forms[1], out=tmp_path / "out", classes=("triangle", "disc"), zooms=0, repair=True, rare_repeats=1
    )
    assert build(chosen)["classes"] == ["triangle", "disc"]
    lines = (tmp_path / "out" / "labels" / "train" / "p00.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["1", "0"]
