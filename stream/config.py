"""The configuration of one stream, and the settings of all sources. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from stream.errors import CameraAddressError
from stream.network.camera_address import (
    MOST_CHARACTERS,
    CameraAddress,
    is_network_url,
    parse_address,
)
from stream.network.networks import NetworkSettings

STREAM_ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
StreamId = Annotated[str, Field(pattern=STREAM_ID_PATTERN)]
MODEL_NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
ModelName = Annotated[str, Field(pattern=MODEL_NAME_PATTERN)]
SaysWho = Annotated[bool, Field(description="Say who is seen, of those who are enrolled.")]
MaxFps = Annotated[
    float, Field(ge=0.01, le=240, description="Analyse at most this many frames a second; null: no limit.")
]

DEFAULT_MODELS = ("mask",)
"""What analyses a stream, or an image, where nobody names models."""


_CREDENTIALS = ("user", "password")
SECRET_FIELDS = ("url", *_CREDENTIALS)
"""The fields of StreamConfig that are secret, or may hold what is: addresses carry tokens."""


class Change(Enum):
    """What a change of a field does to a stream that runs. A field that says nothing: a new session."""

    TAKEN_OVER = "taken over"
    """The stream goes on with it: the same connection, session and tracks."""


class StreamConfig(BaseModel):
    """One stream as its user configured it. `url` is None for pushed streams (WHIP, WebSocket frames).

    The address of a camera in a network is put together from its parts: user and password, however they were given,
    are in the fields of their name only.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", hide_input_in_errors=True)

    id: StreamId
    url: str | None = Field(default=None, max_length=MOST_CHARACTERS, repr=False)
    user: str | None = Field(default=None, max_length=256, repr=False, description="Who signs in at the camera.")
    password: str | None = Field(default=None, max_length=1024, repr=False, description="Write-only.")
    models: tuple[ModelName, ...] = Field(default=DEFAULT_MODELS, min_length=1, max_length=8)
    enabled: bool = True
    blur: bool = Field(default=False, description="Blur what the models find, before any frame leaves the server.")
    max_fps: Annotated[MaxFps | None, Change.TAKEN_OVER] = None
    identity: Annotated[SaysWho, Change.TAKEN_OVER] = False

    @model_validator(mode="before")
    @classmethod
    def _address_in_parts(cls, given: Any) -> Any:
        return address_in_parts(given)

    @property
    def address(self) -> CameraAddress | None:
        """Where the camera is; None for what is pushed, or on this machine."""
        if self.url is None or not is_network_url(self.url):
            return None
        return parse_address(self.url, self.user, self.password)

    def keeps_session(self, after: StreamConfig) -> bool:
        """Whether a stream that runs takes over all that is different in `after`."""
        return all(
            Change.TAKEN_OVER in field.metadata or getattr(self, name) == getattr(after, name)
            for name, field in StreamConfig.model_fields.items()
        )

    def changed(self, changes: dict[str, Any]) -> StreamConfig:
        """With other values. Another camera does not get the password of the one before: it is to be given again.

        Raises CameraAddressError.
        """
        values = {**self.model_dump(), **changes}
        if changes.get("url") is not None:
            try:
                asked = parse_address(changes["url"].strip())
            except CameraAddressError:
                asked = None  # the validation says what is wrong
            moved = asked is None or self.address is None or asked.origin != self.address.origin
            if moved or (asked is not None and asked.user is not None):
                values |= {name: changes.get(name) for name in _CREDENTIALS}
        if "user" in changes and changes["user"] is None:
            values["password"] = None
        try:
            return StreamConfig.model_validate(values)
        except ValidationError as error:
            raise CameraAddressError(str(error.errors()[0]["msg"])) from None


def address_in_parts(given: Any) -> Any:
    """A stream's fields, with user and password taken out of the URL. Raises what pydantic reports as an error."""
    if not isinstance(given, dict) or not isinstance(url := given.get("url"), str) or len(url) > MOST_CHARACTERS:
        return given
    user, password = (given.get(name) for name in _CREDENTIALS)
    if not all(value is None or isinstance(value, str) for value in (user, password)):
        return given  # the fields say what is wrong
    try:
        url = url.strip(" ")
        if not is_network_url(url):
            if not url.isprintable():
                raise CameraAddressError("the URL contains a control character, such as a line break; remove it")
            if user is not None or password is not None:
                raise CameraAddressError("user and password are for cameras in a network only")
            return {**given, "url": url}
        found = parse_address(url, user, password)
    except CameraAddressError as error:
        # not a ValueError: that one would carry the input
        context = {"reason": str(error), "suggestion": error.suggestion}
        raise PydanticCustomError("camera_address", "{reason}", context) from None
    return {**given, "url": found.plain, "user": found.user, "password": found.password}


def _unlike(streams: tuple[StreamConfig, ...]) -> tuple[StreamConfig, ...]:
    ids = [config.id for config in streams]
    for config in streams:
        if config.url is None:
            raise ValueError(f"stream {config.id} has no url")
        if ids.count(config.id) > 1:
            raise ValueError(f"there are two streams {config.id}")
    return streams


ConfiguredStreams = Annotated[tuple[StreamConfig, ...], AfterValidator(_unlike)]
"""The streams of the configuration: each with a URL and an id of its own."""


class StreamSettings(BaseModel):
    """How sources connect, wait and give up, and what they may take. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    stall_timeout_s: float = Field(default=10.0, gt=0, le=120, description="Silence after which a source reconnects.")
    stalled_after_s: float = Field(default=2.0, gt=0, description="Silence after which a source is shown as stalled.")
    late_s: float = Field(
        default=1.0, gt=0, description="A camera that is read this late, for this long, skips to a newer key frame."
    )
    backoff_min_s: float = Field(default=0.5, gt=0)
    backoff_max_s: float = Field(default=30.0, gt=0)
    max_streams: int = Field(
        default=256,
        ge=1,
        le=10_000,
        description="Most streams of a process: one more is not accepted over HTTP, nor pushed.",
    )
    rtsp_transport: str = Field(default="tcp", pattern="^(tcp|udp)$")
    networks: NetworkSettings = Field(default=NetworkSettings(), description="Where cameras may be.")
    ring_bytes: int = Field(default=32 * 2**20, ge=2**20, description="Most bytes of encoded packets a stream stores.")
    ring_s: float = Field(
        default=20.0,
        gt=0,
        description="Encoded packets older than this, and than the newest key frame, are dropped. Clips of "
        "alerts, from 5 s before to 5 s after, need 10 s and the time until they are requested.",
    )
    image_bytes: int = Field(default=16 * 2**20, description="Largest image that is uploaded or pushed, in bytes.")
    image_pixels: int = Field(
        default=12 * 2**20,
        gt=0,
        le=2**28,
        description="Largest image that is uploaded for a prediction or an explanation, in pixels; 4096 × 3072.",
    )
    frame_pixels: int = Field(
        default=36_000_000,
        gt=0,
        le=2**28,
        description="Largest frame of a stream, in pixels, however it comes: pulled, pushed or by WebRTC; 8192 × 4320.",
    )
    image_fps: float = Field(default=5.0, gt=0, description="Images a second of a folder that plays as a live stream.")
    ephemeral_s: float = Field(default=30.0, ge=0, description="How long a pushed stream outlives its push.")
    whip_sessions: int = Field(default=64, ge=1)
    whip_timeout_s: float = Field(default=10.0, gt=0, description="Silence after which a WHIP peer counts as gone.")
    ice_servers: tuple[str, ...] = ()
    nat_1to1_address: str | None = None
