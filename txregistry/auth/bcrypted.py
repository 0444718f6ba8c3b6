"""Passwords as bcrypt hashes: their form, and whether one fits."""

from __future__ import annotations

import hmac
import re
import time

import bcrypt
from attrs import field, frozen

#: The cost of hashes that we make ourselves.
DEFAULT_COST = 10
#: What a hash may cost.  Above, a single check would take minutes.
COSTS = range(4, 21)

#: As Go reads them: it looks neither at the letter behind the 2, nor at what follows the 60 characters.
_HASH = re.compile(rb"\$2[^$]?\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})", re.DOTALL)
_ALPHABET = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#: What bcrypt looks at of a password.  Go drops the rest without a word, and our library refuses it.
_PASSWORD_LIMIT = 72


@frozen(slots=True)
class BcryptHash:
    """
    The hash of a password.

    :ivar cost: the work that a check takes doubles with each.
    :ivar digest: nothing matches an empty one, and that takes as long to find out.
    """

    cost: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: bytes) -> BcryptHash | None:
        """The hash that *text* is; ``None`` if there is none, or one that is too dear."""
        match = _HASH.match(text)
        if match is None or int(match[1]) not in COSTS:
            return None
        salt = match[2]
        # Its last character holds four bits too many.  Go overlooks them, our library wants zeros there.
        last = _ALPHABET.index(salt[-1:]) & 0x30
        return cls(int(match[1]), salt[:-1] + _ALPHABET[last : last + 1], match[3])

    @classmethod
    def matching_nothing(cls, cost: int) -> BcryptHash:
        """One of *cost* that no password has."""
        return cls(cost, b"." * 22, b"")

    def matches(self, password: bytes) -> bool:
        """Whether *password* has this hash.  This takes its time, during which it holds no lock."""
        setting = b"$2b$%02d$%b" % (self.cost, self.salt)
        found = bcrypt.hashpw(password[:_PASSWORD_LIMIT], setting)[len(setting) :]
        return hmac.compare_digest(found, self.digest)


@frozen(slots=True)
class Checked:
    """How a check came out, and how many *seconds* it took."""

    matched: bool
    seconds: float


def check(expected: BcryptHash, password: bytes) -> Checked:
    """Find out whether *password* has the hash *expected*."""
    began = time.perf_counter()
    matched = expected.matches(password)
    return Checked(matched, time.perf_counter() - began)


def hashed(password: bytes, cost: int = DEFAULT_COST) -> bytes:
    """A new hash of *password*, of at most 72 bytes, as a file has it."""
    return bcrypt.hashpw(password, bcrypt.gensalt(cost, prefix=b"2a"))
