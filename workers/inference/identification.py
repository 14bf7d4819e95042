"""What the streams of a node share to say who is seen: the gallery, the face model, and looks at faces.

The model is loaded in a thread of its own when a stream first wants it, and tried again where it is missing: streams
run on meanwhile, and readiness says what is missing. Looks run in the second stage's thread (`Classifiers`) for live
streams, else on the caller's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import av
import structlog

from stream.metrics import STAGE_SECONDS
from workers.engines.engine import U8
from workers.errors import WorkerError
from workers.identity.face_model import FaceModel, Look
from workers.identity.gallery import Gallery
from workers.identity.gate import NoLook
from workers.identity.steady_landmarks import steady_face
from workers.inference.look_budget import LookBudget
from workers.model_card import ModelStore
from workers.settings import IdentitySettings, WorkerSettings

log = structlog.get_logger(__name__)

GalleryNow = Callable[[], Gallery]
"""The newest gallery. Any thread; never blocks. The same object as long as nothing has changed."""
_NOBODY = Gallery.empty()
_RETRY_S = 5.0
_LOG_EVERY_S = 10.0


def nobody() -> Gallery:
    """An empty gallery, always the same."""
    return _NOBODY


@dataclass(slots=True)
class FaceCrop:
    """The surroundings of one face, and its box in them, in pixels. outcome: None where the look failed."""

    image: av.VideoFrame
    xyxy: tuple[float, float, float, float]
    outcome: Look | NoLook | None = None


@dataclass(slots=True)
class LookBatch:
    """The faces that a stream has looked at together. `done` is set last, whatever became of them."""

    faces: Sequence[FaceCrop]
    look: Callable[[FaceCrop], None]
    done: bool = field(default=False)

    def run(self) -> None:
        """Look at each face now."""
        for face in self.faces:
            self.look(face)


class Identification:
    """Owned by the pipeline. Without a `store` no model is ever found, and nobody is named."""

    def __init__(self, settings: WorkerSettings, store: ModelStore | None = None, gallery: GalleryNow = nobody):
        self.settings: IdentitySettings = settings.identity
        self._workers = settings
        self._store = store
        self.gallery = gallery
        self.budget = LookBudget()
        self._model: FaceModel | None = None
        self._judged: tuple[Gallery, Gallery] = (_NOBODY, _NOBODY)  # the newest, and that by the model's own law
        self._problem: str | None = None
        self._loading: threading.Thread | None = None
        self._tried_s = -_RETRY_S
        self._logged_s = -_LOG_EVERY_S
        self._lock = threading.Lock()
        self._closed = False

    @property
    def problem(self) -> str | None:
        """Why nobody can be named now, for people to read; None where everything is there, or not yet loaded."""
        model, gallery = self._model, self.gallery()
        if model is not None and len(gallery) and gallery.embedder != model.embedder:
            return (
                f"the people were enrolled with {gallery.embedder}, but the model in service is {model.embedder}; "
                "their looks do not compare: enrol them anew, or go back to that model"
            )
        return self._problem

    def ready(self) -> bool:
        """Whether faces can be looked at. Never waits: what is missing is loaded meanwhile, and asked for again."""
        if self._model is not None:
            return True
        with self._lock:
            idle = self._loading is None or not self._loading.is_alive()
            if self._closed or not idle or time.monotonic() - self._tried_s < _RETRY_S:
                return self._model is not None
            self._tried_s = time.monotonic()
            self._loading = threading.Thread(target=self._load, name="face-model", daemon=True)
            self._loading.start()
        return False

    def load(self) -> bool:
        """As `ready`, but waits for the model. For what is not live."""
        if not self.ready() and self._loading is not None:
            self._loading.join()
        return self._model is not None

    def comparable(self) -> Gallery:
        """The newest gallery, by the law of the model in service, if that made it; else an empty one."""
        gallery, model = self.gallery(), self._model
        if model is None or gallery.embedder != model.embedder:
            return _NOBODY
        judged = self._judged
        if judged[0] is not gallery:
            judged = self._judged = (gallery, gallery.by(model.calibration))
        return judged[1]

    def look(self, face: FaceCrop) -> None:
        """Look at a face, and set its outcome. Blocks for some 13 ms; a failure is logged, never raised."""
        model = self._model
        if model is None:
            return
        started = time.perf_counter()
        try:
            image_bgr = cast("U8", face.image.to_ndarray(format="bgr24"))
            found = steady_face(model, image_bgr, face.xyxy)
            face.outcome = found if isinstance(found, NoLook) else model.look_at(image_bgr, found)
        except Exception as error:  # noqa: BLE001 - logged, and counted by who asked
            self._report(error)
        took_s = time.perf_counter() - started
        self.budget.spend(took_s)
        STAGE_SECONDS.labels("identify").observe(took_s)

    def close(self, timeout_s: float = 2.0) -> None:
        """Free the model. Idempotent; only when nothing looks any more."""
        with self._lock:
            self._closed = True
            loading = self._loading
        if loading is not None and loading is not threading.current_thread():
            loading.join(timeout_s)
        model, self._model = self._model, None
        if model is not None:
            model.close()

    def _load(self) -> None:
        try:
            if self._store is None:
                return
            model = FaceModel(self._store, self._workers)
        except WorkerError as error:
            self._problem = str(error)
            return
        except Exception as error:
            self._problem = f"the face model cannot be loaded: {error!r}"
            log.exception("face_model_failed", error=repr(error))
            return
        with self._lock:
            if not self._closed:
                self._model, self._problem = model, None
                log.info("face_model_loaded", model=model.embedder)
                return
        model.close()

    def _report(self, error: Exception) -> None:
        """Log one failure in ten seconds, as a broken model fails with every face."""
        now_s = time.monotonic()
        if now_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = now_s
            log.error("look_failed", error=repr(error), exc_info=error)
