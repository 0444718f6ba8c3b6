"""Tests for digests."""

from __future__ import annotations

import contextlib
import hashlib
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import digests
from txregistry.model.digest import ALGORITHMS, EMPTY, Digest, InvalidDigest

HEX = "0123456789abcdef" * 8


class DigestTests(SynchronousTestCase):
    """Parsing, making and printing."""

    @given(digests())
    def test_round_trip(self, digest: Digest) -> None:
        """What is printed parses to the same digest."""
        self.assertEqual(Digest.parse(str(digest)), digest)

    @given(st.binary(), st.sampled_from(sorted(ALGORITHMS)))
    def test_of(self, content: bytes, algorithm: str) -> None:
        """The digest of content is its hash, and the running hash comes to the same."""
        digest = Digest.of(content, algorithm)
        self.assertEqual(digest.encoded, hashlib.new(algorithm, content).hexdigest())
        hasher = digest.hasher()
        hasher.update(content)
        self.assertEqual(hasher.hexdigest(), digest.encoded)
        self.assertEqual(Digest.parse(str(digest)), digest)

    def test_canonical(self) -> None:
        """SHA-256 is the algorithm when nothing else is said."""
        self.assertEqual(
            str(EMPTY), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )

    def test_refused(self) -> None:
        """Each kind of fault has its reason."""
        for text, reason in (
            ("", "format"),
            ("sha256", "format"),
            (HEX[:64], "format"),
            (":" + HEX[:64], "unsupported"),
            ("md5:" + HEX[:32], "unsupported"),
            ("sha1:" + HEX[:40], "unsupported"),
            ("SHA256:" + HEX[:64], "unsupported"),
            ("sha256+b64:" + HEX[:64], "unsupported"),
            (" sha256:" + HEX[:64], "unsupported"),
            ("sha256:", "format"),
            ("sha256:" + HEX[:64].upper(), "format"),
            ("sha256:" + HEX[:63] + "g", "format"),
            ("sha256:" + HEX[:63] + "\n", "format"),
            ("sha256:" + HEX[:64] + "\n", "format"),
            ("sha256:" + HEX[:63] + "\u0663", "format"),
            ("sha256:../" + HEX[:61], "format"),
            ("sha256:" + HEX[:60] + "/../", "format"),
            ("sha256:" + HEX[:63], "length"),
            ("sha256:" + HEX[:65], "length"),
            ("sha512:" + HEX[:64], "length"),
            ("sha384:" + HEX, "length"),
            ("sha256:sha256:" + HEX[:64], "format"),
        ):
            with self.assertRaises(InvalidDigest) as caught:
                Digest.parse(text)
            self.assertIn(reason, caught.exception.reason, text)
            self.assertEqual(caught.exception.text, text)

    def test_long(self) -> None:
        """A text of megabytes is refused in no time, and cut in the error's own text."""
        started = time.process_time()
        for text in ("a" * (1 << 22), "sha256:" + "a" * (1 << 22), ":" * (1 << 22)):
            with self.assertRaises(InvalidDigest) as caught:
                Digest.parse(text)
            self.assertLess(len(str(caught.exception)), 300)
        self.assertLess(time.process_time() - started, 5)

    @given(st.text() | st.text("sha256:0123abc/."))
    def test_any_text(self, text: str) -> None:
        """Any text is refused or prints as it was."""
        with contextlib.suppress(InvalidDigest):
            self.assertEqual(str(Digest.parse(text)), text)
