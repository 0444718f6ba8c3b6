"""Clients that repeat what they sent, because its answer was lost, or its connection broke."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.components import proxyForInterface

from tests.storage.faulty import FaultyDriver
from tests.web.pushing import CHUNKED, CONTENT, DIGEST, UploadCase, state_of, without_host, without_state
from tests.web.registry import Registry, location
from tests.web.wire import Answer, chunked, request_bytes
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IFileWriter, IStorageDriver
from txregistry.model.digest import Digest
from txregistry.web.body import BATCH, HIGH_WATER, LINGER

SIZE = len(CONTENT)
OTHER = CONTENT[:-1] + b"?"


def ranged(start: int, end: int) -> list[tuple[str, str]]:
    """The header of a body that begins at *start* and ends before *end*."""
    return [("Content-Range", f"{start}-{end - 1}")]


class HeldWriter(proxyForInterface(IFileWriter, "_writer")):  # type: ignore[misc]
    """Reads when it is told to."""

    def __init__(self, writer: IFileWriter, driver: HeldReads) -> None:
        super().__init__(writer)
        self._driver = driver

    async def read(self, offset: int, length: int) -> bytes:
        turn: Deferred[None] = Deferred()
        self._driver.waiting.append(turn)
        await turn
        self._driver.read += length
        content: bytes = await self._writer.read(offset, length)
        return content


class HeldReads(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """
    A driver whose writers read one piece for each :meth:`step`.

    :ivar waiting: the reads that wait.
    :ivar read: how many bytes were read.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.waiting: list[Deferred[None]] = []
        self.read = 0

    async def writer(self, path: str) -> IFileWriter:
        writer: IFileWriter = HeldWriter(await self._driver.writer(path), self)
        return writer

    def step(self) -> None:
        """Let one read happen."""
        self.waiting.pop(0).callback(None)


class StaleCase(UploadCase):
    """A session that holds some bytes, and clients that know less than that."""

    def received(self, *ends: int) -> list[str]:
        """Let a session receive :data:`CONTENT` up to each of *ends*; its addresses, the first one first."""
        addresses, start = [self.begin()], 0
        for end in ends:
            answer = self.ask("PATCH", addresses[-1], body=CONTENT[start:end])
            addresses.append(self.accepted(answer, 202, end))
            start = end
        return addresses

    def misplaced(self, answer: Answer, size: int, status: int = 416, code: str = "RANGE_INVALID") -> None:
        """Check a refusal that says that the session has *size* bytes, and that it has."""
        self.refused(answer, status, code)
        self.assertEqual(answer.header("Range"), f"0-{max(size - 1, 0)}")
        self.assertEqual(state_of(location(answer)).offset, size)
        self.accepted(self.ask("GET", location(answer)), 204, size)

    def holds(self, address: str, content: bytes) -> None:
        """Check what the session has, byte for byte, by ending it."""
        address = self.accepted(self.ask("GET", address), 204, len(content))
        self.created(self.finish(address, b"", Digest.of(content)), content)

    def stream(self, method: str, address: str, headers: list[tuple[str, str]], *pieces: bytes) -> Answer:
        """Send *pieces* in chunked coding."""
        head = request_bytes(method, without_host(address), [*headers, CHUNKED])
        return self.registry.send(head + chunked(*pieces))


class RepeatedTests(StaleCase):
    """Bytes that are there already come again."""

    def test_patch(self) -> None:
        """A PATCH that is repeated is accepted as often as it comes, and changes nothing."""
        first, second = self.received(999)
        for _ in range(3):
            self.assertEqual(self.accepted(self.ask("PATCH", first, body=CONTENT[:999]), 202, 999), second)
        self.holds(second, CONTENT[:999])

    def test_last_patch(self) -> None:
        """It may be the last of several."""
        _, second, third = self.received(999, 2000)
        self.accepted(self.ask("PATCH", second, body=CONTENT[999:2000]), 202, 2000)
        self.holds(third, CONTENT[:2000])

    def test_from_the_beginning(self) -> None:
        """A client that begins again from its first byte gets through, and what is new is appended."""
        first, *_ = self.received(999, 2000)
        self.accepted(self.ask("PATCH", first, body=CONTENT[:3000]), 202, 3000)
        self.accepted(self.stream("PATCH", first, [], CONTENT[:2500], CONTENT[2500:4000]), 202, 4000)
        self.holds(first, CONTENT[:4000])

    def test_less(self) -> None:
        """A body that ends before the end of the session leaves it as it is, and is told where that is."""
        first, *_ = self.received(999, 2000)
        for end in (0, 1, 999, 1999, 2000):
            self.accepted(self.ask("PATCH", first, body=CONTENT[:end]), 202, 2000)
        self.holds(first, CONTENT[:2000])

    def test_range(self) -> None:
        """A range says where the body begins, before the offset of the state as well as behind it."""
        _, second, address = self.received(999, 2000)
        size = 2000
        for start, end in (
            (0, 2000),
            (500, 600),
            (999, 2000),
            (1500, 2001),
            (2000, 2002),
            (2002, 2003),
            (5, 2004),
        ):
            size = max(size, end)
            answer = self.ask("PATCH", second, ranged(start, end), CONTENT[start:end])
            address = self.accepted(answer, 202, size)
        self.holds(address, CONTENT[:size])

    def test_put(self) -> None:
        """A closing PUT may repeat bytes as well, or repeat all there is, or leave out what has come."""
        for start, end in ((0, SIZE), (999, SIZE), (999, 999), (1500, SIZE)):
            _, second, third = self.received(999, 2000)
            if end == 999:
                self.accepted(self.ask("PATCH", third, body=CONTENT[2000:]), 202, SIZE)
            headers = ranged(start, end) if start not in (999,) else []
            address = f"{second}&digest={DIGEST}"
            self.created(self.ask("PUT", address, headers, CONTENT[start:end]))
        self.assertEqual(self.sessions(), 0)

    def test_broken_connection(self) -> None:
        """A PATCH whose connection broke is sent again from its beginning; so is a closing PUT."""
        for method in ("PATCH", "PUT"):
            address = self.begin()
            connection = self.registry.connect()
            path = f"{without_host(address)}&digest={DIGEST}"
            connection.send(request_bytes(method, path, [("Content-Length", str(SIZE))]) + CONTENT[:1000])
            connection.hang_up()
            answer = self.ask(method, f"{address}&digest={DIGEST}", body=CONTENT)
            if method == "PATCH":
                answer = self.finish(self.accepted(answer, 202, SIZE), b"")
            self.created(answer)

    def test_broken_again(self) -> None:
        """However often that breaks, what came is kept, and nothing comes twice."""
        address = self.begin()
        for end in (100, 50, 100, 3000, 2999, 4000):
            connection = self.registry.connect()
            head = request_bytes("PATCH", without_host(address), [("Content-Length", str(SIZE))])
            connection.send(head + CONTENT[:10])
            self.registry.clock.advance(LINGER[1])
            connection.send(CONTENT[10:end])  # still in memory when the client leaves
            connection.hang_up()
        self.accepted(self.ask("GET", address), 204, 4000)
        self.created(self.finish(address, CONTENT))
        self.assertEqual(self.registry.clock.getDelayedCalls(), [])

    @settings(max_examples=60)
    @given(st.data())
    def test_any(self, data: st.DataObject) -> None:
        """Whatever a client repeats, and however it is cut, the session ends up with what it should."""
        self.setUp()
        content = data.draw(st.binary(min_size=1, max_size=300))
        size = data.draw(st.integers(1, len(content)))
        start = data.draw(st.integers(0, size))
        end = data.draw(st.integers(start, len(content)))
        body = content[start:end]
        wrong = data.draw(st.none() | st.integers(0, len(body) - 1)) if body else None
        if wrong is not None:
            body = body[:wrong] + bytes([body[wrong] ^ 1]) + body[wrong + 1 :]
        cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=3)))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a < b]
        headers = ranged(start, end) if body else []
        address = self.begin()
        if data.draw(st.booleans()) and start < size:
            address = self.accepted(self.ask("PATCH", address, body=content[:start]), 202, start)
        self.accepted(
            self.ask("PATCH", without_state(address), body=content[state_of(address).offset : size]),
            202,
            size,
        )
        answer = self.stream("PATCH", address, headers, *pieces)
        if wrong is not None and start + wrong < size:
            self.misplaced(answer, size)
            self.holds(address, content[:size])
        elif body:
            self.accepted(answer, 202, max(end, size))
            self.holds(address, content[:start] + body + content[end:size])


class DifferentTests(StaleCase):
    """Bytes that come again and are not what they were."""

    def test_refused(self) -> None:
        """The first one that differs ends it: nothing is appended, and the client learns where it is."""
        first, second = self.received(999)
        for at in (0, 1, 500, 998):
            body = CONTENT[:at] + b"?" + CONTENT[at + 1 :]
            for method in ("PATCH", "PUT"):
                self.misplaced(self.ask(method, f"{first}&digest={DIGEST}", body=body), 999)
                self.misplaced(self.stream(method, f"{first}&digest={DIGEST}", [], body[:9], body[9:]), 999)
        self.created(self.finish(second, CONTENT[999:]))

    def test_behind_the_stored(self) -> None:
        """What lies beyond cannot differ from anything; the digest tells."""
        first, _ = self.received(999)
        self.refused(self.finish(first, OTHER), 400, "DIGEST_INVALID")
        self.holds(first, OTHER)

    def test_in_a_later_batch(self) -> None:
        """A body that differs late is refused just the same, though its beginning was right."""
        content = b"0123456789abcdef" * (BATCH // 8)
        first = self.begin()
        self.accepted(self.ask("PATCH", first, body=content), 202, len(content))
        at = len(content) - 5
        self.misplaced(self.ask("PATCH", first, body=content[:at] + b"?" + content[at:]), len(content))
        self.accepted(self.ask("PATCH", first, body=content + b"!"), 202, len(content) + 1)

    def test_left(self) -> None:
        """If its client leaves before it is told, nothing is appended either."""
        first, second = self.received(999)
        connection = self.registry.connect()
        head = request_bytes("PATCH", without_host(first), [("Content-Length", str(SIZE))])
        connection.send(head + b"?" + CONTENT[1:2000])
        connection.hang_up()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.holds(second, CONTENT[:999])

    def test_present_state(self) -> None:
        """Who has the present state, or none, has missed nothing: their range must begin at the end."""
        _, address = self.received(999)
        for start in (0, 500, 998, 1000):
            for where in (address, without_state(address) + "?"):
                for method in ("PATCH", "PUT"):
                    url = f"{where}&digest={DIGEST}"
                    self.misplaced(self.ask(method, url, ranged(start, 2000), CONTENT[start:2000]), 999)
        self.holds(address, CONTENT[:999])

    def test_gap(self) -> None:
        """A range that begins behind the end is refused with any state."""
        first, second = self.received(999)
        for address in (first, second):
            self.misplaced(self.ask("PATCH", address, ranged(1000, 2000), CONTENT[1000:2000]), 999)
        self.holds(second, CONTENT[:999])

    def test_ahead(self) -> None:
        """So is a state that is ahead of what is stored, as after a disk that lost its last writes."""
        *_, third = self.received(999, 2000)
        path = next(path for path in self.registry.driver._contents if path.endswith("/data"))
        del self.registry.driver._contents[path].data[1500:]
        for method in ("PATCH", "PUT"):
            self.misplaced(self.ask(method, f"{third}&digest={DIGEST}", body=CONTENT[2000:]), 1500)
        self.created(self.finish(without_state(third) + "?", CONTENT[1500:]))


class LengthTests(StaleCase):
    """Bodies in chunked coding that have a range, too."""

    def test_right(self) -> None:
        """A body as long as its range is like any other."""
        address = self.accepted(self.stream("PATCH", self.begin(), ranged(0, 9), CONTENT[:9]), 202, 9)
        url = f"{address}&digest={DIGEST}"
        self.created(self.stream("PUT", url, ranged(9, SIZE), CONTENT[9:99], CONTENT[99:]))

    def test_longer(self) -> None:
        """Of one that is longer, what is in the range is kept; the client learns that."""
        for method in ("PATCH", "PUT"):
            url = f"{self.begin()}&digest={DIGEST}"
            answer = self.stream(method, url, ranged(0, 9), CONTENT[:5], CONTENT[5:])
            self.misplaced(answer, 9, 400, "SIZE_INVALID")
            self.holds(location(answer), CONTENT[:9])

    def test_shorter(self) -> None:
        """Of one that is shorter, what came is kept; a PUT ends nothing."""
        for method in ("PATCH", "PUT"):
            url = f"{self.begin()}&digest={DIGEST}"
            answer = self.stream(method, url, ranged(0, SIZE + 1), CONTENT)
            self.misplaced(answer, SIZE, 400, "SIZE_INVALID")
            self.assertEqual(self.ask("HEAD", f"/v2/a/blobs/{DIGEST}").status, 404)
            self.created(self.finish(location(answer), b""))
            self.ask("DELETE", f"/v2/a/blobs/{DIGEST}")

    def test_repeated(self) -> None:
        """The same holds for one that repeats something."""
        first, _ = self.received(999)
        self.misplaced(self.stream("PATCH", first, ranged(0, 2000), CONTENT[:500]), 999, 400, "SIZE_INVALID")
        self.misplaced(self.stream("PATCH", first, ranged(0, 500), CONTENT[:600]), 999, 400, "SIZE_INVALID")
        self.misplaced(self.stream("PATCH", first, ranged(0, 1000), CONTENT), 1000, 400, "SIZE_INVALID")
        self.holds(first, CONTENT[:1000])

    def test_content_length(self) -> None:
        """With a length that is not the range's, nothing is even read."""
        first, _ = self.received(999)
        for method in ("PATCH", "PUT"):
            connection = self.registry.connect()
            headers = [*ranged(5, 2000), ("Content-Length", "10"), ("Expect", "100-continue")]
            connection.send(request_bytes(method, f"{without_host(first)}&digest={DIGEST}", headers))
            answer = connection.answer()
            self.misplaced(answer, 999, 400, "SIZE_INVALID")
            self.assertEqual(answer.continues, 0)


class CostTests(StaleCase):
    """What comparing costs."""

    def test_bounded(self) -> None:
        """A body is compared while it comes, and a client that is faster than the storage is slowed down."""
        driver = HeldReads(InMemoryDriver())
        self.registry = Registry(driver)
        self.ask = self.registry.ask
        content = bytes(range(250)) * 40_000
        first = self.begin()
        self.accepted(self.ask("PATCH", first, body=content), 202, len(content))
        connection = self.registry.connect()
        connection.send(
            request_bytes("PATCH", without_host(first), [("Content-Length", str(len(content) + 1))])
        )
        connection.send_each(content[at : at + 60_000] for at in range(0, len(content), 60_000))
        connection.send(b"!")
        reads = 0
        while driver.waiting:
            self.assertLess(self.registry.site.budget.held, HIGH_WATER + 100_000)
            taken = len(content) - connection.untaken
            self.assertLess(taken - driver.read, 2 * HIGH_WATER + 200_000)
            driver.step()
            reads += 1
            connection.deliver()
            self.registry.clock.advance(LINGER[1])
        self.assertGreater(reads, len(content) // (BATCH + 100_000))
        self.assertEqual(driver.read, len(content))
        self.accepted(connection.answer(), 202, len(content) + 1)
        self.assertEqual(self.registry.site.budget.held, 0)

    def test_read_once(self) -> None:
        """What is repeated is read once, for comparing, and nothing is read for the digest."""
        driver = FaultyDriver(InMemoryDriver())
        self.registry = Registry(driver)
        self.ask = self.registry.ask
        first, *_ = self.received(999, 2000)
        self.created(self.finish(first, CONTENT))
        self.assertEqual([call for call, _ in driver.calls].count("read"), 1)

    def test_not_read_at_all(self) -> None:
        """A repeated PUT of nothing, and a range behind what is stored, read nothing."""
        driver = FaultyDriver(InMemoryDriver())
        self.registry = Registry(driver)
        self.ask = self.registry.ask
        first, *_ = self.received(999, 2000)
        self.ask("PATCH", first, ranged(2000, SIZE), CONTENT[2000:])
        self.created(self.finish(first, b""))
        self.assertNotIn("read", [call for call, _ in driver.calls])
