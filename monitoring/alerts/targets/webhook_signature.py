"""Webhook signatures as specified by Standard Webhooks (standardwebhooks.com, v1). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"
_MIN_BYTES = 16


def key_of(secret: str) -> bytes:
    """The key of a secret: base64 after `whsec_`, otherwise the text's UTF-8.

    Raises ValueError, without the secret, for invalid base64 and keys shorter than 16 bytes.
    """
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except ValueError as error:
            raise ValueError(f"a secret that begins with {_PREFIX} must continue in base64") from error
    else:
        key = secret.encode()
    if len(key) < _MIN_BYTES:
        raise ValueError(f"a secret must have {_MIN_BYTES} bytes or more")
    return key


def signed_headers(message_id: str, at_s: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers with a message's id, time and signature; no signature without keys.

    `webhook-signature` holds one HMAC-SHA256 of `id.timestamp.body` per key, separated by spaces.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(at_s)}
    if keys:
        content = f"{message_id}.{at_s}.".encode() + body
        signatures = (base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
        headers["webhook-signature"] = " ".join(f"v1,{signature}" for signature in signatures)
    return headers
