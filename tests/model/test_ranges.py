"""Tests for byte ranges."""

from __future__ import annotations

import re
from email import message_from_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txregistry.model.ranges import (
    RANGE_LIMIT,
    Malformed,
    Partial,
    TooMany,
    Unsatisfiable,
    Whole,
    choose,
    content_range,
    multipart,
    unsatisfied_range,
)

CONTENT = b"0123456789"


def cut(header: str, content: bytes = CONTENT) -> list[bytes] | None:
    """The parts of *content* that *header* gets, or ``None`` if it gets no parts."""
    chosen = choose(header, len(content))
    if not isinstance(chosen, Partial):
        return None
    return [content[start:end] for start, end in chosen.ranges]


class ChooseTests(SynchronousTestCase):
    """Which header gets what."""

    def test_one(self) -> None:
        """First to last, from first on, and the last so many bytes."""
        for header, expected in (
            ("bytes=0-0", b"0"),
            ("bytes=2-4", b"234"),
            ("bytes=7-", b"789"),
            ("bytes=0-", CONTENT),
            ("bytes=-3", b"789"),
            ("bytes=9-9", b"9"),
            ("bytes=00002-0004", b"234"),
        ):
            self.assertEqual(cut(header), [expected], header)

    def test_clipped(self) -> None:
        """What lies beyond the end is left out."""
        for header, expected in (
            ("bytes=8-10", b"89"),
            ("bytes=8-99999999999999999999999", b"89"),
            ("bytes=0-" + "9" * 5000, CONTENT),
            ("bytes=-10", CONTENT),
            ("bytes=-11", CONTENT),
            ("bytes=-" + "9" * 5000, CONTENT),
        ):
            self.assertEqual(cut(header), [expected], header[:40])

    def test_several(self) -> None:
        """Several ranges come in the order that was asked for, even if they overlap."""
        self.assertEqual(cut("bytes=5-6,0-1"), [b"56", b"01"])
        self.assertEqual(cut("bytes=0-2,1-3"), [b"012", b"123"])

    def test_white_space(self) -> None:
        """Blanks and tabs round elements, and empty elements, are skipped."""
        self.assertEqual(cut("  bytes= 1-2 ,\t, 4 - 5 ,"), [b"12", b"45"])

    def test_unit_case(self) -> None:
        """Units are matched without regard to case."""
        self.assertEqual(cut("Bytes=1-2"), [b"12"])

    def test_whole(self) -> None:
        """No header, another unit, and an empty list mean everything."""
        for header in (None, "", "  ", "items=1-2", "bytes=", "bytes=,,", "seconds=x"):
            self.assertEqual(choose(header, 10), Whole(), header)

    def test_more_than_all(self) -> None:
        """Ranges that add up to more than the content are not worth their frame."""
        self.assertEqual(choose("bytes=0-5,4-9", 10), Whole())
        self.assertEqual(choose("bytes=0-5,5-9", 10), Whole())
        self.assertEqual(choose("bytes=" + ",".join(["0-"] * RANGE_LIMIT), 10), Whole())
        self.assertEqual(choose("bytes=0-4,5-9", 10), Partial(((0, 5), (5, 10))))

    def test_unsatisfiable(self) -> None:
        """Nothing inside the content is unsatisfiable."""
        for header in ("bytes=10-", "bytes=10-20", "bytes=-0", "bytes=11-,12-", "bytes=" + "9" * 5000 + "-"):
            self.assertEqual(choose(header, 10), Unsatisfiable(10), header[:40])

    def test_partly_unsatisfiable(self) -> None:
        """Of several ranges, those outside are dropped."""
        self.assertEqual(cut("bytes=10-11,3-4,-0"), [b"34"])

    def test_empty_content(self) -> None:
        """Content of no bytes is served whole, whatever range is asked for."""
        for header in ("bytes=0-", "bytes=-1", "bytes=5-6", "bytes=0-0,-3"):
            self.assertEqual(choose(header, 0), Whole())

    def test_malformed(self) -> None:
        """What is no list of ranges is malformed, also for content of no bytes."""
        for header in (
            "bytes",
            "bytes 0-1",
            "bytes=-",
            "bytes=1",
            "bytes=a-b",
            "bytes=1-x",
            "bytes=--1",
            "bytes=-1-2",
            "bytes=1-2;3-4",
            "bytes=0x1-2",
            "bytes=+1-2",
            "bytes=1_0-20",
            "bytes=\u0661-\u0662",
            "bytes=0-1,x",
            "bytes=0-1\n",
            "bytes=1.0-2",
        ):
            for size in (0, 10):
                self.assertEqual(choose(header, size), Malformed(), repr(header))

    def test_backwards(self) -> None:
        """A range that ends before it begins is malformed; beyond the content it is only outside."""
        self.assertEqual(choose("bytes=3-2", 10), Malformed())
        self.assertEqual(choose("bytes=0-1,9-8", 10), Malformed())
        self.assertEqual(choose("bytes=0-1,10-9", 10), Partial(((0, 2),)))
        self.assertEqual(choose("bytes=12-3", 10), Unsatisfiable(10))
        self.assertEqual(choose("bytes=3-2", 0), Whole())

    def test_too_many(self) -> None:
        """More ranges than the limit are refused before they are looked at."""
        self.assertIsInstance(choose("bytes=" + ",".join(["1-1"] * RANGE_LIMIT), 4096), Partial)
        self.assertEqual(choose("bytes=" + ",".join(["1-1"] * (RANGE_LIMIT + 1)), 4096), TooMany(RANGE_LIMIT))
        self.assertEqual(choose("bytes=x,x,x", 10, limit=2), TooMany(2))

    @given(st.text() | st.text("bytes=-,0123456789 "), st.integers(0, 1 << 63))
    def test_any_header(self, header: str, size: int) -> None:
        """Every header gets one of the answers; parts are never empty and lie inside the content."""
        chosen = choose(header, size)
        self.assertIsInstance(chosen, (Whole, Partial, Unsatisfiable, Malformed, TooMany))
        if isinstance(chosen, Partial):
            self.assertTrue(chosen.ranges)
            for start, end in chosen.ranges:
                self.assertTrue(0 <= start < end <= size)

    @given(st.binary(min_size=1, max_size=50), st.data())
    def test_slices(self, content: bytes, data: st.DataObject) -> None:
        """A range gets what the slice holds."""
        start = data.draw(st.integers(0, len(content) - 1))
        end = data.draw(st.integers(start + 1, len(content)))
        self.assertEqual(cut(f"bytes={start}-{end - 1}", content), [content[start:end]])
        self.assertEqual(cut(f"bytes={start}-", content), [content[start:]])
        self.assertEqual(cut(f"bytes=-{end}", content), [content[-end:]])

    def test_headers(self) -> None:
        """``Content-Range`` counts its last byte in, and says ``*`` with a 416."""
        self.assertEqual(content_range(2, 5, 10), "bytes 2-4/10")
        self.assertEqual(unsatisfied_range(10), "bytes */10")


class MultipartTests(SynchronousTestCase):
    """The frame round several parts."""

    @given(st.binary(min_size=2, max_size=80), st.data())
    def test_readable(self, content: bytes, data: st.DataObject) -> None:
        """A MIME reader finds each part with its range, and the length is that of the body."""
        bounds = st.tuples(st.integers(0, len(content) - 1), st.integers(1, len(content)))
        ranges = data.draw(st.lists(bounds.filter(lambda pair: pair[0] < pair[1]), min_size=2, max_size=5))
        boundary = "THIS0is1no2content3" * 2
        frame = multipart(ranges, len(content), "application/octet-stream", boundary)
        body = b"".join(part.head + content[part.start : part.end] for part in frame.parts) + frame.tail
        self.assertEqual(frame.length, len(body))
        # the parser reads text lines: let it see the headers, and compare the parts as bytes
        pieces = re.split(rb"(?:\A|\r\n)--%s(?:--)?\r\n" % boundary.encode(), body)
        self.assertEqual((pieces[0], pieces[-1]), (b"", b""))
        self.assertEqual(len(pieces) - 2, len(ranges))
        for piece, (start, end) in zip(pieces[1:-1], ranges, strict=True):
            head, _, part = piece.partition(b"\r\n\r\n")
            message = message_from_bytes(head)
            self.assertEqual(message["Content-Range"], content_range(start, end, len(content)))
            self.assertEqual(message.get_content_type(), "application/octet-stream")
            self.assertEqual(part, content[start:end])

    def test_content_type(self) -> None:
        """The boundary is announced without quotes."""
        frame = multipart([(0, 1), (2, 3)], 4, "text/plain", "abc")
        self.assertEqual(frame.content_type, "multipart/byteranges; boundary=abc")

    def test_exact(self) -> None:
        """The frame byte for byte."""
        frame = multipart([(0, 1), (2, 4)], 10, "text/plain", "abc")
        self.assertEqual(
            [part.head for part in frame.parts],
            [
                b"--abc\r\nContent-Range: bytes 0-0/10\r\nContent-Type: text/plain\r\n\r\n",
                b"\r\n--abc\r\nContent-Range: bytes 2-3/10\r\nContent-Type: text/plain\r\n\r\n",
            ],
        )
        self.assertEqual(frame.tail, b"\r\n--abc--\r\n")

    def test_boundary(self) -> None:
        """A boundary of other characters than letters and digits is refused."""
        for boundary in ("", "a b", "a\r\nb", "a-b", "a" * 71, "é", "abc\n"):
            self.assertRaises(ValueError, multipart, [(0, 1)], 4, "text/plain", boundary)
