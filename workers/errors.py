"""The errors that workers/ raises. Pure."""

from __future__ import annotations

from typing import ClassVar


class WorkerError(Exception):
    """Base of all errors of this package.

    `problem`: its HTTP problem (stable type, status, title), for errors that api has no entry for.
    """

    problem: ClassVar[tuple[str, int, str] | None] = None


class AccessError(WorkerError):
    """Base of refusals: who asks may not have it."""


class Unauthenticated(AccessError):
    """No credential came with the request, or one that is wrong, expired or revoked."""

    problem = ("unauthenticated", 401, "Sign in first")


class Forbidden(AccessError):
    """The principal may not do that; the message names the role that may."""

    problem = ("forbidden", 403, "Not allowed")


class AccessBusy(AccessError):
    """Too many wait to be looked up; whoever asks may try again soon."""

    problem = ("overloaded", 503, "The service is overloaded")


class ModelError(WorkerError):
    """A model is unknown, incomplete, or its files do not match its card."""


class ModelUnknown(ModelError):
    """There is no model of that name, or no such version of it."""


class ModelDamaged(ModelError):
    """A file of a model is missing, or its sha256 is not what the card says."""


class FaceModelMissing(ModelUnknown):
    """There is no face model; the message says how to make it."""

    problem = ("face-model-missing", 503, "There is no face model")


class PromotionError(ModelError):
    """A version cannot be put in service, or there is none to roll back to. What was in service stays."""


class ExplainError(WorkerError):
    """The image has no such detection, or the model no such label."""


class EngineError(WorkerError):
    """A backend is not installed, or cannot run the model."""


class BusError(WorkerError):
    """The bus cannot be used as configured."""


class BusDenied(BusError):
    """The broker does not let this principal do that; the message says what it needs."""


class DatabaseError(WorkerError):
    """Base of what goes wrong with the database."""


class DatabaseUnavailable(DatabaseError):
    """The database is unreachable, or busy for too long."""

    problem = ("store-unavailable", 503, "The database is unavailable")


class DatabaseRefused(DatabaseError):
    """The database cannot be used as configured, or a later version of Livesight made it."""

    problem = ("store-unavailable", 503, "The database is unavailable")


class StreamExists(WorkerError):
    """A stream with that id already runs."""


class StreamUnknown(WorkerError):
    """There is no stream with that id."""


class QuotaReached(WorkerError):
    """As much is stored, or runs, as may; the message names the setting."""

    problem = ("quota-reached", 409, "A limit on what is stored is reached")


class TagUnknown(WorkerError):
    """The camera has no such tag."""

    problem = ("tag-unknown", 404, "There is no such tag")


class NodeClosed(WorkerError):
    """The node is stopping and starts no stream any more."""

    problem = ("node-stopping", 503, "This node is stopping")


class StateUnwritable(WorkerError):
    """The state directory cannot be written; nothing was changed."""

    problem = ("state-unwritable", 503, "The state directory cannot be written")


class SecretLocked(WorkerError):
    """A stored secret cannot be decrypted; it stays as it is. The message says why, and names the key."""

    problem = ("secret-locked", 409, "A stored secret cannot be read")


class ClipUnavailable(WorkerError):
    """No packets of that time of a stream are stored, or no longer."""


class ClipNotYet(ClipUnavailable):
    """The packets have not arrived yet, or the node that has them is unreachable."""


class SettingsError(WorkerError):
    """The configuration has unknown keys or bad values; one line of the message for each."""
