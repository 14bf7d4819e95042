"""Why a camera cannot be had, in words that say what to do; the same for RTSP and HTTP. Pure.

Nothing of what the camera wrote is repeated: a number of its answer is, with the words that the standard has for it.
"""

from __future__ import annotations

import errno
import socket
import ssl
from http import HTTPStatus

_RTSP_ONLY = {
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    551: "Option not supported",
}
_PLAIN = {
    403: "it denies access: the user may not see this, or this machine may not connect",
    404: "it has no video at this path",
    405: "it does not show video this way: perhaps the path is another",
    410: "it has no video at this path any more",
    453: "it has no bandwidth left for one more viewer",
    461: "it does not send video over this transport: stream.rtsp_transport names another",
    429: "it is asked too often",
    503: "it serves nobody more for now",
}
_HTTP = frozenset(int(known) for known in HTTPStatus)
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})
_NO_ANSWER_YET = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL})


def status_in_words(status: int, *, signed: bool, rtsp: bool = False) -> str:
    """An answer that is a refusal. signed: with user and password."""
    phrase = _RTSP_ONLY.get(status) if rtsp else None
    if phrase is None:
        phrase = HTTPStatus(status).phrase if status in _HTTP else ""
    words = f"{status} {phrase}".rstrip()
    if status == HTTPStatus.UNAUTHORIZED:
        return f"{'it does not accept user and password' if signed else 'it asks for user and password'} ({words})"
    if (plain := _PLAIN.get(status)) is not None:
        return f"{plain} ({words})"
    return f"it failed ({words})" if status >= 500 else f"answered {words}"


def name_in_words(error: OSError | UnicodeError) -> str:
    """A host name that could not be resolved."""
    if isinstance(error, socket.gaierror) and error.errno in _NO_ANSWER_YET:
        return "its host name cannot be looked up now: the name server does not answer"
    return "its host name is not known"


def connection_in_words(error: OSError, timeout_s: float) -> str:
    """A connection that was not made."""
    if isinstance(error, TimeoutError):
        return f"no answer within {round(timeout_s, 1):g} s of connecting"
    if isinstance(error, ConnectionRefusedError):
        return "Connection refused: nothing listens at this port"
    if error.errno in _UNREACHABLE:
        return "there is no route to it"
    return error.strerror or "cannot be reached"


def tls_in_words(error: OSError, timeout_s: float) -> str:
    """A connection that could not be encrypted."""
    if isinstance(error, TimeoutError):
        return f"no TLS connection: no answer within {round(timeout_s, 1):g} s"
    if isinstance(error, ssl.SSLEOFError | ConnectionError):
        return "no TLS connection: it closed the connection; perhaps it speaks no TLS at this port"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"):
            return "no TLS connection: it speaks no TLS at this port"
        return f"no TLS connection: {reason.replace('_', ' ').lower() or 'the handshake failed'}"
    return f"no TLS connection: {error.strerror or type(error).__name__}"


CLOSED = "closed the connection without an answer: perhaps something else than a camera listens there"
"""Of a peer that ended the connection before it said anything of use."""
