"""How much anybody may ask for in a time. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from limits import RateLimitItem

LimitName = Literal["predict", "batch", "explain", "login", "push", "camera_test", "link"]
LIMITS: tuple[LimitName, ...] = get_args(LimitName)
UNLIMITED = "unlimited"

_UNITS = ("second", "minute", "hour", "day")
_TEXT = re.compile(rf"([1-9][0-9]{{0,5}})/(?:([1-9][0-9]{{0,3}}) ?)?({'|'.join(_UNITS)})s?")


def _checked(text: str) -> str:
    if text != UNLIMITED and not _TEXT.fullmatch(text):
        raise ValueError(
            f"must be `{UNLIMITED}`, or a number per {', '.join(_UNITS)}, such as 30/minute or 5/10 seconds"
        )
    return text


RateText = Annotated[str, AfterValidator(_checked)]


@lru_cache(maxsize=100)
def rate_of(text: str) -> RateLimitItem | None:
    """What `limits` makes of a RateText; None: unlimited."""
    from limits import parse  # every command reads the settings; few count

    return None if text == UNLIMITED else parse(text)


class _Rates(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", validate_default=True)

    def rate(self, name: LimitName) -> RateLimitItem | None:
        """One of the limits; None: unlimited."""
        return rate_of(str(getattr(self, name)))


class ServiceLimits(_Rates):
    """What one service account may do, with all its keys together."""

    predict: RateText = UNLIMITED
    batch: RateText = UNLIMITED
    explain: RateText = UNLIMITED
    login: RateText = UNLIMITED
    push: RateText = UNLIMITED
    camera_test: RateText = UNLIMITED
    link: RateText = UNLIMITED


class RateLimitSettings(_Rates):
    """What one person may do, each counted on its own. In auth.mode none nothing is counted."""

    predict: RateText = Field(default="30/minute", description="Images to POST /v1/predict.")
    batch: RateText = Field(default="5/minute", description="Requests to POST /v1/predict/batch.")
    explain: RateText = Field(default="10/minute", description="Requests to POST /v1/predict/explain.")
    login: RateText = Field(default="5/minute", description="Tries with a password, by address.")
    push: RateText = Field(default="30/minute", description="New sessions of WHIP and of frames.")
    camera_test: RateText = Field(default="10/minute", description="Requests to POST /v1/streams/test.")
    link: RateText = Field(default="300/minute", description="Links that are signed.")
    anonymous: RateText = Field(
        default="600/minute", description="Requests of an address without a credential, or with one that is wrong."
    )
    address_times: int = Field(
        default=10, ge=1, le=1000, description="All people of an address together may do this many times as much."
    )
    services: ServiceLimits = ServiceLimits()
