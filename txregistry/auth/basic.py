"""User and password out of an ``Authorization`` header."""

from __future__ import annotations

import binascii
import re

from attrs import field, frozen

_SCHEME = "basic "
#: What Go's decoder takes: whole groups of four, padded.
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?\Z")


@frozen(slots=True)
class BasicCredentials:
    """
    Who somebody says to be, and the password that shall prove it.  Any bytes do.

    The user's name has no colon.
    """

    user: bytes
    password: bytes = field(repr=False)

    @classmethod
    def parse(cls, authorization: str | None) -> BasicCredentials | None:
        """What the header *authorization* says; ``None`` if it is not of RFC 7617's form."""
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        encoded = authorization[len(_SCHEME) :]
        if not _BASE64.match(encoded):
            return None
        user, colon, password = binascii.a2b_base64(encoded).partition(b":")
        return cls(user, password) if colon else None

    @property
    def shown(self) -> str:
        """The user's name as a text that can stand in a log."""
        return self.user.decode("utf-8", "backslashreplace")

    @property
    def together(self) -> str:
        """User and password in one text, which no other two give."""
        return (self.user + b":" + self.password).decode("latin-1")
