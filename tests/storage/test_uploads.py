"""Tests for upload sessions over storage, beyond the contract."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.failing import FailingDriver
from tests.fakes.lines import lines
from tests.fakes.workers import InlineWorkers
from tests.storage.faulty import FaultyDriver
from tests.storage.making import BEGAN, NAME, done, make_namespace, opened, receive, tree
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import (
    BlobUnknown,
    DigestMismatch,
    PathNotFound,
    StorageError,
    StorageFull,
    UploadUnknown,
)
from txregistry.model.digest import Digest
from txregistry.storage import layout
from txregistry.storage.hashing import PlainDigest
from txregistry.storage.hashstate import HashState
from txregistry.storage.namespace import Namespace, Rules
from txregistry.storage.payloads import ManifestMemory
from txregistry.storage.streams import PIECE

LARGE, SMALL = b"0123456789" * 20_000, b"small"
UPLOADS = layout.uploads(NAME)


class SessionFilesTests(SynchronousTestCase):
    """What a session leaves in storage."""

    def setUp(self) -> None:
        self.driver = InMemoryDriver()
        self.here = make_namespace(self.driver).repository(NAME)
        self.session = done(self.here.uploads.start()).id

    def put(self, path: str, content: bytes) -> None:
        done(self.driver.put(path, content))

    def test_started(self) -> None:
        """A new session is empty data, and a file that says when it began, in UTC, in whole seconds."""
        self.assertEqual(
            tree(self.driver),
            {
                layout.upload_data(NAME, self.session): b"",
                layout.upload_started(NAME, self.session): b"2024-05-01T10:20:30Z",
            },
        )
        began = done(self.here.uploads.status(self.session)).started_at
        self.assertEqual(began, BEGAN.replace(microsecond=0))

    def test_closed(self) -> None:
        """A closed session has its data, and the state of its digest under the size of the data."""
        for content in (SMALL, LARGE):
            receive(self.here, self.session, content)
        size = len(SMALL + LARGE)
        files = tree(self.driver)
        self.assertEqual(files[layout.upload_data(NAME, self.session)], SMALL + LARGE)
        state = HashState.decode(files[layout.upload_state(NAME, self.session, size)])
        self.assertEqual(state.length, size)
        self.assertEqual(state.pending, LARGE[-(size % 64) :])

    def test_no_needless_states(self) -> None:
        """No state is stored for nothing, nor again for a session that did not grow."""
        opened_only = opened(self.here, self.session)
        done(opened_only.close())
        self.assertNotIn("hashstates", "".join(tree(self.driver)))
        receive(self.here, self.session, SMALL)
        path = layout.upload_state(NAME, self.session, len(SMALL))
        before = done(self.driver.stat(path)).modified
        done(opened(self.here, self.session).close())
        self.assertEqual(done(self.driver.stat(path)).modified, before)

    def test_ends(self) -> None:
        """Neither a blob nor a cancelled session leaves anything below the uploads."""
        receive(self.here, self.session, SMALL)
        done(opened(self.here, self.session).commit(Digest.of(SMALL)))
        cancelled = done(self.here.uploads.start()).id
        receive(self.here, cancelled, SMALL)
        done(opened(self.here, cancelled).cancel())
        self.assertEqual([path for path in tree(self.driver) if path.startswith(UPLOADS)], [])

    def test_resumed_without_reading(self) -> None:
        """A state of the right size spares reading the data again, even for a wrong digest."""
        receive(self.here, self.session, SMALL)
        recorder = FaultyDriver(self.driver)
        here = make_namespace(recorder).repository(NAME)
        upload = opened(here, self.session)
        done(upload.write([LARGE]))
        done(upload.commit(Digest.of(SMALL + LARGE)))
        self.assertNotIn("read", [call for call, _ in recorder.calls])

    def test_repeated_is_not_hashed(self) -> None:
        """What comes again is read once, as far as it goes, and the digest goes on from its state."""
        receive(self.here, self.session, LARGE)
        recorder = FaultyDriver(self.driver)
        here = make_namespace(recorder).repository(NAME)
        upload = opened(here, self.session)
        at = len(LARGE) - 9
        done(upload.write([LARGE[at:], SMALL], at))
        self.assertEqual([call for call, _ in recorder.calls].count("read"), 1)
        done(upload.close())
        state = HashState.decode(
            tree(self.driver)[layout.upload_state(NAME, self.session, len(LARGE + SMALL))]
        )
        self.assertEqual(state.length, len(LARGE + SMALL))
        done(opened(here, self.session).commit(Digest.of(LARGE + SMALL)))
        self.assertEqual([call for call, _ in recorder.calls].count("read"), 1)

    def test_compared_in_pieces(self) -> None:
        """However much comes again at once, it is read a piece at a time, and compared by a worker."""
        workers = InlineWorkers()
        namespace = Namespace(self.driver, workers, Clock(), ManifestMemory(0), Rules())
        content = LARGE * 12
        receive(self.here, self.session, content)
        upload = opened(namespace.repository(NAME), self.session)
        workers.calls = 0
        done(upload.write([content], 0))
        self.assertEqual(workers.calls, -(-len(content) // PIECE))

    def test_other_algorithm_in_one_go(self) -> None:
        """A session opened for another algorithm, and filled and ended at once, is not read again."""
        recorder = FaultyDriver(self.driver)
        here = make_namespace(recorder).repository(NAME)
        for algorithm in ("sha384", "sha512"):
            id = done(here.uploads.start()).id
            upload = done(here.uploads.resume(id, algorithm))
            done(upload.write([LARGE]))
            done(upload.commit(Digest.of(LARGE, algorithm)))
        self.assertNotIn("read", [call for call, _ in recorder.calls])

    def test_resumed_by_reading(self) -> None:
        """Without a usable state the data is read once, when the session becomes a blob."""
        for state in (None, b"", b"\0" * 108, b"x" * 200):
            id = done(self.here.uploads.start()).id
            receive(self.here, id, LARGE)
            path = layout.upload_state(NAME, id, len(LARGE))
            done(self.driver.delete(path)) if state is None else self.put(path, state)
            receive(self.here, id, SMALL)
            self.failureResultOf(opened(self.here, id).commit(Digest.of(SMALL)), DigestMismatch)
            done(opened(self.here, id).commit(Digest.of(LARGE + SMALL)))

    def test_state_of_another_size(self) -> None:
        """A state that stands for more or less data than its name says is not used."""
        receive(self.here, self.session, SMALL)
        files = tree(self.driver)
        state = files[layout.upload_state(NAME, self.session, len(SMALL))]
        receive(self.here, self.session, SMALL)
        self.put(layout.upload_state(NAME, self.session, 2 * len(SMALL)), state)
        done(opened(self.here, self.session).commit(Digest.of(SMALL * 2)))

    def test_without_state_to_store(self) -> None:
        """Where the state cannot be had, sessions still span requests."""
        namespace = Namespace(
            self.driver,
            InlineWorkers(),
            Clock(),
            ManifestMemory(0),
            Rules(),
            new_digest=PlainDigest,
        )
        here = namespace.repository(NAME)
        id = done(here.uploads.start()).id
        for chunk in (SMALL, LARGE):
            receive(here, id, chunk)
        self.assertNotIn("hashstates", "".join(tree(self.driver)))
        done(opened(here, id).commit(Digest.of(SMALL + LARGE)))

    def test_times_of_others(self) -> None:
        """Any RFC 3339 time is read, whichever program wrote it."""
        for text, expected in (
            (b"2024-05-01T10:20:30Z", datetime(2024, 5, 1, 10, 20, 30, tzinfo=UTC)),
            (b"2024-05-01T12:20:30+02:00", datetime(2024, 5, 1, 10, 20, 30, tzinfo=UTC)),
            (b"2024-05-01T10:20:30.123456789Z", datetime(2024, 5, 1, 10, 20, 30, 123456, tzinfo=UTC)),
            (b"2024-05-01T10:20:30", datetime(2024, 5, 1, 10, 20, 30, tzinfo=UTC)),
        ):
            self.put(layout.upload_started(NAME, self.session), text)
            self.assertEqual(done(self.here.uploads.status(self.session)).started_at, expected)

    def test_unreadable_time(self) -> None:
        """A session whose file a power failure emptied is no session."""
        for text in (b"", b"yesterday", b"\xff\xff", b"2" * 1000, b"0001-01-01T00:00:00+14:00"):
            self.put(layout.upload_started(NAME, self.session), text)
            self.failureResultOf(self.here.uploads.status(self.session), UploadUnknown)
            self.failureResultOf(self.here.uploads.resume(self.session), UploadUnknown)

    def test_unknown_makes_nothing(self) -> None:
        """Asking for a session that does not exist leaves no trace of it."""
        before = tree(self.driver)
        self.failureResultOf(self.here.uploads.resume("0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11"), UploadUnknown)
        self.assertEqual(tree(self.driver), before)

    @given(st.lists(st.lists(st.binary(max_size=200), max_size=4), max_size=5))
    def test_any_split(self, requests: list[list[bytes]]) -> None:
        """However content is split over requests and chunks, it becomes the same blob."""
        id = done(self.here.uploads.start()).id
        for chunks in requests:
            receive(self.here, id, *chunks)
        content = b"".join(map(b"".join, requests))
        done(opened(self.here, id).commit(Digest.of(content)))
        self.assertEqual(done(self.driver.get(layout.blob_data(Digest.of(content)), 10_000)), content)


class FailingStorageTests(SynchronousTestCase):
    """A storage that fills up while a session uses it."""

    def setUp(self) -> None:
        self.counting = FailingDriver(InMemoryDriver())
        self.driver = FaultyDriver(self.counting)
        self.here = make_namespace(self.driver).repository(NAME)
        self.session = done(self.here.uploads.start()).id

    def tearDown(self) -> None:
        """Whatever failed, nothing is left open."""
        self.assertEqual((self.counting.open_readers, self.counting.open_writers), (0, 0))

    def assertGoesOn(self, digest: Digest, received: bytes) -> None:
        """Nothing is visible as *digest*; the session has what it *received*, and ends well now."""
        self.driver.broken.clear()
        self.failureResultOf(self.here.blobs.stat(digest), BlobUnknown)
        status = done(self.here.uploads.status(self.session))
        self.assertEqual(status.size, len(received))
        upload = opened(self.here, self.session)
        done(upload.write([SMALL]))
        done(upload.commit(Digest.of(received + SMALL)))
        content = done(self.driver.get(layout.blob_data(Digest.of(received + SMALL)), 1 << 20))
        self.assertEqual(content, received + SMALL)

    def test_write_fails(self) -> None:
        """What a failed write kept of its chunks is counted and hashed, and nothing else is."""
        for kept in (0, 7):
            for chunk in (LARGE, SMALL * 3):
                self.session = done(self.here.uploads.start()).id
                self.driver.kept = kept
                upload = opened(self.here, self.session)
                done(upload.write([LARGE]))
                self.driver.broken.add(("write", "/data"))
                self.failureResultOf(upload.write([chunk]), StorageFull)
                self.assertEqual(upload.size, len(LARGE) + kept)
                done(upload.close())
                self.assertGoesOn(Digest.of(LARGE + chunk), LARGE + chunk[:kept])

    def test_commit_after_failed_write(self) -> None:
        """A digest over chunks that were not stored names nothing, though they were hashed."""
        upload = opened(self.here, self.session)
        self.driver.broken.add(("write", "/data"))
        self.failureResultOf(upload.write([SMALL]), StorageFull)
        self.driver.broken.clear()
        self.failureResultOf(upload.commit(Digest.of(SMALL)), DigestMismatch)
        self.assertGoesOn(Digest.of(SMALL), b"")

    def test_close_fails(self) -> None:
        """If data could not be made durable, the state of its digest is not stored."""
        upload = opened(self.here, self.session)
        done(upload.write([SMALL]))
        self.driver.broken.add(("close", "/data"))
        self.failureResultOf(upload.close(), StorageFull)
        self.assertNotIn("hashstates", "".join(tree(self.driver)))
        self.assertGoesOn(Digest.of(SMALL), SMALL)

    def test_state_fails(self) -> None:
        """A state that cannot be stored is only missed."""
        self.driver.broken.add(("put", "/hashstates/"))
        with capturedLogs() as events:
            receive(self.here, self.session, SMALL)
        [(level, text)] = lines(events)
        self.assertEqual(level, "error")
        self.assertRegex(text, f"^upload {self.session} goes on without a hash state: put /")
        self.assertGoesOn(Digest.of(SMALL), SMALL)

    def test_end_fails(self) -> None:
        """Whichever step to the blob fails, nothing is visible and the data is still the session's."""
        for call, part in (("stat", "/blobs/"), ("commit", "/blobs/")):
            self.session = done(self.here.uploads.start()).id
            content = LARGE + part.encode() + call.encode()
            receive(self.here, self.session, content)
            self.driver.broken.add((call, part))
            digest = Digest.of(content)
            self.failureResultOf(opened(self.here, self.session).commit(digest), StorageFull)
            self.assertGoesOn(digest, content)

    def test_link_fails(self) -> None:
        """If the link cannot be written, the blob is not visible, and the session has ended."""
        receive(self.here, self.session, LARGE)
        self.driver.broken.add(("put", "/_layers/"))
        self.failureResultOf(opened(self.here, self.session).commit(Digest.of(LARGE)), StorageFull)
        self.failureResultOf(self.here.blobs.stat(Digest.of(LARGE)), BlobUnknown)
        self.failureResultOf(self.here.uploads.status(self.session), UploadUnknown)
        self.assertEqual(list(tree(self.driver)), [layout.blob_data(Digest.of(LARGE))])

    def test_empty_blob_fails(self) -> None:
        """An empty blob that cannot be stored leaves an empty session."""
        self.driver.broken.add(("commit", "/blobs/"))
        self.failureResultOf(opened(self.here, self.session).commit(Digest.of(b"")), StorageFull)
        self.assertGoesOn(Digest.of(b""), b"")

    def test_reading_again_fails(self) -> None:
        """If the data cannot be read for its digest, it stays where it is."""
        receive(self.here, self.session, LARGE)
        self.driver.broken.add(("read", "/data"))
        digest = Digest.of(LARGE, "sha512")
        self.failureResultOf(opened(self.here, self.session).commit(digest), StorageFull)
        self.assertGoesOn(digest, LARGE)

    def test_read_error(self) -> None:
        """A read that fails half-way gives the session back."""
        receive(self.here, self.session, LARGE)
        path = layout.upload_data(NAME, self.session)
        self.counting.truncated[path] = 100
        digest = Digest.of(LARGE, "sha384")
        self.failureResultOf(opened(self.here, self.session).commit(digest), StorageError)
        self.counting.truncated.clear()
        self.assertGoesOn(digest, LARGE)

    def test_removal_fails(self) -> None:
        """A blob is a blob, even if its session could not be removed."""
        receive(self.here, self.session, SMALL)
        self.driver.broken.add(("delete", "/_uploads/"))
        with capturedLogs() as events:
            done(opened(self.here, self.session).commit(Digest.of(SMALL)))
        [(level, text)] = lines(events)
        self.assertEqual(level, "error")
        self.assertRegex(
            text, f"^upload {self.session} is a blob, but its session could not be removed: delete /"
        )
        done(self.here.blobs.stat(Digest.of(SMALL)))
        self.failureResultOf(self.here.uploads.status(self.session), UploadUnknown)
        self.failureResultOf(self.here.uploads.resume(self.session), UploadUnknown)

    def test_removed_meanwhile(self) -> None:
        """A session that an operator removes while it is written to cannot become a blob."""
        upload = opened(self.here, self.session)
        done(upload.write([SMALL]))
        done(self.driver.delete(layout.upload(NAME, self.session)))
        self.failureResultOf(upload.commit(Digest.of(SMALL)), UploadUnknown)
        self.assertEqual(tree(self.driver), {})

    def test_resume_fails(self) -> None:
        """A session that cannot be looked into is let go again."""
        receive(self.here, self.session, SMALL)
        for call, part in (("get", "/hashstates/"), ("get", "/startedat")):
            self.driver.broken.add((call, part))
            self.failureResultOf(self.here.uploads.resume(self.session), StorageFull)
            self.driver.broken.clear()
        self.assertGoesOn(Digest.of(SMALL), SMALL)

    def test_start_fails(self) -> None:
        """A session that cannot be begun is not there."""
        for part in ("/startedat", "/data"):
            before = tree(self.driver)
            self.driver.broken = {("put", part)}
            self.failureResultOf(self.here.uploads.start(), StorageFull)
            self.assertEqual(tree(self.driver), before)


class HashingTests(SynchronousTestCase):
    """Where hashing happens."""

    def test_workers(self) -> None:
        """Large batches and re-read data are hashed by workers; small ones are not worth the way."""
        driver, workers = InMemoryDriver(), InlineWorkers()
        namespace = Namespace(driver, workers, Clock(), ManifestMemory(0), Rules())
        here = namespace.repository(NAME)
        id = done(here.uploads.start()).id
        receive(here, id, SMALL)
        self.assertEqual(workers.calls, 0)
        receive(here, id, LARGE)
        self.assertEqual(workers.calls, 1)
        digest = Digest("sha512", hashlib.sha512(SMALL + LARGE).hexdigest())
        done(opened(here, id).commit(digest))
        self.assertEqual(workers.calls, 2)

    def test_no_session_is_left(self) -> None:
        """A finished session cannot be found by its files."""
        driver = InMemoryDriver()
        here = make_namespace(driver).repository(NAME)
        id = done(here.uploads.start()).id
        done(opened(here, id).commit(Digest.of(b"")))
        self.failureResultOf(driver.list(UPLOADS), PathNotFound)
