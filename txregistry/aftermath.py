"""What the log says of a failure that no answer to a client tells of."""

from __future__ import annotations

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from txregistry.errors import RegistryError, StorageError


def tell_failure(log: Logger, text: str, failure: Failure | None = None, **facts: object) -> None:
    """
    Tell *log*, as far as it concerns whoever reads it.

    What would only have been an answer to a client is not told: that a blob
    is unknown, or a session gone.  A failure of the storage is one line with
    its reason.  Anything else is a fault of ours, with its traceback.

    :param text: what failed; may name *facts* in braces.
    :param failure: why; by default the exception that is being handled.
    """
    failure = Failure() if failure is None else failure
    error = failure.value
    if isinstance(error, StorageError):
        log.error(f"{text}: {{reason}}", reason=str(error), **facts)
    elif not isinstance(error, RegistryError):
        log.failure(text, failure, LogLevel.error, **facts)
