"""Tests for access by user and password."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.access import AccessControllerContract
from tests.fakes.workers import HeldWorkers, InlineWorkers
from txregistry.auth.bcrypted import BcryptHash, Checked, hashed
from txregistry.auth.htpasswd import HtpasswdAccess
from txregistry.auth.table import ACCESS, Means
from txregistry.config.auth import HtpasswdOptions
from txregistry.errors import AccessUndecided, CannotStart, TooManyAttempts, Unauthorized
from txregistry.interfaces import Credentials, IAccessController, IWorkers
from txregistry.model.access import Grant, needed

WANTED = needed("PUT", "a/b")


def basic(user: str, password: str, client: str = "192.0.2.1") -> Credentials:
    """What a client at *client* sends."""
    encoded = b64encode(f"{user}:{password}".encode()).decode()
    return Credentials(f"Basic {encoded}", "registry.test", None, client)


ALICE = basic("alice", "wonder")


class Fixture(SynchronousTestCase):
    """
    Alice's password is ``wonder``, at the lowest cost, and Bob's ``builder``, at the next.

    :ivar costs: of the checks so far.
    """

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.alice, self.bob = b"alice:" + hashed(b"wonder", 4), b"bob:" + hashed(b"builder", 5)
        self.path.write_bytes(self.alice + b"\n" + self.bob)
        self.clock = Clock()
        self.clock.advance(1e6)
        self.costs: list[int] = []

    def check(self, expected: BcryptHash, password: bytes) -> Checked:
        self.costs.append(expected.cost)
        return Checked(expected.matches(password), 0.5)

    def made(self, workers: IWorkers, realm: str = "the realm") -> HtpasswdAccess:
        """A controller that has not been started."""
        return HtpasswdAccess(realm, str(self.path), workers, 1, self.clock.seconds, self.check)

    def ask(self, access: IAccessController, credentials: Credentials) -> Deferred[Grant]:
        return Deferred.fromCoroutine(access.authorize(credentials, WANTED))


class HtpasswdContractTests(AccessControllerContract, Fixture):
    """The controller is one."""

    def make_controller(self) -> IAccessController:
        return self.made(InlineWorkers())

    def welcome(self) -> Credentials:
        return ALICE


class HtpasswdTests(Fixture):
    """Who gets in, and what that costs."""

    def setUp(self) -> None:
        super().setUp()
        self.access = self.made(InlineWorkers())

    def granted(self, credentials: Credentials) -> str:
        """The name under which *credentials* let somebody in."""
        return self.successResultOf(self.ask(self.access, credentials)).user

    def refused(self, credentials: Credentials) -> Unauthorized:
        """The refusal that *credentials* get."""
        error = self.failureResultOf(self.ask(self.access, credentials), Unauthorized).value
        assert isinstance(error, Unauthorized)
        return error

    def undecided(self, credentials: Credentials) -> None:
        """Nobody can tell about *credentials*."""
        self.failureResultOf(self.ask(self.access, credentials), AccessUndecided)

    def test_grant(self) -> None:
        """Whoever shows a password gets in by name, and may read everything."""
        grant = self.successResultOf(self.ask(self.access, ALICE))
        self.assertEqual(grant, Grant("alice", reads_everything=True))
        self.assertEqual(self.granted(basic("bob", "builder")), "bob")

    def test_challenge(self) -> None:
        """All refusals have the same challenge; the realm is quoted; the log gets the reason and the name."""
        self.access = self.made(InlineWorkers(), 'a "realm"')
        for credentials, user, anonymous in (
            (Credentials(None, "h"), "", True),
            (Credentials("", "h"), "", True),
            (Credentials("Bearer x", "h"), "", False),
            (Credentials("Basic !", "h"), "", False),
            (basic("alice", "wrong"), "alice", False),
            (basic("eve", "wonder"), "eve", False),
            (basic("", ""), "", False),
        ):
            error = self.refused(credentials)
            self.assertEqual(error.challenge, 'Basic realm="a \\"realm\\""')
            self.assertEqual((error.wanted, error.user, error.anonymous), (WANTED, user, anonymous))
            self.assertTrue(error.reason)

    def test_strangers_without_a_file(self) -> None:
        """Who shows no credentials is challenged, whatever has become of the file."""
        self.path.unlink()
        self.assertTrue(self.refused(Credentials(None, "h")).anonymous)
        self.undecided(ALICE)

    def test_remembered(self) -> None:
        """A right credential is checked once a minute."""
        for _ in range(5):
            self.granted(ALICE)
            self.clock.advance(12)
        self.granted(ALICE)
        self.assertEqual(self.costs, [4])
        self.clock.advance(0.5)
        self.granted(ALICE)
        self.assertEqual(self.costs, [4, 4])

    def test_seldom_looked_at(self) -> None:
        """For a remembered credential the file is looked at once a second, at most."""
        workers = InlineWorkers()
        self.access = self.made(workers)
        self.granted(ALICE)
        before = workers.calls
        for _ in range(10):
            for _ in range(100):
                self.granted(ALICE)
            self.clock.advance(0.25)
        self.assertEqual(workers.calls - before, 2)

    def test_wrong_remembered(self) -> None:
        """A wrong credential is checked once in five seconds."""
        for _ in range(5):
            self.refused(basic("alice", "wrong"))
            self.refused(basic("eve", "wrong"))
            self.clock.advance(1)
        self.assertEqual(len(self.costs), 2)
        self.clock.advance(0.1)
        self.refused(basic("alice", "wrong"))
        self.assertEqual(len(self.costs), 3)

    def test_remembered_for_itself(self) -> None:
        """What is remembered is of that user and that password."""
        self.granted(ALICE)
        self.refused(basic("alice", "wonder2"))
        self.refused(basic("alice", ""))
        self.refused(basic("bob", "wonder"))
        self.granted(ALICE)

    def test_new_user(self) -> None:
        """A user who was unknown a moment ago gets in at once."""
        self.refused(basic("carol", "new"))
        self.path.write_bytes(b"carol:" + hashed(b"new", 4))
        self.assertEqual(self.granted(basic("carol", "new")), "carol")

    def test_new_password(self) -> None:
        """A new password counts at once, and with that the old one counts no more."""
        self.granted(ALICE)
        self.path.write_bytes(b"alice:" + hashed(b"new", 4))
        self.granted(basic("alice", "new"))
        self.refused(ALICE)

    def test_removed_user(self) -> None:
        """A user who was removed is kept out after a second, although remembered."""
        self.granted(ALICE)
        self.path.write_bytes(self.bob)
        self.clock.advance(1)
        self.refused(ALICE)

    def test_removed_file(self) -> None:
        """Without a file nobody gets in after a second; when it is back, everybody does."""
        self.granted(ALICE)
        content = self.path.read_bytes()
        self.path.unlink()
        self.clock.advance(1)
        self.undecided(ALICE)
        self.undecided(ALICE)
        self.undecided(basic("alice", "wrong"))
        self.path.write_bytes(content)
        self.granted(ALICE)

    def test_spoilt_file(self) -> None:
        """When the file is spoilt, one request fails, and then those of before get in, and nobody else."""
        self.granted(ALICE)
        self.path.write_bytes(self.bob + b"\njunk")
        self.clock.advance(1)
        self.undecided(ALICE)
        self.granted(ALICE)
        self.refused(basic("alice", "wrong"))

    def test_changed_meanwhile(self) -> None:
        """What is found out about a file that has changed meanwhile is not remembered."""
        workers = HeldWorkers()
        self.access = self.made(workers)
        first = self.ask(self.access, ALICE)
        workers.step()
        self.path.write_bytes(b"alice:" + hashed(b"new", 4))
        second = self.ask(self.access, ALICE)
        workers.step(1)  # the second look, before the first check
        workers.step()
        self.successResultOf(first)
        while workers.waiting:
            workers.step()
        self.failureResultOf(second, Unauthorized)
        third = self.ask(self.access, ALICE)
        workers.step()
        self.failureResultOf(third, Unauthorized)
        self.assertEqual(len(self.costs), 2)

    def test_equal_time(self) -> None:
        """Whoever cannot come in has as many checks as others, at the costs of others."""
        self.path.write_bytes(self.alice + b"\n" + self.bob + b"\nmd5:$apr1$a$b\n")
        names = ["md5", *(f"user{number}" for number in range(200))]
        for name in names:
            before = len(self.costs)
            self.refused(basic(name, "x"))
            self.assertEqual(len(self.costs), before + 1)
        self.assertGreater(min(Counter(self.costs).values()), 50)
        self.assertEqual(set(self.costs), {4, 5})
        for user, cost in (("alice", 4), ("bob", 5)):
            self.refused(basic(user, "x"))
            self.assertEqual(self.costs[-1], cost)

    def test_same_cost_each_time(self) -> None:
        """The same unknown user costs the same each time, as a known one does."""
        for number in range(20):
            self.refused(basic("eve", str(number)))
        self.assertEqual(len(set(self.costs)), 1)

    def test_secrets(self) -> None:
        """No password and no hash gets into the log, an error, or what objects show of themselves."""
        self.path.write_bytes(self.alice + b"\nsecretjunk:hash2\n")
        with capturedLogs() as events:
            self.access.startService()
            self.granted(ALICE)
            errors = [self.refused(basic("alice", "hunter2")), self.refused(basic("secretjunk", "hash2"))]
            self.path.write_bytes(b"secretjunk")
            self.undecided(basic("alice", "hunter2"))
            self.path.unlink()
            self.undecided(basic("alice", "hunter2"))
        shown = [repr(event) + formatEvent(event) for event in events]
        shown += [repr(error) + repr(vars(error)) for error in errors]
        shown += [
            repr(vars(each))
            for each in (self.access, *vars(self.access).values())
            if hasattr(each, "__dict__")
        ]
        self.assertEqual(len(events), 4)
        for text in shown:
            for secret in ("wonder", "hunter2", "hash2", self.alice[10:].decode()):
                self.assertNotIn(secret, text)


class FloodTests(Fixture):
    """One thread; a check takes half a second, so that four may wait."""

    def setUp(self) -> None:
        super().setUp()
        self.workers = HeldWorkers()
        self.access = self.made(self.workers)
        self.ask(self.access, basic("bob", "builder"))
        self.run_all()
        self.access._familiar.clear()

    def run_all(self) -> None:
        while self.workers.waiting:
            self.workers.step()

    def flood(self, count: int) -> list[Deferred[Grant]]:
        """Come with *count* wrong passwords, until the first check runs and the others wait."""
        before = len(self.costs)
        answers = [self.ask(self.access, basic("alice", f"wrong{number}")) for number in range(count)]
        for each in answers:
            each.addErrback(lambda failure: failure)
        # A look for the first, and one for all the others; in between its check is handed in.
        self.workers.step()
        self.workers.step(1)
        self.assertEqual((len(self.costs), len(self.workers.waiting)), (before, 1))
        return answers

    def test_shared(self) -> None:
        """Five hundred clients with the same new credential cost one check."""
        answers = [self.ask(self.access, basic("alice", "wonder", f"10.0.0.{n % 250}")) for n in range(500)]
        before = len(self.costs)
        self.run_all()
        self.assertEqual(len(self.costs) - before, 1)
        for each in answers:
            self.assertEqual(self.successResultOf(each).user, "alice")

    def test_too_many(self) -> None:
        """Who comes when too many wait is told when to come again."""
        answers = self.flood(8)
        for each in answers[5:]:
            error = self.failureResultOf(each, TooManyAttempts).value
            assert isinstance(error, TooManyAttempts)
            self.assertEqual((error.retry_after, error.user), (2, "alice"))
        self.run_all()
        for each in answers[:5]:
            self.failureResultOf(each, Unauthorized)

    def test_remembered_do_not_wait(self) -> None:
        """Nobody who is remembered waits for a flood, nor does who shows nothing."""
        answers = self.flood(5)
        for _ in range(100):
            self.assertEqual(self.successResultOf(self.ask(self.access, basic("bob", "builder"))).user, "bob")
            self.failureResultOf(self.ask(self.access, Credentials(None, "h")), Unauthorized)
        self.run_all()
        for each in answers:
            self.failureResultOf(each, Unauthorized)

    def other(self, credentials: Credentials) -> list[int]:
        """The costs of the checks until *credentials* let somebody in, while a flood waits."""
        flood = self.flood(5)
        answer = self.ask(self.access, credentials)
        self.workers.step(1)  # the look
        del self.costs[:]
        while not answer.called:
            self.workers.step()
        self.successResultOf(answer)
        costs = self.costs[:]
        self.run_all()
        self.failureResultOf(flood[4], TooManyAttempts)
        for each in flood[:4]:
            self.failureResultOf(each, Unauthorized)
        return costs

    def test_another_address(self) -> None:
        """A client from elsewhere waits for two checks at most: one that runs, and one of the flood's."""
        self.assertLessEqual(len(self.other(basic("alice", "wonder", "192.0.2.2"))), 3)

    def test_familiar(self) -> None:
        """A credential that was right within the hour has a line of its own, even at the same address."""
        answer = self.ask(self.access, ALICE)
        self.run_all()
        self.successResultOf(answer)
        self.clock.advance(3000)
        self.assertLessEqual(len(self.other(ALICE)), 3)

    def test_leaving(self) -> None:
        """A client that leaves costs nothing any more."""
        answers = self.flood(5)
        for each in answers[2:]:
            each.cancel()
        before = len(self.costs)
        self.run_all()
        self.assertEqual(len(self.costs) - before, 2)
        for each in answers:
            self.failureResultOf(each)


class StartTests(Fixture):
    """What happens before anything is served."""

    def started(self) -> list[Any]:
        """The log of a start, warnings and worse."""
        with capturedLogs() as events:
            self.made(InlineWorkers()).startService()
        return [event for event in events if event["log_level"] >= LogLevel.warn]

    def test_nothing_to_say(self) -> None:
        """A file that is fine is left alone."""
        before = self.path.read_bytes()
        self.assertEqual(self.started(), [])
        self.assertEqual(self.path.read_bytes(), before)

    def test_missing(self) -> None:
        """A missing file is made, and its password told once."""
        self.path.unlink()
        (event,) = self.started()
        self.assertEqual(formatEvent(event), "htpasswd is missing, provisioning with default user")
        self.assertEqual((event["log_level"], event["fields"]["user"]), (LogLevel.warn, "docker"))
        credentials = basic("docker", event["fields"]["password"])
        grant = self.successResultOf(self.ask(self.made(InlineWorkers()), credentials))
        self.assertEqual(grant.user, "docker")
        self.assertEqual(self.costs, [10])
        self.assertEqual(self.started(), [])

    def test_directory(self) -> None:
        """A directory in the place of the file is complained of once, and keeps everybody out."""
        self.path.unlink()
        self.path.mkdir()
        access = self.made(InlineWorkers())
        with capturedLogs() as events:
            access.startService()
            for _ in range(3):
                self.failureResultOf(self.ask(access, ALICE), AccessUndecided)
        (event,) = events
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertIn("is a directory", formatEvent(event))

    def test_faults(self) -> None:
        """A fault in the file is told at once, and keeps nobody from starting."""
        self.path.write_bytes(b"junk")
        (event,) = self.started()
        self.assertIn("line 1 has no colon", formatEvent(event))

    def test_impossible(self) -> None:
        """Without a file, and without a way to make one, the process ends with one line."""
        self.path = self.path / "below a file"
        access = self.made(InlineWorkers())
        with capturedLogs() as events, self.assertRaises(CannotStart) as caught:
            access.startService()
        (event,) = events
        self.assertEqual(event["log_level"], LogLevel.critical)
        self.assertEqual(formatEvent(event), str(caught.exception))
        self.assertIn(f"auth.htpasswd.path: {self.path} can be neither read nor made", str(caught.exception))
        self.assertEqual(caught.exception.code, 1)

    def test_table(self) -> None:
        """The table of controllers makes it from what a configuration says."""
        options = HtpasswdOptions(realm="r", path=str(self.path))
        access = ACCESS["htpasswd"].build(options, Means(InlineWorkers(), self.clock.seconds, 1))
        self.assertEqual(self.successResultOf(self.ask(access, ALICE)).user, "alice")
        error = self.failureResultOf(self.ask(access, Credentials(None, "h")), Unauthorized).value
        assert isinstance(error, Unauthorized)
        self.assertEqual(error.challenge, 'Basic realm="r"')
