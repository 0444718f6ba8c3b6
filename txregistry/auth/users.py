"""What stands in an htpasswd file."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

from attrs import field, frozen

from txregistry.auth.bcrypted import DEFAULT_COST, BcryptHash

#: What Go trims from the ends of a line.
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


class InvalidLine(Exception):
    """The line *number*, counted from 1, is neither an entry nor blank nor a comment."""

    def __init__(self, number: int) -> None:
        super().__init__(f"line {number} has no colon")
        self.number = number


@frozen
class Users:
    """
    Who may come in, and by which password.

    :ivar hashes: by user; ``None`` for those whom no password lets in.
    :ivar unusable: the numbers of the lines whose hash is none that could match.
    """

    hashes: Mapping[bytes, BcryptHash | None] = field(repr=False)
    unusable: tuple[int, ...] = ()
    _costs: tuple[int, ...] = field(init=False, repr=False)

    @_costs.default
    def _(self) -> tuple[int, ...]:
        return tuple(sorted(each.cost for each in self.hashes.values() if each is not None))

    @classmethod
    def parse(cls, content: bytes) -> Users:
        """
        Read the content of a file.

        :raises InvalidLine: one of its lines makes no sense.
        """
        hashes: dict[bytes, BcryptHash | None] = {}
        unusable: list[int] = []
        for number, raw in enumerate(content.split(b"\n"), 1):
            line = raw.decode("utf-8", "surrogateescape").strip(_SPACE).encode("utf-8", "surrogateescape")
            if not line or line.startswith(b"#"):
                continue
            user, colon, text = line.partition(b":")
            if not colon:
                raise InvalidLine(number)
            hashes[user] = found = BcryptHash.parse(text)
            if found is None:
                unusable.append(number)
        return cls(MappingProxyType(hashes), tuple(unusable))

    def expected(self, user: bytes, secret: bytes) -> BcryptHash:
        """
        What the password of *user* must match.

        For a user who cannot come in it is a hash that nothing matches.  What
        it costs is drawn from the costs of the others, the same for the same
        user each time: how long a check takes does not tell who is known.

        :param secret: keeps strangers from drawing, too; of at most 64 bytes.
        """
        found = self.hashes.get(user)
        if found is not None:
            return found
        if not self._costs:
            return BcryptHash.matching_nothing(DEFAULT_COST)
        drawn = int.from_bytes(blake2b(user, key=secret, digest_size=16).digest(), "big")
        return BcryptHash.matching_nothing(self._costs[drawn % len(self._costs)])
