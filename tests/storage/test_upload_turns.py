"""Tests for who may use an upload session when, and for clients that leave."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase

from tests.storage.faulty import FaultyDriver
from tests.storage.making import NAME, done, make_namespace, opened, receive, tree
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import UploadBusy, UploadUnknown
from txregistry.interfaces import IFileWriter, IStorageDriver
from txregistry.model.digest import Digest
from txregistry.storage import layout

LARGE, SMALL = b"0123456789" * 20_000, b"small"
UPLOADS = layout.uploads(NAME)


class SlowWriter(proxyForInterface(IFileWriter, "_writer")):  # type: ignore[misc]
    """Writes, and leaves for its target, when the driver's gate is opened."""

    def __init__(self, writer: IFileWriter, driver: SlowDriver) -> None:
        super().__init__(writer)
        self._driver = driver

    async def write(self, chunks: Sequence[bytes]) -> None:
        await self._driver.wait()
        await self._writer.write(chunks)

    async def commit(self, target: str) -> None:
        await self._driver.wait("commit")
        await self._writer.commit(target)


class SlowDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """Lets writers, and puts of links, wait until somebody opens the gate."""

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.waiting: list[Deferred[None]] = []
        self.slow: set[str] = set()

    async def wait(self, what: str = "write") -> None:
        if what in self.slow:
            gate: Deferred[None] = Deferred()
            self.waiting.append(gate)
            await gate

    def go(self) -> None:
        """Let what waits go on."""
        waiting, self.waiting = self.waiting, []
        for gate in waiting:
            gate.callback(None)

    async def writer(self, path: str) -> IFileWriter:
        await self.wait("open")
        return SlowWriter(await self._driver.writer(path), self)

    async def put(self, path: str, content: bytes, durable: bool = True) -> None:
        await self.wait(path.rpartition("/")[2])
        await self._driver.put(path, content, durable)


class CancellationTests(SynchronousTestCase):
    """Clients that hang up while the storage is at work."""

    def setUp(self) -> None:
        self.driver = SlowDriver(InMemoryDriver())
        self.clock = Clock()
        self.here = make_namespace(self.driver, self.clock).repository(NAME)
        self.session = done(self.here.uploads.start()).id

    def test_write(self) -> None:
        """A write goes on to its end when its caller leaves; closing waits for it, and nothing is lost."""
        upload = opened(self.here, self.session)
        self.driver.slow.add("write")
        writing = Deferred.fromCoroutine(upload.write([SMALL]))
        writing.cancel()
        self.failureResultOf(writing, CancelledError)
        closing = Deferred.fromCoroutine(upload.close())
        self.assertNoResult(closing)
        self.driver.go()
        self.successResultOf(closing)
        files = tree(self.driver)
        self.assertEqual(files[layout.upload_data(NAME, self.session)], SMALL)
        self.assertIn(layout.upload_state(NAME, self.session, len(SMALL)), files)

    def test_commit(self) -> None:
        """A commit goes on to its end when its caller leaves, and closing the session then does nothing."""
        upload = opened(self.here, self.session)
        done(upload.write([SMALL]))
        self.driver.slow.add("commit")
        committing = Deferred.fromCoroutine(upload.commit(Digest.of(SMALL)))
        committing.cancel()
        self.failureResultOf(committing, CancelledError)
        closing = Deferred.fromCoroutine(upload.close())
        self.driver.go()
        self.successResultOf(closing)
        done(self.here.blobs.stat(Digest.of(SMALL)))
        self.failureResultOf(self.here.uploads.status(self.session), UploadUnknown)

    def test_resume(self) -> None:
        """A session that was opened for nobody is closed again."""
        self.driver.slow.add("open")
        resuming = Deferred.fromCoroutine(self.here.uploads.resume(self.session))
        resuming.cancel()
        self.failureResultOf(resuming, CancelledError)
        self.driver.go()
        self.driver.slow.clear()
        done(opened(self.here, self.session).close())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ExclusionTests(SynchronousTestCase):
    """Nobody writes to data that has been verified."""

    def setUp(self) -> None:
        self.driver = SlowDriver(InMemoryDriver())
        self.clock = Clock()
        self.here = make_namespace(self.driver, self.clock).repository(NAME)
        # Another process on the same storage.
        self.other = make_namespace(self.driver, self.clock).repository(NAME)
        self.session = done(self.here.uploads.start()).id

    def test_while_it_becomes_a_blob(self) -> None:
        """Between its verification and the end of the commit nobody can open the session."""
        upload = opened(self.here, self.session)
        done(upload.write([SMALL]))
        self.driver.slow.add("commit")
        committing = Deferred.fromCoroutine(upload.commit(Digest.of(SMALL)))
        self.assertNoResult(committing)
        intruder = Deferred.fromCoroutine(self.other.uploads.resume(self.session))
        self.clock.pump([0.1] * 10)
        self.assertNoResult(intruder)
        self.driver.go()
        self.successResultOf(committing)
        self.clock.pump([0.1] * 10)
        self.failureResultOf(intruder, UploadUnknown)
        self.assertEqual(done(self.driver.get(layout.blob_data(Digest.of(SMALL)), 100)), SMALL)
        self.assertEqual([path for path in tree(self.driver) if path.startswith(UPLOADS)], [])

    def test_for_long(self) -> None:
        """If that takes too long, others hear that the session is busy."""
        upload = opened(self.here, self.session)
        done(upload.write([SMALL]))
        self.driver.slow.add("commit")
        committing = Deferred.fromCoroutine(upload.commit(Digest.of(SMALL)))
        intruder = Deferred.fromCoroutine(self.other.uploads.resume(self.session))
        self.clock.pump([0.5] * 20)
        self.failureResultOf(intruder, UploadBusy)
        self.driver.go()
        self.successResultOf(committing)

    def test_before_the_link(self) -> None:
        """From the moment at which its data is a blob, linked or not yet, there is no session."""
        upload = opened(self.here, self.session)
        done(upload.write([SMALL]))
        self.driver.slow.add("link")
        committing = Deferred.fromCoroutine(upload.commit(Digest.of(SMALL)))
        for question in (self.other.uploads.resume(self.session), self.other.uploads.status(self.session)):
            self.failureResultOf(question, UploadUnknown)
        self.driver.go()
        self.successResultOf(committing)
        self.assertEqual([path for path in tree(self.driver) if path.startswith(UPLOADS)], [])

    def test_ended_before_the_state(self) -> None:
        """A state stored after somebody else ended the session does not bring it back."""

        class Ending(FaultyDriver):
            async def put(self, path: str, content: bytes, durable: bool = True) -> None:
                if "/hashstates/" in path:
                    await self._driver.delete(path[: path.index("/hashstates/")])
                await super().put(path, content, durable)

        driver = InMemoryDriver()
        here = make_namespace(Ending(driver)).repository(NAME)
        receive(here, done(here.uploads.start()).id, SMALL)
        self.assertEqual(tree(driver), {})
