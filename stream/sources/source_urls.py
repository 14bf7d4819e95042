"""Which source a URL stands for: cameras, files, folders of images, devices, the demo. Looks at local files."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stream.config import StreamConfig, StreamSettings
from stream.decoding.cpu_gate import CpuGate
from stream.errors import SourceError
from stream.network.camera_address import SCHEMES
from stream.sources.connect import ConnectTarget, connect
from stream.sources.images_source import IMAGE_SUFFIXES, ImagesSource, find_images
from stream.sources.pull_source import PullSource
from stream.sources.source import Source
from stream.url_redaction import redact

_SCHEME = re.compile(r"^(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]+):")  # two letters at least: C: is a drive
KNOWN = "rtsp://, rtsps://, http://, https://, file:PATH, device:N, demo: or a path"


def open_source(
    config: StreamConfig, settings: StreamSettings, *, live: bool, allow_local: bool, cpu_gate: CpuGate | None = None
) -> Source:
    """The source of a stream, not started yet.

    live: as a camera; otherwise to be read once and whole. allow_local: whether files and devices of this machine may
    be opened (never for URLs that came over HTTP). cpu_gate: that of all that decode on these CPUs; without one the
    source has its own. Raises SourceError, which names what is wrong.
    """
    gate = cpu_gate or CpuGate()
    url = (config.url or "").strip()
    if not url:
        raise SourceError(f"stream {config.id!r} has no URL; frames are pushed to it")
    found = _SCHEME.match(url)
    scheme = found["scheme"].lower() if found else "file"
    if scheme in SCHEMES:
        return PullSource(config, settings, network_target(config), gate, live=live)
    if scheme == "demo":
        from stream.sources.demo_source import DemoSource

        return DemoSource(config, settings, gate, live=live)
    if scheme not in ("file", "device"):
        raise SourceError(f"{redact(url)}: unknown scheme {scheme!r}; there are: {KNOWN}")
    if not allow_local:
        raise SourceError(f"{scheme}: allowed on the command line and in the configuration only, not over HTTP")
    if scheme == "device":
        return PullSource(config, settings, device_target(url.partition(":")[2]), gate, live=live)
    path = _path(url, bool(found))
    if _is_images(path):
        return ImagesSource(config, settings, find_images(path), live=live)
    return PullSource(config, settings, _file_target(path, settings, live=live), gate, live=live)


def network_target(config: StreamConfig) -> ConnectTarget:
    """A camera in a network. Raises SourceError."""
    address = config.address
    assert address is not None
    return ConnectTarget("rtsp" if address.is_rtsp else "http", address.plain, camera=address)


def device_target(name: str) -> ConnectTarget:
    """A camera of this machine, by number or by its path. Raises SourceError where there is none."""
    if sys.platform == "darwin":
        return ConnectTarget("device", name, "avfoundation", {"framerate": "30"})
    if sys.platform == "win32":
        return ConnectTarget("device", f"video={name}", "dshow")
    path = Path(f"/dev/video{name}") if name.isdecimal() else Path(name)
    if not name or not path.exists():
        problem = f"there is no camera {path}" if name else "add a number or a path, as in device:0"
        raise SourceError(f"device:{name}: {problem}")
    return ConnectTarget("device", str(path), "v4l2")


def _path(url: str, has_scheme: bool) -> Path:
    if not has_scheme:
        return Path(url).expanduser()
    rest = url.partition(":")[2]
    if rest.startswith("//"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise SourceError(f"{redact(url)}: files on other machines cannot be opened; use file:PATH or file:///PATH")
        return Path(unquote(parts.path))
    return Path(rest).expanduser()


def _is_images(path: Path) -> bool:
    is_glob = not path.exists() and any(mark in path.name for mark in "*?[")
    return is_glob or path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES


def _file_target(path: Path, settings: StreamSettings, *, live: bool) -> ConnectTarget:
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    if not path.is_file():
        raise SourceError(f"{path}: not a regular file or folder")
    target = ConnectTarget("file", str(path))
    try:
        connect(target, settings, live=live).close()
    except PermissionError:
        raise SourceError(f"{path}: permission denied") from None
    return target
