"""Tests for upload tokens, chunks and ids."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import repository_names
from txregistry.model.names import RepositoryName
from txregistry.model.times import NEVER
from txregistry.model.upload import (
    Append,
    BadLength,
    ForgedToken,
    IllegalBase64,
    InvalidToken,
    Malformed,
    OutOfOrder,
    Repeat,
    UploadState,
    divide,
    may_be_upload_id,
    new_upload_id,
    place,
    range_header,
    repeats,
)

SECRET = b"sekret"
STATE = UploadState(
    "library/alpine",
    "0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11",
    90,
    datetime(2024, 5, 1, 10, 20, 30, tzinfo=UTC),
)
#: What distribution makes of that.
TOKEN = (
    "RGwV-16hDWxgUxeofpOBD5KvtANDGTljY3BekgzyrQN7Ik5hbWUiOiJsaWJyYXJ5L2FscGluZSIsIlVVSUQiOiIwZjBjMmI1ZS04YTJh"
    "LTRiOGUtOWE1OC05ZDNhNGY5ZjVkMTEiLCJPZmZzZXQiOjkwLCJTdGFydGVkQXQiOiIyMDI0LTA1LTAxVDEwOjIwOjMwWiJ9"
)


def signed(text: bytes) -> str:
    """A token that holds *text*, by our secret."""
    return base64.urlsafe_b64encode(hmac.digest(SECRET, text, "sha256") + text).decode()


class UploadStateTests(SynchronousTestCase):
    """Packing and unpacking."""

    def test_distribution(self) -> None:
        """The token is distribution's, byte for byte, both ways."""
        self.assertEqual(STATE.pack(SECRET), TOKEN)
        self.assertEqual(UploadState.unpack(TOKEN, SECRET), STATE)

    @given(
        repository_names(),
        st.uuids(),
        st.integers(0, (1 << 63) - 1),
        st.datetimes(timezones=st.just(UTC)),
        st.binary(),
    )
    def test_round_trip(
        self, name: RepositoryName, uuid: UUID, offset: int, started_at: datetime, secret: bytes
    ) -> None:
        """What was packed unpacks to the same state."""
        state = UploadState(name.text, str(uuid), offset, started_at)
        self.assertEqual(UploadState.unpack(state.pack(secret), secret), state)

    @given(st.integers(0, len(TOKEN) - 1), st.characters())
    def test_changed(self, at: int, character: str) -> None:
        """A token with any one character changed is refused."""
        changed = TOKEN[:at] + character + TOKEN[at + 1 :]
        if changed != TOKEN:
            self.assertRaises(InvalidToken, UploadState.unpack, changed, SECRET)

    def test_changed_anywhere(self) -> None:
        """No character of a token is left unverified."""
        for at, character in enumerate(TOKEN):
            changed = TOKEN[:at] + ("B" if character == "A" else "A") + TOKEN[at + 1 :]
            self.assertRaises(InvalidToken, UploadState.unpack, changed, SECRET)

    @given(st.integers(0, len(TOKEN) - 1))
    def test_cut(self, length: int) -> None:
        """A token that lost its end is refused."""
        self.assertRaises(InvalidToken, UploadState.unpack, TOKEN[:length], SECRET)

    @given(st.text() | st.text("abcXYZ019-_="))
    def test_any_text(self, token: str) -> None:
        """Nothing that a stranger makes up is accepted, and nothing else is raised."""
        self.assertRaises(InvalidToken, UploadState.unpack, token, SECRET)

    def test_other_secret(self) -> None:
        """Another secret's token is forged."""
        self.assertRaises(ForgedToken, UploadState.unpack, TOKEN, b"other")
        self.assertRaises(ForgedToken, UploadState.unpack, "", SECRET)
        self.assertRaises(ForgedToken, UploadState.unpack, "YWJj", SECRET)

    def test_without_secret(self) -> None:
        """Who has no secret reads what anybody signed; the rest of a token must be right all the same."""
        for secret in (SECRET, b"other", b"", None):
            self.assertEqual(UploadState.unpack(STATE.pack(secret), None), STATE)
        for token in ("", "YWJj", TOKEN[:-4], "x" * 80, TOKEN[:44], signed(b"[]")):
            self.assertRaises(InvalidToken, UploadState.unpack, token, None)
        self.assertRaises(ForgedToken, UploadState.unpack, STATE.pack(None), SECRET)

    def test_one_spelling(self) -> None:
        """A token whose unused last bits are set decodes to the same bytes, and is refused all the same."""
        token = signed(b'{"Offset":100}')
        self.assertTrue(token.endswith("fQ=="))
        changed = token[:-3] + "R=="
        self.assertEqual(base64.urlsafe_b64decode(changed), base64.urlsafe_b64decode(token))
        self.assertRaises(IllegalBase64, UploadState.unpack, changed, SECRET)

    def test_positions(self) -> None:
        """The error says where base64 ends, as Go's decoder does."""
        for token, position in (
            ("abc+", 3),
            ("abcd/bcd", 4),
            ("a", 0),
            ("abcdef", 4),
            ("abcdefg", 4),
            ("=", 0),
            ("abcd=", 4),
            ("a===", 1),
            ("ab=", 3),
            ("ab=c", 2),
            ("abc=d", 4),
            ("ab==cdef", 4),
            ("é", 0),
        ):
            with self.assertRaises(IllegalBase64) as caught:
                UploadState.unpack(token, SECRET)
            self.assertEqual(caught.exception.position, position, token)
            self.assertEqual(caught.exception.reason, f"illegal base64 data at input byte {position}")

    def test_missing_members(self) -> None:
        """Members that are missing or null count as empty."""
        self.assertEqual(UploadState.unpack(signed(b"{}"), SECRET), UploadState("", "", 0, NEVER))
        self.assertEqual(
            UploadState.unpack(signed(b'{"Name":"a","UUID":null}'), SECRET), UploadState("a", "", 0, NEVER)
        )

    def test_letter_case(self) -> None:
        """Member names are found whatever their letter case, and unknown ones are skipped."""
        text = b'{"NAME":"a","uuid":"u","oFFset":3,"startedat":"2024-05-01T12:20:30.5+02:00","more":[1]}'
        self.assertEqual(
            UploadState.unpack(signed(text), SECRET),
            UploadState("a", "u", 3, STATE.started_at.replace(microsecond=500000)),
        )

    def test_signed_nonsense(self) -> None:
        """What we signed and cannot read is invalid."""
        for text in (
            b"",
            b"[]",
            b"{",
            b'{"Offset":"1"}',
            b'{"Offset":1.5}',
            b'{"StartedAt":"today"}',
            b"\xff",
        ):
            with self.assertRaises(InvalidToken) as caught:
                UploadState.unpack(signed(text), SECRET)
            self.assertTrue(caught.exception.reason)

    def test_order(self) -> None:
        """The members are in distribution's order, without white space."""
        text = base64.urlsafe_b64decode(STATE.pack(SECRET))[32:]
        self.assertEqual(list(json.loads(text)), ["Name", "UUID", "Offset", "StartedAt"])
        self.assertNotIn(b" ", text)


class PlaceTests(SynchronousTestCase):
    """Which chunk fits."""

    def test_fits(self) -> None:
        """A chunk with the current token, or none, and no range goes to the end."""
        self.assertEqual(place(7, 7, None, None), Append(7))
        self.assertEqual(place(7, None, None, None), Append(7))
        self.assertEqual(place(0, 0, None, 12), Append(0, 12))

    def test_impossible_token(self) -> None:
        """A token that is ahead of the session is out of order, whatever the range says."""
        for offset in (8, -1, 1 << 70):
            self.assertEqual(place(7, offset, None, 5), OutOfOrder(7))
            self.assertEqual(place(7, offset, "7-11", 5), OutOfOrder(7))
            self.assertEqual(place(7, offset, "junk", 5), OutOfOrder(7))

    def test_stale_token(self) -> None:
        """With a token that is behind, the body begins at its range, or else at the token's offset."""
        self.assertEqual(place(7, 3, None, 5), Repeat(3, 5))
        self.assertEqual(place(7, 3, None, None), Repeat(3))
        self.assertEqual(place(7, 0, None, 0), Repeat(0, 0))
        for start in range(7):
            self.assertEqual(place(7, 3, f"{start}-{start + 4}", 5), Repeat(start, 5))
            self.assertEqual(place(7, 3, f"bytes {start}-{start}/*", None), Repeat(start, 1))
        self.assertEqual(place(7, 3, "7-11", 5), Append(7, 5))

    def test_stale_token_refused(self) -> None:
        """Even then a range must not leave a gap, end before it begins, be of another length, or be none."""
        self.assertEqual(place(7, 3, "8-12", 5), OutOfOrder(7))
        self.assertEqual(place(7, 3, "5-4", 0), OutOfOrder(7))
        self.assertEqual(place(7, 3, "3-7", 4), BadLength(5, 4))
        self.assertEqual(place(7, 3, "junk", 5), Malformed("junk"))

    def test_range(self) -> None:
        """A range that begins at the end fits, in either form, and tells the length."""
        for header in (
            "7-11",
            "bytes 7-11/*",
            "bytes 7-11/100",
            "Bytes 7-11/*",
            " 7-11 ",
            "bytes 7-11",
            "07-011",
        ):
            for offset in (7, None):
                self.assertEqual(place(7, offset, header, 5), Append(7, 5), header)
                self.assertEqual(place(7, offset, header, None), Append(7, 5), header)

    def test_out_of_order(self) -> None:
        """A range that begins elsewhere, or ends before it begins, is out of order, whatever the length."""
        for header in ("0-4", "6-10", "8-12", "11-7", "7-6", "9999999999999999999-9999999999999999999"):
            self.assertEqual(place(7, 7, header, 5), OutOfOrder(7), header)
            self.assertEqual(place(7, None, header, None), OutOfOrder(7), header)

    def test_bad_length(self) -> None:
        """A range of another length than the body's is a contradiction."""
        self.assertEqual(place(7, 7, "7-11", 4), BadLength(5, 4))
        self.assertEqual(place(0, None, "0-0", 0), BadLength(1, 0))

    def test_malformed(self) -> None:
        """Other forms are malformed."""
        for header in (
            "",
            "7",
            "7-",
            "-11",
            "a-b",
            "7-11-12",
            "bytes=7-11",
            "bytes */100",
            "items 7-11/*",
            "7-11/x",
            "7 - 11",
            "+7-11",
            "7-11\n",
            "\u0667-11",
            "7-" + "1" * 20,
            "1" * 5000 + "-" + "1" * 5000,
        ):
            self.assertEqual(place(7, 7, header, 5), Malformed(header), header[:20])

    @given(st.binary(max_size=60), st.lists(st.integers(0, 60)), st.randoms())
    def test_any_split(self, content: bytes, cuts: list[int], random: object) -> None:
        """However content is split, and however often pieces are offered, they are taken in order."""
        edges = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
        pieces = [(start, content[start:end]) for start, end in pairwise(edges)]
        offered = [piece for _ in pieces for piece in pieces]
        random.shuffle(offered)  # type: ignore[attr-defined]
        stored = b""
        for start, piece in offered + pieces:
            decision = place(len(stored), None, f"{start}-{start + len(piece) - 1}", len(piece))
            if isinstance(decision, Append):
                self.assertEqual((decision.at, decision.length), (start, len(piece)))
                stored += piece
            else:
                self.assertEqual(decision, OutOfOrder(len(stored)))
            self.assertEqual(stored, content[: len(stored)])
        self.assertEqual(stored, content)

    @given(
        st.integers(0),
        st.none() | st.integers(),
        st.none() | st.text() | st.text("bytes 0123456789-/*"),
        st.none() | st.integers(0),
    )
    def test_anything(self, stored: int, offset: int | None, header: str | None, length: int | None) -> None:
        """Every request gets a decision; no gaps, and content comes again by a stale token only."""
        decision = place(stored, offset, header, length)
        self.assertIsInstance(decision, (Append, Repeat, OutOfOrder, BadLength, Malformed))
        if isinstance(decision, Append):
            self.assertEqual(decision.at, stored)
        if isinstance(decision, Repeat):
            self.assertTrue(0 <= decision.at < stored)
            self.assertTrue(offset is not None and offset < stored)
        if isinstance(decision, Append | Repeat):
            self.assertTrue(offset is None or 0 <= offset <= stored)
            self.assertTrue(decision.length is None or decision.length >= 0)
            self.assertTrue(length is None or decision.length == length)

    def test_range_header(self) -> None:
        """The last byte is counted in; no bytes and one byte look alike."""
        self.assertEqual([range_header(size) for size in (0, 1, 2, 90)], ["0-0", "0-0", "0-1", "0-89"])


class OverlapTests(SynchronousTestCase):
    """What of a body is there already."""

    @given(st.lists(st.binary(max_size=9)), st.integers(0, 50))
    def test_divide(self, chunks: list[bytes], count: int) -> None:
        """The two parts are the whole, and the first has as many bytes as it should, if there are so many."""
        first, rest = divide(chunks, count)
        whole = b"".join(chunks)
        self.assertEqual((b"".join(first), b"".join(rest)), (whole[:count], whole[count:]))
        self.assertEqual(bool(rest), any(rest))

    @given(st.lists(st.binary(max_size=9)), st.binary(max_size=20), st.booleans())
    def test_repeats(self, chunks: list[bytes], other: bytes, same: bool) -> None:
        """Chunks are stored content if they are, all of it, however they are cut."""
        stored = b"".join(chunks) if same else other
        self.assertEqual(repeats(stored, chunks), stored == b"".join(chunks))

    def test_repeats_each_byte(self) -> None:
        """One wrong byte anywhere is seen, and so is one too many or too few."""
        stored = bytes(range(100))
        for at in range(100):
            wrong = stored[:at] + b"\xff" + stored[at + 1 :]
            self.assertFalse(repeats(stored, [wrong[:50], wrong[50:]]))
        self.assertFalse(repeats(stored, [stored[:50], stored[50:99]]))
        self.assertFalse(repeats(stored, [stored, b"x"]))


class UploadIdTests(SynchronousTestCase):
    """Session ids."""

    @given(st.binary(min_size=16, max_size=16))
    def test_new(self, entropy: bytes) -> None:
        """A new id is a UUID of version 4, in the form that distribution's purger knows, and acceptable."""
        id = new_upload_id(entropy)
        self.assertEqual((len(id), UUID(id).version, str(UUID(id))), (36, 4, id))
        self.assertTrue(may_be_upload_id(id))

    def test_accepted(self) -> None:
        """UUIDs of any version pass, and other plain words."""
        for id in (
            STATE.uuid,
            "01a1fa14-8791-7d5a-8c37-62d36a8279a8",
            "0F0C2B5E8A2A4B8E9A589D3A4F9F5D11",
            "a_b.c",
        ):
            self.assertTrue(may_be_upload_id(id), id)

    def test_refused(self) -> None:
        """What leads elsewhere, or could not be a path component, does not pass."""
        for id in ("", ".", "..", "a/b", "../x", "a\0", "a\n", "a b", "a=", "%2e", "é", "x" * 129, "\\"):
            self.assertFalse(may_be_upload_id(id), repr(id))
