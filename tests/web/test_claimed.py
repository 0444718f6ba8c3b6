"""Who a proxy says the client is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txregistry.web.claimed import claimed_address

ADDRESS = "203.0.113.9"


def claimed(forwarded: tuple[str, ...] = (), real: tuple[str, ...] = ()) -> str:
    """The address that these lines of the two headers claim."""
    headers = Headers()
    for name, lines in (("X-Forwarded-For", forwarded), ("X-Real-Ip", real)):
        for line in lines:
            headers.addRawHeader(name, line)
    return claimed_address(headers)


class ClaimedAddressTests(SynchronousTestCase):
    """What distribution's ``http.request.remoteaddr`` is, header by header."""

    def test_forwarded(self) -> None:
        """The first address of the first line counts, as it was written."""
        for lines, found in (
            ((), ""),
            ((ADDRESS,), ADDRESS),
            ((f"{ADDRESS}, 10.0.0.1",), ADDRESS),
            ((f"  {ADDRESS} ,10.0.0.1",), ADDRESS),
            ((ADDRESS, "203.0.113.1"), ADDRESS),
            (("2001:db8::1",), "2001:db8::1"),
            (("2001:DB8:0::1",), "2001:DB8:0::1"),
            (("::ffff:192.0.2.1",), "::ffff:192.0.2.1"),
        ):
            self.assertEqual(claimed(lines), found)

    def test_no_address(self) -> None:
        """What is no address alone does not count, nor does what stands behind it."""
        for line in (
            "",
            "unknown, 203.0.113.1",
            ", 203.0.113.1",
            f"{ADDRESS}:123",
            "[2001:db8::1]",
            "010.0.0.1",
            "10.1",
            "1",
            "fe80::1%eth0",
            "fe80::1%\x1b[2J",
            f'{ADDRESS} level=error msg="x"',
            f"{ADDRESS}\t",
            "\u0661.1.1.1",
            "1" * 100_000,
        ):
            self.assertEqual(claimed((line,)), "")

    def test_real(self) -> None:
        """Without such a one the other header counts, if it is an address, and not a list."""
        self.assertEqual(claimed(real=("203.0.113.8",)), "203.0.113.8")
        self.assertEqual(claimed(("unknown",), ("203.0.113.8",)), "203.0.113.8")
        self.assertEqual(claimed((ADDRESS,), ("203.0.113.8",)), ADDRESS)
        for line in ("x", "203.0.113.8, 10.0.0.1", ""):
            self.assertEqual(claimed(real=(line,)), "")

    @given(st.text(), st.text())
    def test_nothing_else(self, forwarded: str, real: str) -> None:
        """Nothing gets into the log that way but an address."""
        self.assertRegex(claimed((forwarded,), (real,)), r"\A[0-9a-fA-F.:]*\Z")
