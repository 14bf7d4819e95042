"""Model cards, and where models lie. Pure apart from the disk.

A model is a folder `{root}/{name}/{version}/` with `card.json` and the files it names. What ships is read-only;
promoted and downloaded models lie under `state_dir/models`, where the link `current` names the version in service.
"""

from __future__ import annotations

import hashlib
import re
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stream.config import MODEL_NAME_PATTERN, ModelName
from workers.errors import ModelDamaged, ModelError, ModelUnknown
from workers.label_words import MOST_WORDS, LabelWords, usual_words
from workers.model_files import MOST_CARD_BYTES, is_inside, read_inside, sha256_inside
from workers.validation import first_reason

CARD_FILE = "card.json"
CURRENT = "current"
MOST_PIXELS = 2**24
"""Of one input: 4096 × 4096."""
_MODEL_NAME = re.compile(MODEL_NAME_PATTERN)
Task = Literal["detect", "classify", "embed", "caption"]
Class = Annotated[str, Field(min_length=1, max_length=200)]
Side = Annotated[int, Field(ge=1, le=16_384)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Calibration(BaseModel):
    """How alike two vectors of an embedder must be to be one person's (cosine), and what is not known about it.

    threshold = base - slope · log10(share of strangers that may be named ÷ people enrolled).
    margin: how much more alike the best person must be than the second. same: two looks that are more alike are of one
    person. different: two that are less alike are of two. The defaults are face-id's, whose figures are in
    docs/people-model.md: 96 of 100 pairs of one person are above 0.42, 1 in 1,000 of two.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    base: float = Field(default=0.21, ge=-1, le=1)
    slope: float = Field(default=0.068, gt=0, le=1)
    margin: float = Field(default=0.08, ge=0, le=1)
    same: float = Field(default=0.42, ge=-1, le=1)
    different: float = Field(default=0.25, ge=-1, le=1)
    not_known: tuple[Annotated[str, Field(max_length=1000)], ...] = Field(default=(), max_length=20)


class ModelCard(BaseModel):
    """What a model is, what it needs and what it is good for (DESIGN 7).

    shapes_wh: input sizes (width, height) in pixels; an image goes to the one that needs the least padding.
    color: channel order of the u8 NHWC input; pad_value: the letterbox's grey, 0 to 255.
    thresholds: least confidence by label; applied after the graph's NMS.
    files: path within the folder → sha256 (hex). `model.xml` is the graph; `model-int8.xml`, where there is one, is
    the same network quantised, for CPUs that have int8 instructions but no AMX.
    classes: none, of models that embed or caption. calibration: of embedders of faces.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["livesight.card/1"] = Field(default="livesight.card/1", alias="schema")
    name: ModelName
    version: int = Field(ge=1, lt=2**31)
    task: Task
    classes: tuple[Class, ...] = Field(default=(), max_length=10_000)
    shapes_wh: tuple[tuple[Side, Side], ...] = Field(min_length=1, max_length=16)
    color: Literal["rgb", "bgr"] = "rgb"
    pad_value: int = Field(default=114, ge=0, le=255)
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    applies_to: Annotated[tuple[Class, ...], Field(max_length=10_000)] | Literal["image"] = "image"
    crop_margin: float = Field(default=0.0, ge=0, le=2)
    files: dict[str, Sha256] = Field(max_length=64)
    data: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    licence: str
    words: dict[Class, LabelWords] = Field(
        default_factory=dict, max_length=MOST_WORDS, description="What people call its classes; some, all or none."
    )
    reference: dict[str, Any] = Field(default_factory=dict)
    calibration: Calibration | None = Field(default=None, description="Of an embedder of faces.")

    @model_validator(mode="after")
    def _consistent(self) -> ModelCard:
        if not self.classes and self.task in ("detect", "classify"):
            raise ValueError(f"classes: there are none; a model that can {self.task} has at least one")
        if self.calibration is not None and self.task != "embed":
            raise ValueError(f"calibration: is for embedders; this model's task is {self.task}")
        for field, labels in (("thresholds", self.thresholds), ("words", self.words)):
            if unknown := set(labels) - set(self.classes):
                raise ValueError(f"{field} for labels that the model does not have: {', '.join(sorted(unknown))}")
        largest = max(width * height for width, height in self.shapes_wh)
        if largest > MOST_PIXELS:
            raise ValueError(f"shapes_wh: one has {largest} pixels; at most {MOST_PIXELS} are possible")
        outside = [name[:100] for name in self.files if not is_inside(name)]
        if outside:
            raise ValueError(f"files outside the model's folder: {', '.join(outside)}")
        return self

    def spoken_of(self) -> dict[str, LabelWords]:
        """The words of its classes: its own, else those that everybody would use; classes without either are absent."""
        known = {label: self.words.get(label) or usual_words(label) for label in self.classes}
        return {label: words for label, words in known.items() if words is not None}

    def threshold(self, label: str) -> float:
        """The least confidence at which `label` is reported."""
        return self.thresholds.get(label, 0.25)


def load_card(folder: Path, verify: bool = True) -> ModelCard:
    """Read and check the card of one model folder; with `verify`, the sha256 of every file too.

    Raises ModelError naming the file and what is wrong with it.
    """
    path = folder / CARD_FILE
    try:
        card = ModelCard.model_validate_json(read_inside(folder, CARD_FILE, MOST_CARD_BYTES))
    except OSError as error:
        raise ModelError(f"{path}: cannot read it: {error.strerror or error}") from error
    except ValidationError as error:
        raise ModelError(f"{path}: {first_reason(error, 'card')}") from error
    if verify:
        for name, expected in card.files.items():
            _verify(folder, name, expected)
    return card


def sha256_of(path: Path) -> str:
    """The file's sha256, hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(folder: Path, name: str, expected: str) -> None:
    path = folder / name
    try:
        actual = sha256_inside(folder, name)
    except OSError as error:
        raise ModelDamaged(f"{path}: named by the card but cannot be read: {error.strerror or error}") from error
    if actual != expected:
        raise ModelDamaged(f"{path}: sha256 is {actual}, but the card says {expected}; the file was changed or cut off")


def shipped_models_dir() -> Path:
    """The folder of the models that ship: beside the source tree, or where the wheel put it."""
    source = Path(__file__).resolve().parent.parent / "models"
    if source.is_dir():
        return source
    return Path(sysconfig.get_path("data")) / "share" / "livesight" / "models"


def _version_folder(current: Path) -> Path:
    """Where `current` points. Raises ModelError unless that is a version beside it."""
    if not current.is_symlink():
        return current
    target = current.readlink()
    if len(target.parts) != 1 or not target.name.isdecimal():
        raise ModelError(f"{current}: must point to a version beside it, such as 3, not to {target}")
    return current.parent / target


class ModelStore:
    """Finds models by name in several roots; an earlier root goes before a later one. Any thread.

    `promoted`: the root where promoted and downloaded models lie. A version there comes into service by promotion
    only, however new it is, unless no other root has that model.
    """

    def __init__(self, roots: Iterable[Path], promoted: Path | None = None) -> None:
        self.roots = tuple(roots)
        self.promoted = promoted

    @classmethod
    def of(cls, models_dir: Path | None, state_dir: Path) -> ModelStore:
        """`models_dir` (`workers.models_dir`) before what was promoted before what ships."""
        own = [models_dir] if models_dir else []
        promoted = state_dir / "models"
        return cls([*own, promoted, shipped_models_dir()], promoted=promoted)

    def folder(self, name: str, version: int | None = None) -> Path:
        """The folder of a model: of `version`, else of the version in service, else of the newest there is.

        Raises ModelError listing what there is. `name` may come from a message of anybody's.
        """
        for root in self.roots if _MODEL_NAME.fullmatch(name) else ():
            current = root / name / CURRENT
            if version is None and current.exists():
                return _version_folder(current)
        found = {number: folder for known, number, folder in reversed(list(self._folders())) if known == name}
        if not found or (version is not None and version not in found):
            there = sorted({(known, number) for known, number, _ in self._folders()})
            known = ", ".join(f"{known} {number}" for known, number in there) or "none"
            wanted = name if version is None else f"{name} version {version}"
            raise ModelUnknown(f"there is no model {wanted}; there are: {known}")
        if version is None:
            shipped = [number for number, folder in found.items() if folder.parent.parent != self.promoted]
            version = max(shipped or found)
        return found[version]

    def cards(self) -> list[ModelCard]:
        """The cards of all versions of all models, unverified; folders whose card is broken are left out."""
        cards: dict[tuple[str, int], ModelCard] = {}
        for name, number, folder in self._folders():
            try:
                cards.setdefault((name, number), load_card(folder, verify=False))
            except ModelError:
                continue
        return [cards[key] for key in sorted(cards)]

    def _folders(self) -> Iterator[tuple[str, int, Path]]:
        for root in self.roots:
            for card in sorted(root.glob(f"*/*/{CARD_FILE}")):
                if card.parent.name.isdigit():
                    yield card.parent.parent.name, int(card.parent.name), card.parent
