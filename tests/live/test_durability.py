"""A 201 is sent when what it promises is on the disk, not earlier: shown with strace."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from tests.live.case import LiveTestCase
from tests.live.images import MIB, Layout, digest_of, large_tar
from tests.live.processes import require, wait_for
from tests.live.registries import Registry
from tests.live.strace import OPTIONS, Event, answers, durability_faults, read_calls, understand
from tests.live.wire import Answer

NAME = "deep/name"


@frozen
class Step:
    """What one 201 was given for: the paths that came to be in its time."""

    name: str
    gained: frozenset[Path]


class DurabilityTests(LiveTestCase):
    """A daemon under strace takes an image, piece by piece."""

    maxDiff = None

    def setUp(self) -> None:
        """Make the storage's root, which thus needs no synchronising itself."""
        self.storage = self.directory() / "storage"
        self.storage.mkdir()
        self.log = self.directory() / "strace.log"
        self.under = [require("strace"), *OPTIONS[1:], "-o", str(self.log)]

    def test_everything_is_synchronised_before_the_answer(self) -> None:
        """
        Before each 201 the file was synchronised, then renamed, then each directory that gained an entry
        synchronised.

        That holds for blobs sent in a PUT and in pieces, for a manifest with its tag, and for a mount.
        """
        server = self.registry(self.storage, under=self.under)
        steps = self.push(server)
        for step, found in zip(steps, self.faults(self.events(server), steps), strict=True):
            self.assertEqual(found, [], step.name)

    def test_the_check_can_fail(self) -> None:
        """docker-registry, which synchronises less, is found out by the same check."""
        server = self.docker_registry(self.storage, under=self.under)
        steps = self.push(server)
        for step, found in zip(steps, self.faults(self.events(server), steps), strict=True):
            self.assertNotEqual(found, [], step.name)

    def push(self, server: Registry) -> list[Step]:
        """Send an image by hand, one thing at a time; each step ends with a 201."""
        layout = Layout(self.directory() / "source")
        layer = layout.plain_layer(large_tar(3 * MIB))
        manifest = layout.image([layer]).manifest
        body = layout.blob(manifest.digest).read_bytes()
        config = json.loads(body)["config"]["digest"]
        wire = server.wire
        requests: dict[str, Callable[[], Answer]] = {
            "a blob in one PUT": lambda: wire.push_blob(NAME, config, layout.blob(config).read_bytes()),
            "a blob in pieces": lambda: self.push_in_pieces(
                server, layout.blob(layer.blob.digest).read_bytes()
            ),
            "a manifest": lambda: wire.request(
                "PUT", f"/v2/{NAME}/manifests/v1", body, {"Content-Type": manifest.media_type}
            ),
            "a mount": lambda: wire.request("POST", f"/v2/b/blobs/uploads/?mount={config}&from={NAME}"),
        }
        steps = []
        before = self.tree()
        for name, request in requests.items():
            answer = request()
            self.assertEqual(answer.status, 201, f"{name}: {answer}")
            after = self.tree()
            self.assertNotEqual(after, before, name)
            steps.append(Step(name, after - before))
            before = after
        return steps

    def push_in_pieces(self, server: Registry, data: bytes) -> Answer:
        """Send a blob in two PATCHes and an empty PUT."""
        location = server.wire.start_upload(NAME)
        for piece in (data[:MIB], data[MIB:]):
            location = server.wire.patch(location, piece).location
        return server.wire.finish_upload(location, digest_of(data))

    def tree(self) -> frozenset[Path]:
        """Give every path in the storage, but for what lies in upload sessions: no 201 speaks of those."""
        return frozenset(path for path in self.storage.rglob("*") if "_uploads" not in path.parent.parts)

    def events(self, server: Registry) -> list[Event]:
        """End the daemon, and read what strace saw of it to the end."""
        server.program.terminate()
        end = re.compile(rf"^{server.program.pid}\s+\+\+\+ (exited|killed)", re.MULTILINE)
        wait_for(lambda: end.search(self.log.read_text()) is not None, "the end of the strace log")
        return understand(read_calls(self.log.read_text().splitlines()))

    def faults(self, events: list[Event], steps: list[Step]) -> list[list[str]]:
        """Judge each step by the 201 that it ended with; one list of faults for each."""
        return [
            durability_faults(
                events,
                [str(path) for path in step.gained if path.is_file()],
                [str(path) for path in step.gained if path.is_dir()],
                answer,
            )
            for step, answer in zip(steps, answers(events, 201), strict=True)
        ]
