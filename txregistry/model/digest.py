"""Digests and descriptors: how content is named (OCI image-spec, descriptor.md)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from hashlib import _Hash

_HEX = re.compile(r"[0-9a-f]+\Z")

#: The algorithms under which content may be pushed, with the length of their encoded part in characters.
ALGORITHMS = {"sha256": 64, "sha384": 96, "sha512": 128}

_NEW: dict[str, Callable[..., _Hash]] = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}

CANONICAL = "sha256"

OCTET_STREAM = "application/octet-stream"


class InvalidDigest(ValueError):
    """*text* is no digest that this registry can serve; *reason* says why in a few words."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{reason}: {text[:200]!r}")
        self.text, self.reason = text, reason


@frozen(slots=True)
class Digest:
    """The name of content: a hash algorithm and the lower-case hex of the hash."""

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """
        Read ``algorithm:hex``.

        :raises InvalidDigest: the form, the algorithm or the length is wrong.
        """
        algorithm, colon, encoded = text.partition(":")
        if not colon:
            raise InvalidDigest(text, "invalid checksum digest format")
        length = ALGORITHMS.get(algorithm)
        if length is None:
            raise InvalidDigest(text, "unsupported digest algorithm")
        if not _HEX.match(encoded):
            raise InvalidDigest(text, "invalid checksum digest format")
        if len(encoded) != length:
            raise InvalidDigest(text, "invalid checksum digest length")
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, content: bytes, algorithm: str = CANONICAL) -> Digest:
        """The digest of *content*, which is in memory anyway and small."""
        return cls(algorithm, _NEW[algorithm](content).hexdigest())

    def hasher(self) -> _Hash:
        """A new hash object of this digest's algorithm."""
        return _NEW[self.algorithm]()

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"


#: The digest of nothing at all: the only blob that a commit may make without any data.
EMPTY = Digest.of(b"")


@frozen(slots=True)
class Descriptor:
    """What is known of content without reading it.  *size* is in bytes."""

    media_type: str
    digest: Digest
    size: int
