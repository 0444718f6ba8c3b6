"""Tests for :mod:`bench.soak.session`, and for how readers look at blobs."""

import random
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.soak.errors import Fault, Interrupted
from bench.soak.reader import check_blob
from bench.soak.session import Session, sha256
from bench.soak.setting import Setting
from tests.bench.soak.answers import Answers, Said

DATA = random.Random(1).randbytes(300_000)


class _SessionTestCase(SynchronousTestCase):
    """A client, and a server that says what it is told to."""

    def setUp(self) -> None:
        """Start the server."""
        self.answers = Answers()
        self.addCleanup(self.answers.close)
        directory = Path(self.mktemp())
        directory.mkdir()
        self.setting = Setting(
            port=self.answers.port,
            encrypted=False,
            authorization="Basic me",
            directory=directory,
            storage=directory,
            pause=0.0,
        )
        self.session = Session(self.setting, random.Random(1))
        self.addCleanup(self.session.close)

    def say(self, said: Said) -> None:
        """Answer the next request for ``/x`` so."""
        self.answers.said["/x"] = said


class AskTests(_SessionTestCase):
    """Requests."""

    def test_expected(self) -> None:
        """The answer that is hoped for is given back; credentials are shown."""
        self.say(Said(404, b"no"))
        self.assertEqual(b"no", self.session.ask("GET", "/x", [200, 404]).body)
        self.assertEqual(["Basic me"], self.answers.shown)

    def test_unexpected(self) -> None:
        """Another status is a broken promise, and told."""
        self.say(Said(500, b"oh"))
        fault = self.assertRaises(Fault, self.session.ask, "GET", "/x", [200])
        self.assertIn("GET /x: 500 b'oh'", str(fault))

    def test_hung_up(self) -> None:
        """So is no answer, or half of one."""
        self.assertRaises(Fault, self.session.ask, "GET", "/x", [200])
        self.say(Said(200, b"some", 10))
        self.assertRaises(Fault, self.session.ask, "GET", "/x", [200])

    def test_out_of_service(self) -> None:
        """A refusal while the registry is out of service is none; any other failure is one also then."""
        self.say(Said(503))
        self.assertRaises(Fault, self.session.ask, "GET", "/x", [200])
        self.setting.out_of_service.touch()
        self.assertRaises(Interrupted, self.session.ask, "GET", "/x", [200])
        self.say(Said(500))
        self.assertRaises(Fault, self.session.ask, "GET", "/x", [200])


class CheckBlobTests(_SessionTestCase):
    """Blobs are looked at byte by byte."""

    def check(self) -> None:
        """Read the blob, of which digest and length are known."""
        check_blob(self.session, "/x", sha256(DATA), len(DATA))

    def test_right(self) -> None:
        """The right bytes pass."""
        self.say(Said(body=DATA))
        self.check()
        self.assertEqual(["Basic me"], self.answers.shown)

    def test_wrong(self) -> None:
        """A single wrong bit at the end, a missing byte, an end too soon, and an error do not."""
        for said in (
            Said(body=DATA[:-1] + bytes([DATA[-1] ^ 1])),
            Said(body=DATA[:-1]),
            Said(body=DATA[:-1], announced=len(DATA)),
            Said(404),
        ):
            self.say(said)
            self.assertRaises(Fault, self.check)
