"""What `--source` and `--models` mean: `ID=URL`, a URL or a path; model names. Reads whether a path exists."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from pydantic import ValidationError

from stream.config import DEFAULT_MODELS, StreamConfig
from stream.errors import SourceError
from stream.network.camera_address import is_plain_word
from stream.url_redaction import redact
from workers.cli.yaml_file import expand
from workers.validation import first_reason

_NAMED = re.compile(r"([A-Za-z0-9_-]+)=(.+)", re.S)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


def named_source(text: str, taken: Collection[str] = (), models: tuple[str, ...] = DEFAULT_MODELS) -> StreamConfig:
    """One `--source`. Without an id it gets one that is not in `taken`, from its path or as `cam1`.

    Raises SourceError for an invalid id, or one that is taken.
    """
    text = expand(text)
    match = _NAMED.fullmatch(text)
    url = as_url(match[2] if match else text)
    stream_id: str = match[1] if match else _free(_name_from(url), taken)
    if stream_id in taken:
        raise SourceError(f"{redact(text)}: a stream {stream_id} already exists; give this one another id with ID=URL")
    try:
        return StreamConfig(id=stream_id, url=url, models=models)
    except ValidationError as error:
        raise SourceError(f"{redact(text)}: {first_reason(error, 'stream')}") from error


def named_sources(texts: Iterable[str], taken: Iterable[str] = ()) -> list[StreamConfig]:
    """Several `--source`, each with an id of its own that is not in `taken`. Raises as named_source."""
    configs: list[StreamConfig] = []
    ids = set(taken)
    for text in texts:
        configs.append(named_source(text, ids))
        ids.add(configs[-1].id)
    return configs


def as_url(text: str) -> str:
    """A path as `file:PATH`; a URL unchanged."""
    if _SCHEME.match(text) and not Path(text).exists():
        return text
    return f"file:{text}"


def _name_from(url: str) -> str | None:
    """`entrance` from rtsp://host/entrance, `clip` from file:clip.mp4, `device0`, `demo`; None without any."""
    scheme, _, rest = url.partition(":")
    if scheme.lower() in ("demo", "device"):
        return f"{scheme.lower()}{rest.split('?')[0]}" if scheme.lower() == "device" else "demo"
    path = rest if scheme == "file" else rest.partition("?")[0].removeprefix("//").partition("/")[2]
    last = path.rstrip("/").rpartition("/")[2]
    if scheme != "file" and not is_plain_word(last):
        return None  # it may be a password
    words = re.findall(r"[a-z0-9]+", last.partition(".")[0].lower())
    return "-".join(words)[:50].strip("-") or None


def _free(name: str | None, taken: Collection[str]) -> str:
    """`name`, or `name-2` and so on; without a name `cam1`, `cam2` …"""
    stem = f"{name}-" if name else "cam"
    candidates = (f"{stem}{number}" for number in range(2 if name else 1, len(taken) + 3))
    free: str = next(one for one in (*((name,) if name else ()), *candidates) if one not in taken)
    return free


def model_names(text: str | None) -> tuple[str, ...]:
    """The names in `--models`, such as `mask,mask-classifier`; the default ones when empty."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip()) or DEFAULT_MODELS
