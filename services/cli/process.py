"""Sets a process up that serves: its settings and its log."""

import gc

from services import logging
from services.cli.failure import Failure
from services.observability import tracing
from services.observability.tracing import TracingError
from services.settings import Settings, SettingsError, load_settings

# Between two looks of the garbage collector at young objects; Python's default is 700.
_ALLOCATIONS = 20_000


def current_settings(service: str, *, for_people: bool = False) -> Settings:
    """The settings of the environment, with logging as they say; a Failure names every bad variable.

    `for_people`: where LOG_FORMAT isn't set, the log is written to be read; where LOG_LEVEL isn't, it tells of trouble.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        raise Failure(str(error), "BAD_SETTINGS") from None
    unset = {"log_format", "log_level"} - settings.model_fields_set if for_people else set()
    logging.configure(
        "WARNING" if "log_level" in unset else settings.log_level,
        "console" if "log_format" in unset else settings.log_format,
        service,
    )
    try:
        tracing.start(service)
    except TracingError as error:
        raise Failure(str(error), "BAD_SETTINGS") from None
    return settings


def settled() -> None:
    """Once all is loaded: has the garbage collector leave that alone, and look less often for what is new.

    What a process has imported is most of what it holds, and never garbage; looking through it again and again costs
    a tenth of the time of small runs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 20)


def log_only_trouble() -> None:
    """Logging for a command that serves nobody but itself."""
    logging.configure("WARNING", "console", "run")
