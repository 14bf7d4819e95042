"""What training raises. Pure."""


class TrainingError(Exception):
    """Base of all errors of this package."""


class DatasetError(TrainingError):
    """The pictures or labels handed in cannot be used; the message names the file and what is wrong."""


class ExportError(TrainingError):
    """An exported model does not give what its checkpoint gave, or its batch slots mix their boxes."""
