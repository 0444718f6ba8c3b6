"""Tests of :mod:`txregistry.web.chunked`."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import _ChunkedTransferDecoder

from txregistry.web.chunked import LINE_LIMIT, TRAILER_LIMIT, ChunkedDecoder, Malformed

Outcome = tuple[bytes, list[bytes], bool]


def decode(pieces: list[bytes], kind: type = ChunkedDecoder) -> Outcome:
    """The content of a body that comes in *pieces*, what came behind it, and whether it broke."""
    content: list[bytes] = []
    rests: list[bytes] = []
    decoder = kind(content.append, rests.append)
    try:
        for index, piece in enumerate(pieces):
            decoder.dataReceived(piece)
            if rests:
                rests += pieces[index + 1 :]
                break
    except Malformed:
        return b"".join(content), rests, True
    return b"".join(content), rests, False


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """*data* in pieces that end at *places*."""
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [piece for begin, end in zip([0, *ends], ends, strict=False) if (piece := data[begin:end])]


EXTENSIONS = st.sampled_from((b"", b";", b";a", b";a=b", b';a="b c";d', b";\xff"))
CHUNKS = st.lists(st.tuples(st.binary(min_size=1, max_size=40), EXTENSIONS), max_size=5)
TRAILERS = st.lists(st.sampled_from((b"A: b", b"X-Sum: 1", b"!:\xff")), max_size=3)
#: Without the one character that Twisted does not know in extensions.
SPOILT = st.binary(min_size=1, max_size=3).filter(lambda data: b"\\" not in data)
PLACES = st.lists(st.integers(0, 400), max_size=8)


def encode(chunks: list[tuple[bytes, bytes]], trailers: list[bytes]) -> bytes:
    """A body of *chunks*, each with its extension, and *trailers*."""
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(data), extension, data) for data, extension in chunks)
    return body + b"0\r\n" + b"".join(field + b"\r\n" for field in trailers) + b"\r\n"


class ChunkedDecoderTests(SynchronousTestCase):
    """What comes of chunked bodies, however they are cut into pieces."""

    @given(CHUNKS, TRAILERS, st.binary(max_size=20), PLACES)
    @example([(b"a", b"")], [], b"", [1, 2, 3, 4, 5, 6, 7, 8])
    @example([(b"a", rb';a="\""')], [], b"", [])
    def test_whole(
        self, chunks: list[tuple[bytes, bytes]], trailers: list[bytes], behind: bytes, places: list[int]
    ) -> None:
        """All content comes, in order, and what is behind the body is handed on untouched."""
        content, rests, broken = decode(cut(encode(chunks, trailers) + behind, places))
        self.assertEqual(content, b"".join(data for data, _ in chunks))
        self.assertEqual((b"".join(rests), bool(rests), broken), (behind, True, False))

    @settings(max_examples=300)
    @given(CHUNKS, TRAILERS, st.integers(0, 400), SPOILT, PLACES)
    def test_like_twisted(
        self,
        chunks: list[tuple[bytes, bytes]],
        trailers: list[bytes],
        place: int,
        spoilt: bytes,
        places: list[int],
    ) -> None:
        """Bodies with something wrong in them are taken as Twisted does, if they are not refused."""
        data = encode(chunks, trailers)
        place %= len(data)
        data = data[:place] + spoilt + data[place + 1 :]
        pieces = cut(data, places)
        ours, theirs = decode(pieces), decode(pieces, _ChunkedTransferDecoder)
        if ours[2] and not theirs[2]:
            # We may see earlier that a line can become no size line, and look at trailer fields.
            self.assertEqual((ours[0], ours[1]), (theirs[0], []))
        else:
            self.assertEqual((ours[0], ours[2]), (theirs[0], theirs[2]))
            self.assertEqual(b"".join(ours[1]), b"".join(theirs[1]))

    def test_joined(self) -> None:
        """The chunks of one piece are handed on as one."""
        content: list[bytes] = []
        decoder = ChunkedDecoder(content.append, self.fail)
        decoder.dataReceived(b"1\r\na\r\n2\r\nbc\r\n3\r\nd")
        decoder.dataReceived(b"e")
        decoder.dataReceived(b"f\r\n")
        self.assertEqual(content, [b"abcd", b"e", b"f"])

    def test_middle(self) -> None:
        """A piece that lies within a chunk is handed on as it is, without a copy."""
        content: list[bytes] = []
        decoder = ChunkedDecoder(content.append, self.fail)
        decoder.dataReceived(b"10000\r\n")
        piece = bytes(1000)
        decoder.dataReceived(piece)
        self.assertIs(content[0], piece)

    def test_malformed(self) -> None:
        """What is no chunk breaks it off, after the content before it; a chunk must end where it said."""
        for data, content in (
            (b"x\r\n", b""),
            (b"\r\n", b""),
            (b"-1\r\n", b""),
            (b"+1\r\n", b""),
            (b"0x1\r\n", b""),
            (b"1 \r\na\r\n", b""),
            (b"1_0\r\n", b""),
            (b"1\na\n", b""),
            (b"1\rx", b""),
            (b"1;\x00\r\n", b""),
            (b"1;a\nb\r\n", b""),
            (b"00000000000000001\r\n", b""),
            (b"1\r\nab", b"a"),
            (b"1\r\na\n", b"a"),
            (b"1\r\na\r\nx", b"a"),
            (b"1\r\na\rb", b"a"),
        ):
            for pieces in ([data], [data[index : index + 1] for index in range(len(data))]):
                self.assertEqual(decode(pieces), (content, [], True), data)

    def test_malformed_trailer(self) -> None:
        """What is no field breaks it off: a line that ends for others must not hide a request from us."""
        for line in (
            b"\nGET / HTTP/1.1",
            b"a",
            b":",
            b"a b: c",
            b" a: b",
            b"a: \0",
            b"a: b\nc: d",
            b"a: b\rc: d",
        ):
            data = b"1\r\na\r\n0\r\nA: b\r\n" + line + b"\r\n\r\n"
            for pieces in ([data], [data[index : index + 1] for index in range(len(data))]):
                self.assertEqual(decode(pieces), (b"a", [], True), line)

    def test_largest(self) -> None:
        """A chunk may be as large as sixteen digits can say."""
        self.assertEqual(decode([b"fFfFfFfFfFfFfFfF\r\nabc"]), (b"abc", [], False))

    def test_long_lines(self) -> None:
        """Size lines and trailers have their limits, complete or not."""
        line = b"1;" + b"x" * (LINE_LIMIT - 4) + b"\r\n"
        self.assertEqual(decode([line + b"a"]), (b"a", [], False))
        self.assertEqual(decode([b"1;x" + line[2:] + b"a"]), (b"", [], True))
        self.assertEqual(decode([b"1;" + b"x" * LINE_LIMIT]), (b"", [], True))
        field = b"a: " + b"x" * 1019 + b"\r\n"
        fields = field * (TRAILER_LIMIT // len(field))
        self.assertEqual(decode([b"0\r\n" + fields + b"\r\n"]), (b"", [b""], False))
        self.assertEqual(decode([b"0\r\n" + fields + b"a:\r\n"]), (b"", [], True))
        for index in range(2):
            many = [b"0\r\n", *([b"x:y\r\n", b"x"][index] for _ in range(TRAILER_LIMIT + 1))]
            self.assertEqual(decode(many)[2], True)
