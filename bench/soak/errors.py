"""What ends a soak, and what only ends one step of a client."""

__all__ = ["Fault", "Interrupted"]


class Fault(Exception):
    """The registry broke a promise: something is lost, wrong, or was answered with what must not be."""


class Interrupted(Exception):
    """A request failed while the registry was out of service on purpose; it may have done its work or not."""
