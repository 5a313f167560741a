"""What goes wrong with a format."""

from nodes.errors import PermanentError


class FormatError(PermanentError):
    """A text that isn't of the format it should be, or data that the format can't hold."""

    default_code = "INVALID_FORMAT"
