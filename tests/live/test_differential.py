"""
The same requests before our daemon and before Debian's ``docker-registry``: nothing differs but what the
table of :mod:`tests.live.differential.known` explains.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from tests.live.case import LiveTestCase
from tests.live.differential.judge import Difference, Judge, Known, differences, result, rough_differences
from tests.live.differential.known import KNOWN
from tests.live.differential.known_random import KNOWN as RANDOM
from tests.live.differential.pair import Pair
from tests.live.differential.player import Answer
from tests.live.differential.script import SCRIPT
from tests.live.differential.script_settings import settings
from tests.live.differential.seeds import play_seed
from tests.live.differential.seen import Seen, seen
from tests.live.differential.settings import Setting, placed
from tests.live.differential.steps import Chapter
from tests.live.registries import SECRET, start_docker_registry, start_txregistry

SEEDS = (1, 2, 3)


class DifferentialTests(LiveTestCase):
    """Debian's daemon is the judge of what a request is answered with."""

    def pair(self, storage: Path, setting: Setting | None = None, twice: bool = False) -> Pair:
        """
        Start both daemons, each on its own part of *storage*.

        :param twice: start Debian's daemon in the place of ours, too.
        """
        setting = setting or Setting({}, ())
        provision, files = setting.provide(), self.directory()
        ports = []
        for name, start in [
            ("theirs", start_docker_registry),
            ("ours", start_docker_registry if twice else start_txregistry),
        ]:
            sections = placed(setting.sections, provision, files / name)
            registry = start(storage / name, self.directory(), settings=sections)
            self.addCleanup(registry.program.terminate)
            ports.append(registry.port)
        pair = Pair(ports[0], ports[1], provision.variables)
        self.addCleanup(pair.close)
        return pair

    def assert_none(self, what: str, found: Sequence[object]) -> None:
        """Fail with a readable list if anything was *found*."""
        if found:
            self.fail("\n".join([f"{len(found)} {what}:", *map(str, found)]))

    def test_script(self) -> None:
        """Every difference is in the table, and everything in the table is one."""
        judge = Judge(KNOWN)
        storage = self.directory()
        judge.judge(_played(self.pair(storage), SCRIPT))
        for setting in settings():
            place = storage if setting.again else self.directory()
            judge.judge(_played(self.pair(place, setting), setting.chapters))
        self.assert_none("not in the table", judge.unknown)
        self.assert_none("in the table, but not seen", judge.unused())

    def test_random(self) -> None:
        """Nor do random requests find a difference that has no reason."""
        pair = self.pair(self.directory())
        self.assert_none("seeds", [found for seed in SEEDS if (found := play_seed(pair, seed, RANDOM))])

    def test_against_itself(self) -> None:
        """Two of Debian's daemons differ in nothing but the order of tags, which is that of the disk."""
        differences = _played(self.pair(self.directory(), twice=True), SCRIPT)
        self.assert_none(
            "not to be seen",
            [each for each in differences if (each.step[:9], each.part) != ("many tags", "body")],
        )


def _played(pair: Pair, chapters: tuple[Chapter, ...]) -> list[Difference]:
    return pair.play_all(step for chapter in chapters for step in chapter.steps)


class JudgeTests(SynchronousTestCase):
    """The comparison finds what differs, and the table explains no more than it says."""

    def judged(self, theirs: Mapping[str, str], ours: Mapping[str, str], *table: Known) -> Judge:
        """Compare two answers to ``GET /``."""
        judge = Judge(table)
        judge.judge(differences("GET /", Seen(theirs), Seen(ours)))
        return judge

    def test_same(self) -> None:
        """Where nothing differs there is nothing to explain."""
        answer = {"outcome": "200", "Etag": "a"}
        self.assertEqual(self.judged(answer, dict(answer)).unknown, [])

    def test_new(self) -> None:
        """A part that differs, or is missing, is found."""
        judge = self.judged({"outcome": "200", "A": "a", "B": "b"}, {"outcome": "200", "A": "x"})
        self.assertEqual(
            [(each.part, each.theirs, each.ours) for each in judge.unknown],
            [("A", "a", "x"), ("B", "b", "-")],
        )

    def test_known(self) -> None:
        """What the table says is explained, for the steps, values and outcomes that it names alone."""
        theirs, ours = {"outcome": "404", "A": "a*"}, {"outcome": "200", "A": "x"}
        outcome = Known("GET *", "", {"outcome": ("404", "200")})
        for known, explained in [
            (Known("GET *", "", {"A": ("a*", "x")}), True),
            (Known("GET *", "", {"A": ("*", "*")}, ("404", "200")), True),
            (Known("GET *", "", {"A": ("*", "*")}, ("200", "200")), False),
            (Known("GET *", "", {"A": ("*", "y")}), False),
            (Known("GET *", "", {"A": ("x*", "x")}), False),
            (Known("PUT *", "", {"A": ("a*", "x")}), False),
            (Known("GET *", "", {"B": ("a*", "x")}), False),
        ]:
            judge = self.judged(theirs, ours, outcome, known)
            self.assertEqual([each.part for each in judge.unknown], [] if explained else ["A"], known)
            self.assertEqual(len(judge.unused()), 0 if explained else 1, known)

    def test_rough(self) -> None:
        """Random requests are compared by the class of the status and the first code."""
        for outcome, expected in [
            ("200", "2xx"),
            ("301", "3xx"),
            ("404 NAME_UNKNOWN", "4xx NAME_UNKNOWN"),
            ("400 DIGEST_INVALID MANIFEST_BLOB_UNKNOWN", "4xx DIGEST_INVALID"),
            ("404 404 page not found", "4xx text"),
            ("404 -", "4xx -"),
            ("500 {}", "5xx text"),
            ("0 no answer", "0 no answer"),
        ]:
            self.assertEqual(result(outcome), expected)
        found = rough_differences("GET /", Seen({"outcome": "404 NAME_UNKNOWN"}), Seen({"outcome": "200"}))
        self.assertEqual([each.part for each in found], ["result"])


class SeenTests(SynchronousTestCase):
    """What must differ between two daemons is taken out of their answers, and nothing else."""

    def test_settled(self) -> None:
        """Ports, uuids and dates go, and a state says what it holds."""
        uuid = "0f0c2b5e-8a2a-4b8e-9a58-9d3a4f9f5d11"
        claims = json.dumps({"Name": "a", "UUID": uuid, "Offset": 3, "StartedAt": "2024"}).encode()
        token = base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), claims, "sha256") + claims).decode()
        forged = base64.urlsafe_b64encode(bytes(32) + claims).decode()
        headers = (
            ("Location", f"http://127.0.0.1:5/v2/a/blobs/uploads/{uuid}?_state={quote(token)}"),
            ("X-Forged", f"_state={quote(forged)}"),
            ("Date", "Wed, 21 Oct 2015 07:28:00 GMT"),
            ("Content-Length", "0"),
        )
        parts = seen(Answer(202, "Accepted", headers, b""), 5).parts
        self.assertEqual(
            parts["Location"],
            "http://HOST/v2/a/blobs/uploads/UUID?_state=(Name,UUID,Offset,StartedAt: a UUID 3)",
        )
        self.assertEqual(parts["X-Forged"], f"_state={forged}")
        self.assertEqual((parts["Date"], parts["Content-Length"], parts["outcome"]), ("DATE", "0", "202"))
        self.assertNotEqual(seen(Answer(202, "Accepted", (("Date", "now"),), b""), 5).parts["Date"], "DATE")

    def test_scopes(self) -> None:
        """The scopes in the other daemon's challenge come in order, unless the order is meant."""
        for theirs, expected in [
            ('R,scope="r:b:push,pull r:a:*",error="e"', 'R,scope="r:a:* r:b:pull,push",error="e"'),
            ('R,scope="r:b\\",:pull r:a:pull"', 'R,scope="r:a:pull r:b\\",:pull"'),
            ('R,scope="r:b:push r:b:pull"', 'R,scope="r:b:push r:b:pull"'),
            ('R="b a"', 'R="b a"'),
        ]:
            parts = seen(Answer(401, "", (("Www-Authenticate", theirs),), b""), 5).parts
            self.assertEqual(parts["WWW-Authenticate"], expected)
            parts = seen(Answer(401, "", (("WWW-Authenticate", theirs),), b""), 5).parts
            self.assertEqual(parts["WWW-Authenticate"], theirs)

    def test_errors(self) -> None:
        """The error envelope is taken apart, and only if it is one."""
        body = b'{"errors":[{"code":"A","message":"m","detail":{}},{"code":"B","message":"n"}]}\n'
        parts = seen(Answer(400, "", (), body), 5).parts
        self.assertEqual(
            [parts[part] for part in ("outcome", "message", "detail")], ["400 A B", "m | n", "{} | -"]
        )
        for spoilt in (body[:-1], b" " + body, body.replace(b"}]", b"]")):
            outcome = seen(Answer(400, "", (), spoilt), 5).outcome
            self.assertEqual(outcome, f"400 {spoilt.decode().strip()}")
