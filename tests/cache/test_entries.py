"""Tests for the commands that distribution would send."""

from __future__ import annotations

import hiredis
from twisted.trial.unittest import SynchronousTestCase

from txregistry.cache import entries
from txregistry.cache.conversation import Reply
from txregistry.model.digest import Descriptor, Digest
from txregistry.model.names import RepositoryName

DIGEST, ALIAS = Digest.of(b"x"), Digest.of(b"x", "sha512")
D = str(DIGEST).encode()


def commands(packed: bytes) -> list[list[bytes]]:
    """Read commands as Redis does."""
    reader = hiredis.Reader()
    reader.feed(packed)
    found = []
    while (command := reader.gets()) is not False:
        found.append(command)
    return found


class EntriesTests(SynchronousTestCase):
    """The commands, and what is made of their answers."""

    def test_lookup(self) -> None:
        """An entry is asked for by its three parts."""
        found = commands(entries.lookup("a/b", str(DIGEST)))
        self.assertEqual(len(found), entries.LOOKUP)
        self.assertEqual(
            found,
            [
                [b"SISMEMBER", b"repository::a/b::blobs", D],
                [b"HMGET", b"blobs::" + D, b"digest", b"size", b"mediatype"],
                [b"HGET", b"repository::a/b::blobs::" + D, b"mediatype"],
            ],
        )

    def test_write(self) -> None:
        """All three parts are written; the type of the blob itself stays what it was."""
        found = commands(entries.write("a/b", str(DIGEST), Descriptor("text/plain", DIGEST, 12)))
        self.assertEqual(len(found), entries.WRITE)
        self.assertEqual(
            found,
            [
                [b"SADD", b"repository::a/b::blobs", D],
                [b"HMSET", b"blobs::" + D, b"digest", D, b"size", b"12"],
                [b"HSETNX", b"blobs::" + D, b"mediatype", b"text/plain"],
                [b"HSET", b"repository::a/b::blobs::" + D, b"mediatype", b"text/plain"],
            ],
        )

    def test_clearing(self) -> None:
        """All three parts go, the first one first (CVE-2026-35172)."""
        found = commands(entries.clearing("a/b", str(DIGEST)))
        self.assertEqual(len(found), entries.CLEARING)
        self.assertEqual(
            found,
            [
                [b"SREM", b"repository::a/b::blobs", D],
                [b"DEL", b"repository::a/b::blobs::" + D],
                [b"HDEL", b"blobs::" + D, b"digest", b"size", b"mediatype"],
            ],
        )

    def test_clearings(self) -> None:
        """Several clearings are one behind the other."""
        pairs = [(RepositoryName("a"), DIGEST), (RepositoryName("b"), ALIAS)]
        packed, count = entries.clearings(pairs)
        self.assertEqual(count, len(commands(packed)))
        self.assertEqual(packed, entries.clearing("a", str(DIGEST)) + entries.clearing("b", str(ALIAS)))

    def test_hit(self) -> None:
        """A whole entry is a descriptor; the repository's type counts before the blob's."""
        for own, media_type in ((b"text/plain", "text/plain"), (b"", "a/b")):
            replies: list[Reply] = [1, [D, b"12", b"a/b"], own]
            self.assertEqual(entries.descriptor(DIGEST, replies), Descriptor(media_type, DIGEST, 12))

    def test_hit_without_the_blobs_type(self) -> None:
        """The blob's type may be missing."""
        replies: list[Reply] = [1, [D, b"0", None], b"a/b"]
        self.assertEqual(entries.descriptor(DIGEST, replies), Descriptor("a/b", DIGEST, 0))

    def test_alias(self) -> None:
        """An entry may lead to a digest of another algorithm."""
        replies: list[Reply] = [1, [D, b"12", b"a/b"], b"a/b"]
        self.assertEqual(entries.descriptor(ALIAS, replies), Descriptor("a/b", DIGEST, 12))

    def test_miss(self) -> None:
        """Whatever is missing or odd makes it no entry."""
        good: list[Reply] = [1, [D, b"12", b"a/b"], b"a/b"]
        self.assertIsNotNone(entries.descriptor(DIGEST, good))
        other = str(Digest.of(b"other")).encode()
        bad: list[list[Reply]] = [
            [0, *good[1:]],
            [1, [None, b"12", b"a/b"], b"a/b"],
            [1, [D, None, b"a/b"], b"a/b"],
            [1, [D, b"12", b"a/b"], None],
            [1, [D, b"12", None], b""],
            [1, [D, b"-1", b"a/b"], b"a/b"],
            [1, [D, b"", b"a/b"], b"a/b"],
            [1, [D, b"9" * 20, b"a/b"], b"a/b"],
            [1, [D, "1²".encode(), b"a/b"], b"a/b"],
            [1, [b"md5:x", b"12", b"a/b"], b"a/b"],
            [1, [b"\xff", b"12", b"a/b"], b"a/b"],
            [1, [D, b"12", b"a/b"], b"\xff"],
            [1, [other, b"12", b"a/b"], b"a/b"],
            [1, [D, b"12"], b"a/b"],
            good[:2],
            [],
        ]
        for replies in bad:
            self.assertIsNone(entries.descriptor(DIGEST, replies), replies)
