"""What stream/ raises. Pure."""


class StreamError(Exception):
    """Base of all errors of this package."""


class SourceError(StreamError):
    """A source cannot be opened or read; the message is fit for users: credentials are redacted."""


class BadImageError(StreamError):
    """A pushed picture was refused before it was decoded, or could not be decoded."""


class TooLargeError(BadImageError):
    """A pushed picture has more bytes or more pixels than the limits allow."""


class MailboxClosed(StreamError):
    """The other side of a mailbox is gone."""
