"""
How Redis remembers descriptors: the keys, hashes and commands of distribution, which may share it.

A blob has a hash of its own, ``blobs::DIGEST``.  A repository has a set of
its blobs' digests, and for each of them a hash of what differs there, which
nothing ever does.  An entry counts only if all three are there.
"""

from __future__ import annotations

from collections.abc import Sequence

from txregistry.cache.clearings import Entry
from txregistry.cache.conversation import Reply, pack
from txregistry.model.digest import Descriptor, Digest, InvalidDigest

#: How many commands each of these is.
LOOKUP, WRITE, CLEARING = 3, 4, 3

#: Where the sets of all repositories are.
ALL_SETS = b"repository::*::blobs"

_FIELDS = (b"digest", b"size", b"mediatype")


def _keys(name: str, digest: str) -> tuple[bytes, bytes, bytes, bytes]:
    """The digest, the blob's hash, the repository's set, and the repository's hash."""
    encoded = digest.encode()
    members = b"repository::%b::blobs" % name.encode()
    return encoded, b"blobs::" + encoded, members, b"%b::%b" % (members, encoded)


def lookup(name: str, digest: str) -> bytes:
    """Ask for an entry: :func:`descriptor` reads what comes back."""
    member, blob, members, own = _keys(name, digest)
    return (
        pack(b"SISMEMBER", members, member)
        + pack(b"HMGET", blob, *_FIELDS)
        + pack(b"HGET", own, b"mediatype")
    )


def descriptor(digest: Digest, replies: list[Reply]) -> Descriptor | None:
    """
    What a lookup of *digest* brought; ``None`` if anything is missing or odd.

    :param replies: without errors.
    """
    match replies:
        case [1, [bytes(target), bytes(size), media_type], bytes(own)]:
            pass
        case _:
            return None
    try:
        found = digest if target == str(digest).encode() else Digest.parse(target.decode())
        text = (own or media_type or b"").decode()
    except (InvalidDigest, UnicodeError):
        return None
    if not text or not size.isdigit() or len(size) > 19:
        return None
    if found != digest and found.algorithm == digest.algorithm:
        return None
    return Descriptor(text, found, int(size))


def write(name: str, digest: str, entry: Descriptor) -> bytes:
    """
    Write an entry.

    Of an alias distribution writes the entry of what it leads to as well.  Here that is left out: the
    repository may have no link to it.
    """
    member, blob, members, own = _keys(name, digest)
    media_type = entry.media_type.encode()
    return (
        pack(b"SADD", members, member)
        + pack(b"HMSET", blob, b"digest", str(entry.digest).encode(), b"size", b"%d" % entry.size)
        + pack(b"HSETNX", blob, b"mediatype", media_type)
        + pack(b"HSET", own, b"mediatype", media_type)
    )


def clearing(name: str, digest: str) -> bytes:
    """
    Clear an entry: here for good, and elsewhere until somebody asks the storage again.

    Without the first two commands it would be back as soon as another repository's entry is written
    (CVE-2026-35172).  Distribution 3.1 sends all three as one transaction.  But a Redis without memory
    refuses those, while it takes each of the three; and an entry counts for nobody from the first on.
    """
    member, blob, members, own = _keys(name, digest)
    return pack(b"SREM", members, member) + pack(b"DEL", own) + pack(b"HDEL", blob, *_FIELDS)


def clearings(entries: Sequence[Entry]) -> tuple[bytes, int]:
    """Clear several: the commands, and how many they are."""
    packed = [clearing(name.text, str(digest)) for name, digest in entries]
    return b"".join(packed), CLEARING * len(packed)


def scan(cursor: bytes) -> bytes:
    """Ask for some of the sets of all repositories."""
    return pack(b"SCAN", cursor, b"MATCH", ALL_SETS, b"COUNT", b"1000")


def removal(keys: list[bytes]) -> bytes:
    """Remove *keys*, of which there is at least one, in a single command."""
    return pack(b"DEL", *keys)
