"""The keys that secrets of cameras are encrypted with. Pure."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from workers.access.cluster_keys import check_secret


class SecretSettings(BaseModel):
    """Any texts of 32 bytes or more. The same in all processes that share cameras over Kafka.

    Neither `key` nor `key_file`: they come of the cluster's secret, where there is one, else a single process makes its
    own, state_dir/secrets.key.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", hide_input_in_errors=True)

    key: SecretStr | None = Field(default=None, description="Encrypts what is stored from now on.")
    older_keys: tuple[SecretStr, ...] = Field(
        default=(), max_length=16, description="Decrypt too, until all is encrypted with the newer one."
    )
    key_file: Path | None = Field(
        default=None, description="A file of keys instead, one a line: the first encrypts, all decrypt."
    )

    @field_validator("key")
    @classmethod
    def _is_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_secret(value.get_secret_value())
        return value

    @field_validator("older_keys")
    @classmethod
    def _are_keys(cls, values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for value in values:
            check_secret(value.get_secret_value())
        return values

    @model_validator(mode="after")
    def _fit(self) -> SecretSettings:
        if self.key is not None and self.key_file is not None:
            raise ValueError("key and key_file: set one of the two")
        return self
