"""What credentials turned out to be, remembered for a while."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Generic, TypeVar

T = TypeVar("T")


class CredentialMemory(Generic[T]):
    """
    Remembers one value for each credential.

    What the credentials are cannot be read from it: it keeps their hash, which
    is keyed by a secret of this process, so that not even known passwords can
    be looked up in a dump of its memory without that.

    :param now: the time, in seconds; it may jump, but what is older than *lifetime* is forgotten.
    :param size: of more than so many, the oldest are forgotten; heavy ones count for several.
    """

    def __init__(self, now: Callable[[], float], lifetime: float, size: int) -> None:
        self._now, self._lifetime, self._size = now, lifetime, size
        self._key = os.urandom(32)
        self._values: dict[bytes, tuple[float, T, int]] = {}
        self._weight = 0

    def key(self, credential: str) -> bytes:
        """What *credential* is remembered under; it is of no use to anybody else."""
        return blake2b(credential.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()

    def get(self, key: bytes) -> T | None:
        """What was remembered under *key*, or ``None``."""
        found = self._values.get(key)
        if found is None:
            return None
        since, value, _ = found
        if 0 <= self._now() - since <= self._lifetime:
            return value
        self._forget(key)
        return None

    def put(self, key: bytes, value: T, weight: int = 1) -> None:
        """Remember *value*, which counts for *weight*, under *key*, from now on."""
        if key in self._values:
            self._forget(key)
        self._values[key] = (self._now(), value, weight)
        self._weight += weight
        while self._weight > self._size:
            self._forget(next(iter(self._values)))

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._weight = 0

    def _forget(self, key: bytes) -> None:
        self._weight -= self._values.pop(key)[2]

    def __len__(self) -> int:
        return len(self._values)
