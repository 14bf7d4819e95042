"""The errors that stream/ raises. Pure."""


class StreamError(Exception):
    """Base of all errors of this package."""


class SourceError(StreamError):
    """A source cannot be opened or read; the message is for users: credentials are redacted."""


class CameraAddressError(SourceError):
    """An address cannot be read. The message shows nothing of it.

    `suggestion` is what was probably meant, well encoded: a secret, for nobody but who typed the address.
    """

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


class AddressRefused(SourceError):
    """The policy (`stream.networks`) forbids connections to an address. The same whether anything is there or not."""


class BadImageError(StreamError):
    """An image or a frame was refused before it was decoded, or could not be decoded."""


class TooLargeError(BadImageError):
    """An image or a frame has more bytes, more pixels or more scans than the limits allow."""


class TooSlowError(BadImageError):
    """An image was not decoded in time, because the machine is busy. Later it may be."""


class MailboxClosed(StreamError):
    """The mailbox is closed, by either side."""


class WhipError(StreamError):
    """Base of what a WHIP peer can do wrong (RFC 9725); each class names its HTTP status."""


class BadOfferError(WhipError):
    """400: the SDP offer or fragment cannot be read, or lacks what WebRTC requires."""


class UnsupportedOfferError(WhipError):
    """406: a readable offer that cannot be served: no video, no VP8 or H.264, data channels."""


class TooManySessionsError(WhipError):
    """503: as many WHIP sessions are open as the settings allow."""


class SessionUnknownError(WhipError):
    """404: there is no such WHIP session, or it has ended."""


class EtagMissingError(WhipError):
    """428: a PATCH must carry If-Match with the session's entity tag."""


class EtagMismatchError(WhipError):
    """412: If-Match names another ICE session."""


class RestartUnsupportedError(WhipError):
    """422: ICE restarts are not supported; end the session and start another."""


class TapError(StreamError):
    """The installed aiortc is not the version that the tap was written for."""
