"""Tests for what stands in an htpasswd file."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.auth.bcrypted import BcryptHash
from txregistry.auth.users import InvalidLine, Users


def hash_text(cost: int) -> bytes:
    """A well-formed hash of *cost*."""
    return b"$2y$%02d$" % cost + b"." * 22 + b"a" * 31


FOUR, FIVE = hash_text(4), hash_text(5)
SECRET = b"secret"


class UsersTests(SynchronousTestCase):
    """Lines to users, and users to what their passwords must match."""

    def test_lines(self) -> None:
        """Blank lines and comments count for nothing, nor does space at the ends; the first colon divides."""
        content = b"\n# a:b\n \t#c\n\r\n alice:%b\r\nsp :%b \xc2\xa0\n\xff:%b\n:%b\nn\x0bm:%b\n\x1cfs:%b"
        users = Users.parse(content % ((FOUR,) * 6))
        self.assertEqual(set(users.hashes), {b"alice", b"sp ", b"\xff", b"", b"n\x0bm", b"\x1cfs"})
        self.assertEqual(set(users.hashes.values()), {BcryptHash.parse(FOUR)})
        self.assertEqual(users.unusable, ())

    def test_empty(self) -> None:
        """An empty file has nobody in it."""
        self.assertEqual(dict(Users.parse(b"").hashes), {})

    def test_duplicates(self) -> None:
        """Of two lines for a user the later one counts, also if it lets nobody in."""
        users = Users.parse(b"a:%b\na:%b\nb:%b\nb:plain" % (FOUR, FIVE, FOUR))
        self.assertEqual(dict(users.hashes), {b"a": BcryptHash.parse(FIVE), b"b": None})

    def test_unusable(self) -> None:
        """Lines whose hash is of another kind let nobody in, and are known by their numbers."""
        users = Users.parse(b"a:plain\nb:%b\nc:$apr1$x$y\nd:x:%b\ne:" % (FOUR, FOUR))
        self.assertEqual(users.unusable, (1, 3, 4, 5))

    def test_invalid(self) -> None:
        """A line without a colon spoils the file, and is named by its number alone."""
        with self.assertRaises(InvalidLine) as caught:
            Users.parse(b"# comment\na:%b\n\nsecret" % FOUR)
        self.assertEqual(caught.exception.number, 4)
        self.assertNotIn("secret", str(caught.exception))

    def test_expected(self) -> None:
        """A known user's password must match what the file says."""
        users = Users.parse(b"a:%b\nb:%b" % (FOUR, FIVE))
        self.assertEqual(users.expected(b"a", SECRET), BcryptHash.parse(FOUR))
        self.assertEqual(users.expected(b"b", SECRET), BcryptHash.parse(FIVE))

    def test_unknown(self) -> None:
        """Users who cannot come in get hashes that nothing matches, at the costs of the others."""
        users = Users.parse(b"a:%b\nb:%b\nc:%b\nmd5:$apr1$x$y" % (FOUR, FOUR, FIVE))
        names = [b"md5", *(b"u%d" % number for number in range(600))]
        found = {name: users.expected(name, SECRET) for name in names}
        self.assertEqual({each.digest for each in found.values()}, {b""})
        self.assertEqual(found, {name: users.expected(name, SECRET) for name in names})
        counts = Counter(each.cost for each in found.values())
        self.assertEqual(set(counts), {4, 5})
        self.assertTrue(1.3 < counts[4] / counts[5] < 3, counts)
        self.assertNotEqual(found, {name: users.expected(name, b"other") for name in names})

    def test_nobody(self) -> None:
        """Where nobody can come in, finding that out costs what it usually does."""
        self.assertEqual(Users.parse(b"a:plain").expected(b"a", SECRET), BcryptHash.matching_nothing(10))

    def test_repr(self) -> None:
        """Hashes are not shown."""
        self.assertNotIn("aaaa", repr(Users.parse(b"a:" + FOUR)))

    @given(st.binary())
    def test_any_content(self, content: bytes) -> None:
        """Any content is read, or is invalid in a line that it has."""
        try:
            users = Users.parse(content)
        except InvalidLine as error:
            self.assertIn(error.number, range(1, content.count(b"\n") + 2))
        else:
            self.assertTrue(all(b":" not in user for user in users.hashes))
