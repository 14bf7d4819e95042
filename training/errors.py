"""What training raises. Pure."""


class TrainingError(Exception):
    """Base of all errors of this package; on the command line a message and exit code 2."""


class MissingExtraError(TrainingError):
    """A command needs the extra `train`, and it is not installed; the message says how to install it."""


class DatasetError(TrainingError):
    """The pictures or labels handed in cannot be used; the message names the file and what is wrong."""


class RunError(TrainingError):
    """A training run cannot start or go on: start weights, run folder or tracking server."""


class ExportError(TrainingError):
    """A model cannot be exported, does not give what its checkpoint gave, or its batch slots mix their boxes."""


class EvaluationError(TrainingError):
    """What is to be measured, or what it is to be measured on, cannot be used."""


class GateError(TrainingError):
    """A model was measured and is not good enough; on the command line exit code 1."""
