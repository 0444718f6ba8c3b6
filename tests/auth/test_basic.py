"""Tests for user and password in an ``Authorization`` header."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.auth.basic import BasicCredentials

#: What distribution takes, found out by asking it.
ACCEPTED = (
    "Basic b2s6cHc=",
    "basic b2s6cHc=",
    "bAsIc b2s6cHc=",
    "Basic b2s6cHd=",  # with bits that belong to nothing
)
REFUSED = (
    None,
    "",
    "Basic",
    "Basic ",
    "Basic\tb2s6cHc=",
    "Basic  b2s6cHc=",
    "Basic b2s6cHc=\n",
    "Basic b2s6cHc",
    "Basic b2s6cHc==",
    "Basic b2s6cHc=b2s6cHc=",
    "Basic b2s6 cHc=",
    "Basic w6k6cHc_Pg==",
    "Basic bw==",  # no colon
    "Basic b2s6cHdé",
    "Bearer b2s6cHc=",
    "\u0131asic b2s6cHc=",
)


class BasicCredentialsTests(SynchronousTestCase):
    """What a header says, or that it says nothing."""

    def test_accepted(self) -> None:
        """The scheme may be in any case; the rest is base64 as Go takes it."""
        for text in ACCEPTED:
            self.assertEqual(BasicCredentials.parse(text), BasicCredentials(b"ok", b"pw"), text)

    def test_refused(self) -> None:
        """Everything else is no credential at all."""
        for text in REFUSED:
            self.assertIsNone(BasicCredentials.parse(text), text)

    @given(st.binary().filter(lambda user: b":" not in user), st.binary())
    def test_any_bytes(self, user: bytes, password: bytes) -> None:
        """Users and passwords are any bytes, but for the colon, which ends the user's name."""
        text = "Basic " + b64encode(user + b":" + password).decode()
        self.assertEqual(BasicCredentials.parse(text), BasicCredentials(user, password))

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """No text makes it fail."""
        for authorization in (text, f"Basic {text}"):
            found = BasicCredentials.parse(authorization)
            self.assertTrue(found is None or b":" not in found.user)

    def test_together(self) -> None:
        """User and password make one text, which tells where one ends and the other begins."""
        pairs = (
            (b"a", b"b:c"),
            (b"a", b"b\0c"),
            (b"a\0b", b"c"),
            (b"\xff", b""),
            (b"", b"\xff"),
            (b"\xc3", b""),
        )
        self.assertEqual(len({BasicCredentials(*pair).together for pair in pairs}), len(pairs))

    def test_shown(self) -> None:
        """A name that is no UTF-8 can be shown, too; the password never is."""
        found = BasicCredentials(b"\xffeve", b"secret")
        self.assertEqual(found.shown, "\\xffeve")
        self.assertNotIn("secret", repr(found))
