"""What every ``IUploadStore`` and ``IUpload`` of a repository promises."""

from __future__ import annotations

from datetime import timedelta

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from tests.contracts.repositories import HERE, NO_UPLOAD, THERE, RepositoriesCase, descriptor_of
from txregistry.errors import BlobUnknown, DigestMismatch, UploadBusy, UploadDiffers, UploadUnknown
from txregistry.interfaces import IRepository, IUpload, UploadStatus
from txregistry.model.digest import ALGORITHMS, EMPTY, Digest

FIRST, SECOND = b"first half, " * 7000, b"second half"


class UploadContract(RepositoriesCase):
    """Mix in beside a ``SynchronousTestCase``."""

    def begun(self) -> tuple[IRepository, UploadStatus]:
        """A repository with a session."""
        here = self.make_namespace().repository(HERE)
        return here, self.successResultOf(here.uploads.start())

    def opened(self, here: IRepository, session: UploadStatus) -> IUpload:
        """*session*, open for writing."""
        upload: IUpload = self.successResultOf(here.uploads.resume(session.id))
        return upload

    def received(self, here: IRepository, session: UploadStatus, *chunks: bytes) -> None:
        """Let *session* receive *chunks* in a request of their own."""
        upload = self.opened(here, session)
        self.successResultOf(upload.write(chunks))
        self.successResultOf(upload.close())

    def test_provides(self) -> None:
        """An open session declares and keeps the ``IUpload`` signatures."""
        self.assertTrue(verifyObject(IUpload, self.opened(*self.begun())))

    def test_start(self) -> None:
        """A new session is empty, began in UTC at a whole second, and is no other."""
        here, session = self.begun()
        self.assertEqual(session.size, 0)
        self.assertEqual(session.started_at.utcoffset(), timedelta(0))
        self.assertEqual(session.started_at.microsecond, 0)
        self.assertNotEqual(self.successResultOf(here.uploads.start()).id, session.id)

    def test_status(self) -> None:
        """A session tells the same of itself however one asks."""
        here, session = self.begun()
        self.assertEqual(self.successResultOf(here.uploads.status(session.id)), session)
        upload = self.opened(here, session)
        self.assertEqual((upload.id, upload.size, upload.started_at), (session.id, 0, session.started_at))

    def test_unknown(self) -> None:
        """Sessions that were never begun, or could not have been, are unknown."""
        here, _ = self.begun()
        for id in (NO_UPLOAD, "", ".", "..", "a/b", "../../x", f"{NO_UPLOAD}\n", "ä"):
            failure = self.failureResultOf(here.uploads.status(id), UploadUnknown)
            self.assertEqual(failure.value.id, id)
            self.failureResultOf(here.uploads.resume(id), UploadUnknown)

    def test_of_one_repository(self) -> None:
        """A session is known in its repository only."""
        namespace = self.make_namespace()
        session = self.successResultOf(namespace.repository(HERE).uploads.start())
        there = namespace.repository(THERE)
        self.failureResultOf(there.uploads.status(session.id), UploadUnknown)
        self.failureResultOf(there.uploads.resume(session.id), UploadUnknown)

    def test_grows(self) -> None:
        """What is written is appended, in one request or in several."""
        here, session = self.begun()
        self.received(here, session, FIRST, SECOND)
        status = self.successResultOf(here.uploads.status(session.id))
        self.assertEqual(status.size, len(FIRST + SECOND))
        upload = self.opened(here, session)
        self.assertEqual(upload.size, len(FIRST + SECOND))
        self.successResultOf(upload.write([b"!"]))
        self.assertEqual(upload.size, len(FIRST + SECOND) + 1)
        descriptor = self.successResultOf(upload.commit(Digest.of(FIRST + SECOND + b"!")))
        self.assertEqual(descriptor, descriptor_of(FIRST + SECOND + b"!"))

    def test_write_again(self) -> None:
        """What is there already may come again, from anywhere on; what lies behind it is appended."""
        for at in (0, 1, len(FIRST) - 1, len(FIRST)):
            here, session = self.begun()
            self.received(here, session, FIRST)
            upload = self.opened(here, session)
            self.successResultOf(upload.write([FIRST[at : at + 10], FIRST[at + 10 :] + SECOND[:3]], at))
            self.assertEqual(upload.size, len(FIRST) + 3)
            self.successResultOf(upload.write([SECOND[3:]], len(FIRST) + 3))
            descriptor = self.successResultOf(upload.commit(Digest.of(FIRST + SECOND)))
            self.assertEqual(descriptor, descriptor_of(FIRST + SECOND))

    def test_write_less_again(self) -> None:
        """What comes again may end before the end; nothing changes."""
        here, session = self.begun()
        self.received(here, session, FIRST)
        upload = self.opened(here, session)
        for at, end in ((0, 5), (5, 70_000), (10, 10), (3, len(FIRST))):
            self.successResultOf(upload.write([FIRST[at:end]], at))
            self.assertEqual(upload.size, len(FIRST))
        self.assertEqual(self.successResultOf(upload.commit(Digest.of(FIRST))), descriptor_of(FIRST))

    def test_write_other(self) -> None:
        """What comes again and is another, or leaves a gap, is refused, with all that follows it."""
        for at, other in (
            (0, b"x" + FIRST[1:] + SECOND),
            (len(FIRST) - 1, b"x" + SECOND),
            (0, FIRST[:-1] + b"x"),
            (len(FIRST) + 1, SECOND),
        ):
            here, session = self.begun()
            self.received(here, session, FIRST)
            upload = self.opened(here, session)
            failure = self.failureResultOf(upload.write([other], at), UploadDiffers)
            self.assertEqual(failure.value.id, session.id)
            if at < len(FIRST):
                self.failureResultOf(upload.write([SECOND], len(FIRST)), UploadDiffers)
            self.assertEqual(upload.size, len(FIRST))
            self.successResultOf(upload.close())
            self.received(here, session, SECOND)
            self.successResultOf(self.opened(here, session).commit(Digest.of(FIRST + SECOND)))

    def test_expected_algorithm(self) -> None:
        """Whatever algorithm a session was opened for, it can be gone on with and committed by any."""
        for expected in ALGORITHMS:
            for algorithm in ALGORITHMS:
                here, session = self.begun()
                for content in (FIRST, SECOND):
                    upload = self.successResultOf(here.uploads.resume(session.id, expected))
                    self.successResultOf(upload.write([content]))
                    self.successResultOf(upload.close())
                upload = self.successResultOf(here.uploads.resume(session.id, expected))
                digest = Digest.of(FIRST + SECOND, algorithm)
                self.assertEqual(self.successResultOf(upload.commit(digest)).digest, digest)

    def test_write_nothing(self) -> None:
        """Writing nothing is writing, and changes nothing."""
        here, session = self.begun()
        self.received(here, session)
        self.received(here, session, b"", b"")
        self.received(here, session, FIRST)
        self.received(here, session, b"")
        descriptor = self.successResultOf(self.opened(here, session).commit(Digest.of(FIRST)))
        self.assertEqual(descriptor.size, len(FIRST))

    def test_commit(self) -> None:
        """A committed session is a blob of its repository, and no session any more."""
        for content in (FIRST, SECOND, b""):
            for algorithm in ("sha256", "sha384", "sha512"):
                here, session = self.begun()
                self.received(here, session, content)
                digest = Digest.of(content, algorithm)
                descriptor = self.successResultOf(self.opened(here, session).commit(digest))
                self.assertEqual(descriptor, descriptor_of(content, algorithm))
                self.assertEqual(self.successResultOf(here.blobs.stat(digest)), descriptor)
                self.failureResultOf(here.uploads.status(session.id), UploadUnknown)
                self.failureResultOf(here.uploads.resume(session.id), UploadUnknown)

    def test_commit_twice(self) -> None:
        """Two sessions may bring the same blob."""
        here, first = self.begun()
        second = self.successResultOf(here.uploads.start())
        for session in (first, second):
            self.received(here, session, FIRST)
            self.successResultOf(self.opened(here, session).commit(Digest.of(FIRST)))
        reader = self.successResultOf(here.server.open(descriptor_of(FIRST)))
        self.assertEqual(self.successResultOf(reader.read(0, len(FIRST))), FIRST)
        reader.close()

    def test_never_written(self) -> None:
        """A session that received nothing can become the empty blob, and nothing else."""
        here, session = self.begun()
        self.failureResultOf(self.opened(here, session).commit(Digest.of(FIRST)), DigestMismatch)
        self.failureResultOf(self.opened(here, session).commit(Digest.of(FIRST, "sha512")), DigestMismatch)
        descriptor = self.successResultOf(self.opened(here, session).commit(EMPTY))
        self.assertEqual(descriptor, descriptor_of(b""))

    def test_mismatch(self) -> None:
        """Content that is not what was announced makes no blob; the session can go on."""
        for algorithm in ("sha256", "sha512"):
            here, session = self.begun()
            self.received(here, session, FIRST)
            wrong = Digest.of(SECOND, algorithm)
            failure = self.failureResultOf(self.opened(here, session).commit(wrong), DigestMismatch)
            self.assertEqual(failure.value.expected, wrong)
            for digest in (wrong, Digest.of(FIRST, algorithm)):
                self.failureResultOf(here.blobs.stat(digest), BlobUnknown)
            self.assertEqual(self.successResultOf(here.uploads.status(session.id)).size, len(FIRST))
            self.received(here, session, SECOND)
            digest = Digest.of(FIRST + SECOND, algorithm)
            self.successResultOf(self.opened(here, session).commit(digest))

    def test_cancel(self) -> None:
        """A cancelled session is gone, and its content is no blob."""
        here, session = self.begun()
        self.received(here, session, FIRST)
        upload = self.opened(here, session)
        self.successResultOf(upload.write([SECOND]))
        self.successResultOf(upload.cancel())
        self.failureResultOf(here.uploads.status(session.id), UploadUnknown)
        self.failureResultOf(here.uploads.resume(session.id), UploadUnknown)
        self.failureResultOf(here.blobs.stat(Digest.of(FIRST + SECOND)), BlobUnknown)

    def test_one_writer(self) -> None:
        """Who wants a session that another has open waits a few seconds, then learns that it is busy."""
        here, session = self.begun()
        upload = self.opened(here, session)
        waiting = Deferred.fromCoroutine(here.uploads.resume(session.id))
        self.clock.pump([0.1] * 20)
        self.assertNoResult(waiting)
        self.clock.pump([0.5] * 20)
        self.failureResultOf(waiting, UploadBusy)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(upload.write([FIRST]))
        self.successResultOf(upload.commit(Digest.of(FIRST)))

    def test_next_writer(self) -> None:
        """A session given back in time goes to who waited for it, with all that it received."""
        here, session = self.begun()
        upload = self.opened(here, session)
        waiting = Deferred.fromCoroutine(here.uploads.resume(session.id))
        self.successResultOf(upload.write([FIRST]))
        self.successResultOf(upload.close())
        self.clock.pump([0.1] * 10)
        self.assertEqual(self.successResultOf(waiting).size, len(FIRST))

    def test_ended_while_waiting(self) -> None:
        """Who waited for a session that then became a blob, or was cancelled, learns that there is none."""
        for ending in ("commit", "cancel"):
            here, session = self.begun()
            upload = self.opened(here, session)
            waiting = Deferred.fromCoroutine(here.uploads.resume(session.id))
            self.successResultOf(upload.write([FIRST]))
            if ending == "commit":
                self.successResultOf(upload.commit(Digest.of(FIRST)))
            else:
                self.successResultOf(upload.cancel())
            self.clock.pump([0.1] * 10)
            self.failureResultOf(waiting, UploadUnknown)

    def test_leaving_while_waiting(self) -> None:
        """Who stops waiting for a busy session leaves it as it is."""
        here, session = self.begun()
        upload = self.opened(here, session)
        waiting = Deferred.fromCoroutine(here.uploads.resume(session.id))
        waiting.cancel()
        self.failureResultOf(waiting)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(upload.close())
        self.assertEqual(self.opened(here, session).size, 0)
