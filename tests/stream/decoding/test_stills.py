"""Costly stills are decoded in a process of their own: it can be ended, and takes only what one picture may."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from prometheus_client import REGISTRY

from stream.decoding import decoder_process
from stream.decoding.costly_lane import NICENESS, CostlyLane, GivenUpError
from stream.decoding.decoder_process import DecoderBounds
from stream.decoding.image_header import ImageHeader
from stream.decoding.still import SMALL_LINES, halved
from stream.decoding.stills import StillDecoders
from stream.errors import BadImageError, TooLargeError, TooSlowError
from tests.peers.decoder_processes import long_lasting, only_process, processes
from tests.peers.hostile_pictures import progressive_jpeg

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.skipif(sys.platform != "linux", reason="decoder processes are Linux's only"),
]

SIZE_WH = (1600, 1200)


def ended(reason: str) -> float:
    return REGISTRY.get_sample_value("livesight_decoders_ended_total", {"reason": reason}) or 0.0


@pytest.fixture
def made() -> Iterator[Callable[..., StillDecoders]]:
    """Makes decoders with a place and these bounds; no process of theirs is left behind."""
    before, all_of_them = processes(), []

    def make(**bounds: float) -> StillDecoders:
        all_of_them.append(StillDecoders(CostlyLane(1), DecoderBounds(**bounds)))  # type: ignore[arg-type]
        return all_of_them[-1]

    yield make
    for decoders in all_of_them:
        decoders.close()
    assert processes() <= before


@pytest.fixture(scope="module")
def photo() -> tuple[bytes, ImageHeader]:
    """A progressive JPEG in colours, to be turned by its EXIF."""
    pixels = np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8)
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(pixels).resize(SIZE_WH).save(out, "JPEG", progressive=True, exif=exif)
    return out.getvalue(), ImageHeader("jpeg", SIZE_WH, 10)


def test_the_pixels_are_the_same_and_nobody_elses_priority_changes(
    made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader]
) -> None:
    before, decoders = processes(), made()
    for _ in range(2):
        image_bgr = decoders.decode(*photo).bgr
        assert image_bgr.shape == (1600, 1200, 3)
        assert (image_bgr == cv2.imdecode(np.frombuffer(photo[0], np.uint8), cv2.IMREAD_COLOR)).all()
    pid = only_process(before)  # one for both
    assert os.getpriority(os.PRIO_PROCESS, pid) == NICENESS
    assert os.getpriority(os.PRIO_PROCESS, 0) != NICENESS


@pytest.mark.parametrize("size_wh", [(3001, 2101), (1600, 1000)])
def test_huge_ones_come_with_a_small_one_too(made: Callable[..., StillDecoders], size_wh: tuple[int, int]) -> None:
    still = made().decode(progressive_jpeg(size_wh, 6), ImageHeader("jpeg", size_wh, 6))
    if min(size_wh) < SMALL_LINES:
        assert still.small is None
        return
    assert still.small is not None and still.small.shape == (525, 750, 3)
    assert (still.small == halved(still.bgr, SMALL_LINES)).all()


def test_pixels_live_as_long_as_somebody_has_them(
    made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader]
) -> None:
    decoders = made()
    first = decoders.decode(*photo).bgr
    copy = first.copy()
    decoders.decode(progressive_jpeg(SIZE_WH, 12), photo[1])
    decoders.close()
    assert (first == copy).all()


def test_it_has_none_of_the_services_sockets_and_secrets(
    made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIVESIGHT_CLUSTER__SECRET", "DOOR_CAMERA_PASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hush")  # a configuration says ${DOOR_CAMERA_PASSWORD}
    before = processes()
    with socket.create_server(("127.0.0.1", 0)):
        made().decode(*photo)
        folder = Path(f"/proc/{only_process(before)}")
        opened = [os.readlink(path) for path in (folder / "fd").iterdir()]
    others = [name for name in opened if not name.startswith("/memfd:costly-picture")]
    assert sorted(name.partition(":")[0] for name in others) == ["/dev/null"] * 3 + ["socket"]
    deadline_s = time.monotonic() + 30
    while "costly-picture" in (folder / "maps").read_text():  # it gives the picture's memory back in a while
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert b"hush" not in (folder / "environ").read_bytes()


@pytest.mark.parametrize("answer", ["nonsense", "[]", "{}", '{"shape": ["a", "b", 3]}', '{"shape": [9, 9]}'])
def test_a_process_that_a_picture_has_taken_over_costs_that_picture_only(
    made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    peer = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); s.send(b'{}'); s.recv(4096); "
    monkeypatch.setattr(decoder_process, "_COMMAND", ("-c", peer + f"s.send({answer.encode()}); s.recv(4096)"))
    before, decoders = processes(), made()
    with pytest.raises(BadImageError, match="its decoder's answer makes no sense"):
        decoders.decode(*photo)
    assert processes() <= before
    monkeypatch.undo()
    assert decoders.decode(*photo).bgr.shape == (1600, 1200, 3)


def test_a_damaged_picture_is_refused_and_the_process_goes_on(
    made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader]
) -> None:
    before, decoders = processes(), made()
    decoders.decode(*photo)
    pid = only_process(before)
    with pytest.raises(BadImageError, match="damaged"):
        decoders.decode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(21), ImageHeader("png", SIZE_WH, 1))
    with pytest.raises(BadImageError, match="more pixels than its header says"):
        decoders.decode(photo[0], ImageHeader("jpeg", (800, 600), 10))
    assert decoders.decode(*photo).bgr.shape == (1600, 1200, 3)
    assert processes() - before == {pid}


def test_a_killed_process_is_replaced(made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader]) -> None:
    """While it has nothing to do, or is at it: at most that picture is lost."""
    before, decoders = processes(), made()
    decoders.decode(*photo)
    pid = only_process(before)
    os.kill(pid, signal.SIGKILL)
    assert decoders.decode(*photo).bgr.shape == (1600, 1200, 3)
    other = only_process(before)
    assert other != pid
    os.kill(other, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (other, signal.SIGSEGV)).start()
    threading.Timer(0.5, os.kill, (other, signal.SIGCONT)).start()
    with pytest.raises(BadImageError, match=r"the jpeg image cannot be decoded: .*SIGSEGV"):
        decoders.decode(*photo)
    assert decoders.decode(*photo).bgr.shape == (1600, 1200, 3)


def test_too_much_cpu_is_refused(made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader]) -> None:
    before, decoders, counted = processes(), made(cpu_s=1), ended("cpu")
    with pytest.raises(TooLargeError, match="takes more than 1 s of CPU time"):
        decoders.decode(*long_lasting())
    assert processes() <= before and ended("cpu") == counted + 1
    assert decoders.decode(*photo).bgr.shape == (1600, 1200, 3)


def test_too_much_time_is_refused(made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader]) -> None:
    before, decoders = processes(), made(most_s=1.0)
    decoders.decode(*photo)
    os.kill(only_process(before), signal.SIGSTOP)
    begun_s = time.monotonic()
    with pytest.raises(TooSlowError, match="too busy: the image was not decoded in 1 s"):
        decoders.decode(*photo)
    assert 1 <= time.monotonic() - begun_s < 20
    assert processes() <= before


def test_memory_is_bounded(made: Callable[..., StillDecoders]) -> None:
    """A picture that needs more than its header lets expect."""
    decoders = made(bytes_per_pixel=0, bytes_besides=2**20)
    with pytest.raises(BadImageError):
        decoders.decode(progressive_jpeg((4000, 3000), 12), ImageHeader("jpeg", (4000, 3000), 12))
    small = ImageHeader("jpeg", (64, 64), 6)
    assert decoders.decode(progressive_jpeg((64, 64), 6), small).bgr.shape == (64, 64, 3)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_what_is_allowed_has_memory_enough(made: Callable[..., StillDecoders], mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (4096, 3072)).save(out, "JPEG", progressive=True, subsampling=0)
    assert made().decode(out.getvalue(), ImageHeader("jpeg", (4096, 3072), 10)).bgr.shape == (3072, 4096, 3)


def test_who_leaves_meanwhile_ends_it(made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader]) -> None:
    before, decoders = processes(), made()
    decoders.decode(*photo)
    leave = threading.Event()
    threading.Timer(0.3, leave.set).start()
    with pytest.raises(GivenUpError):
        decoders.decode(*long_lasting(), leave.is_set)
    assert processes() <= before


def test_without_processes_a_thread_decodes(
    made: Callable[..., StillDecoders], photo: tuple[bytes, ImageHeader], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, decoders = processes(), made()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    for _ in range(2):
        assert decoders.decode(*photo).bgr.shape == (1600, 1200, 3)
    assert processes() <= before
    monkeypatch.setattr(sys, "executable", "/bin/false")  # starts, and says nothing
    assert made().decode(*photo).bgr.shape == (1600, 1200, 3)


BUSY = """
import threading, time
from stream.decoding.stills import decode_bgr
from tests.peers.decoder_processes import long_lasting, only_process
threading.Thread(target=decode_bgr, args=long_lasting(), daemon=True).start()
print(only_process(set()), flush=True)
time.sleep(60)
"""


def test_it_ends_with_a_service_that_is_killed() -> None:
    """In the midst of a picture that takes long."""
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        folder = Path(f"/proc/{int(service.stdout.readline())}")
        while cpu_s(folder) < 0.5:  # it has begun
            time.sleep(0.05)
        service.kill()
    deadline_s = time.monotonic() + 8
    while folder.exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not folder.exists()


IDLE = """
from stream.decoding.image_header import ImageHeader
from stream.decoding.stills import decode_bgr
from tests.peers.decoder_processes import only_process
from tests.peers.hostile_pictures import progressive_jpeg
decode_bgr(progressive_jpeg((64, 64), 6), ImageHeader("jpeg", (64, 64), 3000))
print(only_process(set()))
"""


def test_it_ends_with_a_service_that_ends() -> None:
    done = subprocess.run([sys.executable, "-Werror", "-c", IDLE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr
    assert not Path(f"/proc/{int(done.stdout)}").exists()


def cpu_s(folder: Path) -> float:
    """What a process has taken."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
