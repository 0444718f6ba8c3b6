"""Tests for an htpasswd file that may change."""

from __future__ import annotations

import os
import time
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.workers import HeldWorkers
from txregistry.auth import userfile
from txregistry.auth.userfile import Unreadable, UserFile, read
from txregistry.auth.users import Users
from txregistry.errors import AccessUndecided

HASH = "$2y$04$" + "." * 22 + "a" * 31
ALICE, BOB = f"alice:{HASH}\n", f"bob:{HASH}\n"
#: After everything that the tests change.
LATER = time.time() + 1e6


class ReadTests(SynchronousTestCase):
    """What is read, and when it is not."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.write_text(ALICE)

    def test_content(self) -> None:
        """The users in the file are found."""
        reading = read(str(self.path), None, LATER)
        assert reading.users is not None
        self.assertEqual((set(reading.users.hashes), reading.fault, reading.settled), ({b"alice"}, "", True))

    def test_unchanged(self) -> None:
        """A file that has not changed for a while is not read again."""
        reading = read(str(self.path), None, LATER)
        self.patch(os, "open", None)
        self.assertIs(read(str(self.path), reading, LATER), reading)

    def test_changed(self) -> None:
        """A change shows, be it of size, times, or the file itself; the same content is not parsed again."""
        reading = read(str(self.path), None, LATER)
        os.utime(self.path, (1, 1))
        touched = read(str(self.path), reading, LATER)
        self.assertNotEqual(touched.stamp, reading.stamp)
        self.assertIs(touched.users, reading.users)
        other = self.path.with_suffix(".new")
        other.write_text(BOB)
        os.utime(other, (1, 1))
        other.replace(self.path)
        changed = read(str(self.path), touched, LATER)
        assert changed.users is not None
        self.assertEqual(set(changed.users.hashes), {b"bob"})

    def test_disguised(self) -> None:
        """A change in place shows, although the time of change is set back."""
        reading = read(str(self.path), None, LATER)
        status = self.path.stat()
        deadline = time.monotonic() + 5
        while self.path.stat().st_ctime_ns == status.st_ctime_ns and time.monotonic() < deadline:
            self.path.write_text(ALICE.replace("alice", "clara"))
            os.utime(self.path, ns=(status.st_atime_ns, status.st_mtime_ns))
        changed = read(str(self.path), reading, LATER)
        assert changed.users is not None
        self.assertEqual(set(changed.users.hashes), {b"clara"})

    def test_unsettled(self) -> None:
        """A file that has just changed is always read: another change may leave the same times behind."""
        reading = read(str(self.path), None, time.time())
        self.assertFalse(reading.settled)
        self.path.write_text(BOB)
        same_times = evolve(reading, stamp=read(str(self.path), None, LATER).stamp)
        changed = read(str(self.path), same_times, time.time())
        assert changed.users is not None
        self.assertEqual(set(changed.users.hashes), {b"bob"})

    def test_fault(self) -> None:
        """A line that makes no sense is named by its number, without what it says."""
        self.path.write_text(ALICE + "secret")
        reading = read(str(self.path), None, LATER)
        self.assertIsNone(reading.users)
        self.assertEqual(reading.fault, "line 2 has no colon")
        self.assertNotIn("secret", repr(reading))
        self.assertNotIn(HASH, repr(reading))

    def test_unreadable(self) -> None:
        """What is no file of a sensible size cannot be read, and nothing stays open."""
        directory, pipe, large = (self.path.with_suffix(end) for end in (".d", ".p", ".l"))
        directory.mkdir()
        os.mkfifo(pipe)
        with large.open("wb") as file:
            file.truncate(userfile.SIZE_LIMIT + 1)
        before = os.listdir("/proc/self/fd")
        for path, reason in (
            (str(directory), "is a directory"),
            (str(pipe), "is no regular file"),
            (str(large), "is larger than 16777216 bytes"),
            (f"{self.path}/x", "cannot be read: Not a directory"),
            (f"{self.path}.none", "cannot be read: No such file or directory"),
            ("a\0b", "cannot be read: embedded null byte"),
        ):
            for last in (None, read(str(self.path), None, LATER)):
                with self.assertRaises(Unreadable) as caught:
                    read(path, last, LATER)
                self.assertEqual(caught.exception.reason, reason)
        self.assertEqual(os.listdir("/proc/self/fd"), before)


class UserFileTests(SynchronousTestCase):
    """Looks at a file, and what becomes of them."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.write_text(ALICE)
        self.workers, self.clock = HeldWorkers(), Clock()
        self.changes = 0
        self.file = UserFile(str(self.path), self.workers, self.clock.seconds, self.changed)
        self.events: list[LogEvent] = []

    def changed(self) -> None:
        self.changes += 1

    def look(self) -> Deferred[Users]:
        """One look, to its end."""
        answer = self.file.look()
        with capturedLogs() as events:
            self.workers.step()
        self.events.extend(event for event in events if event["log_level"] >= LogLevel.warn)
        return answer

    def users(self) -> set[bytes]:
        """Those who are found by a look."""
        return set(self.successResultOf(self.look()).hashes)

    def refused(self) -> str:
        """Why a look found nobody."""
        error = self.failureResultOf(self.look(), AccessUndecided).value
        assert isinstance(error, AccessUndecided)
        return error.reason

    def told(self) -> list[str]:
        """What the log was told, warnings and worse, since this was last called."""
        texts = [formatEvent(event) for event in self.events]
        self.events.clear()
        return texts

    def test_change(self) -> None:
        """A change is found, and told once."""
        self.assertEqual(self.users(), {b"alice"})
        first = self.file.users
        self.assertEqual(self.users(), {b"alice"})
        self.assertIs(self.file.users, first)
        self.assertEqual(self.changes, 1)
        self.path.write_text(BOB)
        self.assertEqual(self.users(), {b"bob"})
        self.assertEqual((self.changes, self.told()), (2, []))

    def test_looks_are_shared(self) -> None:
        """Who comes during a look waits for the next one, which all share: it is no older than they are."""
        first = self.file.look()
        rest = [self.file.look() for _ in range(5)]
        self.assertEqual(len(self.workers.waiting), 1)
        self.workers.step()
        self.assertEqual(set(self.successResultOf(first).hashes), {b"alice"})
        self.assertNoResult(rest[0])
        self.path.write_text(BOB)
        self.workers.step()
        for each in rest:
            self.assertEqual(set(self.successResultOf(each).hashes), {b"bob"})
        self.assertEqual(self.workers.waiting, [])

    def test_leaving(self) -> None:
        """Who does not wait for a look takes it from nobody."""
        first, second = self.file.look(), self.file.look()
        first.addErrback(lambda _: None).cancel()
        second.addErrback(lambda _: None).cancel()
        third = self.file.look()
        self.workers.step()
        self.workers.step()
        self.assertEqual(set(self.successResultOf(third).hashes), {b"alice"})

    def test_confirmed(self) -> None:
        """Users count as confirmed from the beginning of the look that found them, for some time."""
        self.assertFalse(self.file.confirmed(1))
        answer = self.file.look()
        self.clock.advance(0.4)
        self.workers.step()
        self.successResultOf(answer)
        self.clock.advance(0.5)
        self.assertTrue(self.file.confirmed(1))
        self.clock.advance(0.2)
        self.assertFalse(self.file.confirmed(1))
        self.clock.rightNow -= 5
        self.assertFalse(self.file.confirmed(1))

    def test_new_fault(self) -> None:
        """A new fault is told once, and to those who wait for that look; then those of before stay in use."""
        self.users()
        self.path.write_text(BOB + "junk")
        reason = f"htpasswd file {self.path}: line 2 has no colon"
        self.assertEqual(self.refused(), reason)
        self.assertEqual(self.users(), {b"alice"})
        self.assertEqual(self.users(), {b"alice"})
        self.assertEqual(self.told(), [f"{reason}; those of before stay in use"])
        self.path.write_text("junk")
        self.assertIn("line 1", self.refused())
        self.assertEqual(self.users(), {b"alice"})
        self.assertEqual(len(self.told()), 1)
        self.path.write_text(BOB)
        self.assertEqual(self.users(), {b"bob"})
        self.assertEqual(self.changes, 4)

    def test_fault_from_the_start(self) -> None:
        """Where nobody was found before, nobody gets in, each time; it is told once."""
        self.path.write_text("junk")
        for _ in range(3):
            self.assertEqual(self.refused(), f"htpasswd file {self.path}: line 1 has no colon")
        self.assertEqual(self.told(), [f"htpasswd file {self.path}: line 1 has no colon; nobody gets in"])
        self.assertFalse(self.file.confirmed(1))

    def test_removed(self) -> None:
        """Without a file nobody gets in, each time; it is told once, and so is the next reason."""
        self.users()
        self.path.unlink()
        for _ in range(3):
            self.assertIn("No such file", self.refused())
            self.assertFalse(self.file.confirmed(1))
        self.assertEqual(self.changes, 2)
        self.assertEqual(len(self.told()), 1)
        self.path.mkdir()
        self.assertIn("is a directory", self.refused())
        self.assertIn("is a directory", self.refused())
        self.assertEqual(len(self.told()), 1)
        self.path.rmdir()
        self.path.write_text(ALICE)
        self.assertEqual(self.users(), {b"alice"})
        self.path.unlink()
        self.refused()
        self.assertEqual(len(self.told()), 1)

    def test_removed_and_back_with_a_fault(self) -> None:
        """A file that was away and comes back with a fault lets nobody in, those of before neither."""
        self.users()
        self.path.unlink()
        self.refused()
        self.path.write_text("junk")
        for _ in range(3):
            self.assertIn("line 1", self.refused())
        self.path.write_text(ALICE)
        self.assertEqual(self.users(), {b"alice"})

    def test_useless_lines(self) -> None:
        """Lines by which nobody can come in are named by their numbers."""
        self.path.write_text(ALICE + "carol:$apr1$x$secret\n" * 12)
        self.users()
        (text,) = self.told()
        self.assertIn("lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …", text)
        self.assertNotIn("secret", text)

    def test_look_now(self) -> None:
        """A look at the start needs no thread, and only the log hears of faults."""
        self.file.look_now()
        self.assertTrue(self.file.confirmed(1))
        assert self.file.users is not None
        self.assertEqual(set(self.file.users.hashes), {b"alice"})
        for break_it in (lambda: self.path.write_text("junk"), self.path.unlink):
            break_it()
            with capturedLogs() as events:
                self.file.look_now()
            self.assertEqual([event["log_level"] for event in events], [LogLevel.warn])
        self.assertEqual(self.workers.waiting, [])

    def test_failing_workers(self) -> None:
        """A failure of ours is everybody's who waits for that look, and the next look is a new one."""
        self.patch(Users, "parse", None)
        answers = [self.file.look(), self.file.look()]
        self.workers.step()
        self.workers.step()
        for each in answers:
            self.failureResultOf(each, TypeError)
        self.assertNoResult(self.file.look())
