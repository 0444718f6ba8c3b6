"""What a process that makes load tells its parent."""

from attrs import frozen

__all__ = ["Outcome", "say_ready"]


@frozen
class Outcome:
    """
    What was done: whole blobs or requests, the bytes of bodies, and the seconds it took.

    :ivar refused: how many of the requests were answered 401.
    :ivar put_off: how many of them were answered 429.
    """

    done: int
    size: int
    seconds: float
    refused: int = 0
    put_off: int = 0


def say_ready() -> None:
    """Tell the parent that everything is prepared and the clock starts."""
    print("ready", flush=True)
