"""Raw bytes for a daemon: conversations made from a seed, and what must hold of the answers to them."""

import json
import random
import socket
from collections.abc import Callable, Sequence
from itertools import pairwise

from attrs import field, frozen

from tests.live.images import INDEX, MANIFEST, canonical_json, digest_of

NAME = "fuzz"
"""The repository that the conversations are about."""

PATIENCE = 20.0
"""Seconds in which the daemon must have answered and closed."""

DATA = b"what is uploaded " * 40
BLOB = digest_of(DATA)
INDEX_DOCUMENT = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})

_TOKENS = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b" ",
    b"\t",
    b"\r\n ",
    b":",
    b",",
    b";",
    b"\xff",
    b"\x80\xfe",
    b"%00",
    b"%2e%2e/",
    b"%2F",
    b"%zz",
    b"../",
    b"//",
    b"?",
    b"&",
    b"#",
    b"-1",
    b"+5",
    b"0x10",
    b"99999999999999999999",
    b"ffffffffffffffff\r\n",
    b"0\r\n\r\n",
    b"1;x=y\r\nA\r\n",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n",
    b"Host: \r\n",
    b"Host: a\r\nHost: b\r\n",
    b"Range: bytes=0-0,1-1,-1\r\n",
    b"Range: bytes=99999999999-\r\n",
    b"Content-Range: 0-4\r\n",
    b"Content-Type: application/x-www-form-urlencoded\r\n",
    b"If-None-Match: *\r\n",
    b"Authorization: Basic ====\r\n",
    b'Forwarded: for="\r\n',
    b"X-Forwarded-Proto: \xe9\r\n",
    b"HEAD / HTTP/1.1\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)

_ALLOWED = frozenset(
    (200, 201, 202, 204, 206, 301, 304, 400, 404, 405, 408, 412, 413, 414, 416, 417, 431, 501, 505)
)


@frozen
class Conversation:
    """
    What one client does.

    :ivar pieces: sent one after the other, each by itself.
    :ivar ending: how the client leaves: ``drain`` says that nothing more comes and reads what there is to
        read, ``close`` closes, ``reset`` breaks the connection.
    :ivar origin: where it comes from, for failures.
    """

    pieces: Sequence[bytes] = field(repr=False)
    ending: str = "drain"
    origin: str = ""

    def play(self, port: int) -> bytes | None:
        """
        Have it with the daemon at *port*.

        :return: all that came; ``None`` if the client does not want to know.
        :raises OSError: the daemon broke the connection.
        """
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in self.pieces:
                connection.sendall(piece)
            if self.ending == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if self.ending != "drain":
                return None
            connection.shutdown(socket.SHUT_WR)
            received = bytearray()
            while data := connection.recv(1 << 16):
                received += data
            return bytes(received)

    def faults(self, port: int) -> list[str]:
        """Have it, and tell what is wrong with the answers."""
        try:
            received = self.play(port)
            if received is not None:
                read_statuses(received)
        except (AssertionError, OSError) as error:
            return [f"{self.origin}: {error!r} after {b''.join(self.pieces)[:3000]!r}"]
        return []


def read_statuses(received: bytes) -> list[int]:
    """
    Read all of *received* as answers, in the strict way of a client.

    An answer to HEAD is known by the next one that begins where its body would.

    :raises AssertionError: something is cut short or badly framed, is no answer that a client's bytes can
        be blamed for, or comes behind the announced end.
    """
    statuses: list[int] = []
    closing = False
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, code, _ = lines[0].split(" ", 2)
        status = int(code)
        if not end or version != "HTTP/1.1" or closing:
            raise AssertionError(f"no answer, or one too many: {head!r} behind {statuses}")
        if status == 100:
            continue
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        if len(headers) != len(lines) - 1 or status not in _ALLOWED:
            raise AssertionError(f"not a good answer: {head!r}")
        closing = headers.get("connection") == "close"
        statuses.append(status)
        if status in (204, 304):
            continue
        size = int(headers["content-length"])
        if received.startswith(b"HTTP/1.1 ") or not received:
            continue  # a HEAD
        if len(received) < size:
            raise AssertionError(f"a body is cut short: {len(received)} bytes behind {head!r}")
        body, received = received[:size], received[size:]
        if status >= 400 and set(json.loads(body)) != {"errors"}:
            raise AssertionError(f"no error form: {body!r}")
    return statuses


class Fuzzer:
    """
    Makes conversations, the same ones for the same *seed*.

    :param begin: begins an upload in :data:`NAME`, and gives its path.
    """

    def __init__(self, seed: int, begin: Callable[[], str]) -> None:
        self.seed = seed
        self._dice = random.Random(seed)
        self._begin = begin

    def conversations(self, count: int) -> list[Conversation]:
        """So many of them."""
        return [self._conversation(f"seed {self.seed}, conversation {number}") for number in range(count)]

    def _conversation(self, origin: str) -> Conversation:
        dice = self._dice
        requests = [self._request() for _ in range(dice.choice((1, 1, 2, 3)))]
        for _ in range(dice.choice((0, 1, 1, 2, 4, 16))):
            place = dice.randrange(len(requests))
            requests[place] = self._mutated(requests[place])
        stream = b"".join(requests)
        ending = dice.choice(("drain", "drain", "drain", "close", "reset"))
        if dice.random() < 0.2:
            stream = stream[: dice.randrange(len(stream) + 1)]
        return Conversation(split(stream, dice.choice((0, 0, 1, 3, 20)), dice), ending, origin)

    def _request(self) -> bytes:
        """A request as it should be."""
        dice = self._dice
        make = dice.choice((self._reading, self._reading, self._uploading, self._pushing))
        line, headers, body = make()
        if body is not None and dice.random() < 0.5:
            headers = (*headers, "Transfer-Encoding: chunked")
            body = chunked(body, dice)
        elif body is not None:
            headers = (*headers, f"Content-Length: {len(body)}")
        if dice.random() < 0.1:
            headers = (*headers, "Expect: 100-continue")
        return "\r\n".join((f"{line} HTTP/1.1", "Host: fuzz.test", *headers, "", "")).encode() + (body or b"")

    def _reading(self) -> tuple[str, Sequence[str], bytes | None]:
        path = self._dice.choice(
            (
                "/",
                "/v2/",
                "/v2/_catalog?n=3&last=a",
                f"/v2/{NAME}/tags/list?n=2",
                f"/v2/{NAME}/manifests/{self._dice.choice(('a', 'b', BLOB))}",
                f"/v2/{NAME}/blobs/{BLOB}",
                f"/v2/{NAME}/referrers/{BLOB}?artifactType=a%2Fb",
            )
        )
        headers = self._dice.choice(
            ((), ("Range: bytes=3-9",), ("Range: bytes=0-1,5-",), (f"Accept: {MANIFEST}, */*;q=0.1",))
        )
        return f"{self._dice.choice(('GET', 'GET', 'HEAD', 'OPTIONS', 'TRACE'))} {path}", headers, None

    def _uploading(self) -> tuple[str, Sequence[str], bytes | None]:
        data = DATA[: self._dice.randrange(len(DATA) + 1)]
        digest = digest_of(data)
        uploads = f"/v2/{NAME}/blobs/uploads/"
        return self._dice.choice(
            (
                lambda: (f"POST {uploads}", (), b""),
                lambda: (f"POST {uploads}?digest={digest}", (), data),
                lambda: (f"POST {uploads}?mount={BLOB}&from=kept", (), None),
                lambda: (f"PATCH {self._begin()}", (f"Content-Range: 0-{len(data) - 1}",), data),
                lambda: (f"PATCH {self._begin()}", (), data),
                lambda: (f"PUT {self._begin()}&digest={digest}", (), data),
                lambda: (f"DELETE {self._begin()}", (), None),
                lambda: (f"GET {self._begin()}", (), None),
            )
        )()

    def _pushing(self) -> tuple[str, Sequence[str], bytes | None]:
        tag = self._dice.choice("ab")
        return self._dice.choice(
            (
                (f"PUT /v2/{NAME}/manifests/{tag}", (f"Content-Type: {INDEX}",), INDEX_DOCUMENT),
                (f"PUT /v2/{NAME}/manifests/{tag}", (f"Content-Type: {INDEX}",), INDEX_DOCUMENT[:-3]),
                (f"DELETE /v2/{NAME}/manifests/{tag}", (), None),
                (f"DELETE /v2/{NAME}/blobs/{BLOB}", (), None),
            )
        )

    def _mutated(self, data: bytes) -> bytes:
        """*data* with one thing changed."""
        dice = self._dice
        at = dice.randrange(len(data) + 1)
        end = min(at + dice.choice((1, 1, 4, 30)), len(data))
        match dice.randrange(8):
            case 0:
                return data[:at] + dice.randbytes(1) + data[at + 1 :]
            case 1:
                return data[:at] + data[end:]
            case 2:
                return data[:end] + data[at:]
            case 3:
                return data[:at] + data[at:end] * dice.choice((2, 10, 1000)) + data[end:]
            case 4:
                lines = data.split(b"\r\n")
                place = dice.randrange(len(lines))
                lines.insert(
                    dice.randrange(len(lines)), lines.pop(place) if dice.random() < 0.5 else lines[place]
                )
                return b"\r\n".join(lines)
            case 5:
                # Where a header would be.
                lines = data.split(b"\r\n", 1)
                return lines[0] + b"\r\n" + dice.choice(_TOKENS) + b"".join(lines[1:])
            case _:
                return data[:at] + dice.choice(_TOKENS) + data[at:]


def split(stream: bytes, cuts: int, dice: random.Random) -> list[bytes]:
    """Cut *stream* at so many places."""
    edges = sorted({0, len(stream), *(dice.randrange(len(stream) + 1) for _ in range(cuts))})
    return [stream[start:end] for start, end in pairwise(edges)]


def chunked(data: bytes, dice: random.Random) -> bytes:
    """*data* in chunks of any size, some with extensions and a trailer."""
    pieces = split(data, dice.randrange(6), dice)
    extension = dice.choice(("", "", ";a=b"))
    coded = b"".join(b"%x%s\r\n%s\r\n" % (len(each), extension.encode(), each) for each in pieces)
    return coded + b"0\r\n" + dice.choice((b"", b"", b"X-Trailer: y\r\n")) + b"\r\n"
