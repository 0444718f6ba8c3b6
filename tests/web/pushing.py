"""Upload sessions as clients of the tests see them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from twisted.internet.defer import Deferred
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase

from tests.web.registry import EMPTY_LENGTH, SECRET, Registry, location
from tests.web.wire import Answer
from txregistry.interfaces import IFileWriter, IStorageDriver
from txregistry.model.digest import Digest
from txregistry.model.upload import UploadState

CONTENT = bytes(range(256)) * 20
DIGEST = Digest.of(CONTENT)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
CHUNKED = ("Transfer-Encoding", "chunked")
BLOB = f"http://registry.test/v2/a/blobs/{DIGEST}"


def without_state(address: str) -> str:
    """*address* without its query, as some clients keep it."""
    return address.partition("?")[0]


def without_host(address: str) -> str:
    """Path and query of *address*."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def state_of(address: str) -> UploadState:
    """The state that *address* carries."""
    [token] = parse_qs(urlsplit(address).query)["_state"]
    return UploadState.unpack(token, SECRET)


class HeldWrites(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """
    The driver that it wraps, but nothing is appended before it may.

    :ivar go_on: fires when it may.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.go_on: Deferred[None] = Deferred()

    async def writer(self, path: str) -> IFileWriter:
        return HeldWriter(await self._driver.writer(path), self.go_on)


class HeldWriter(proxyForInterface(IFileWriter, "_writer")):  # type: ignore[misc]
    """What :class:`HeldWrites` opens."""

    def __init__(self, writer: IFileWriter, go_on: Deferred[None]) -> None:
        super().__init__(writer)
        self._go_on = go_on

    async def write(self, chunks: Sequence[bytes]) -> None:
        await self._go_on
        await self._writer.write(chunks)


class UploadCase(SynchronousTestCase):
    """A registry, empty at first."""

    def setUp(self) -> None:
        self.registry = Registry()
        self.ask = self.registry.ask

    def accepted(self, answer: Answer, status: int, size: int) -> str:
        """Check an answer that says how far a session is; its address."""
        self.assertEqual((answer.status, answer.body), (status, b""))
        address = location(answer)
        self.assertEqual(answer.header("Range"), f"0-{max(size - 1, 0)}")
        uuid = answer.header("Docker-Upload-Uuid") or ""
        self.assertRegex(uuid, UUID)
        self.assertTrue(
            address.startswith(f"http://registry.test/v2/a/blobs/uploads/{uuid}?_state="), address
        )
        state = state_of(address)
        self.assertEqual((state.name, state.uuid, state.offset), ("a", uuid, size))
        if status != 204:
            self.assertIn(EMPTY_LENGTH, answer.headers)
        return address

    def created(self, answer: Answer, content: bytes = CONTENT) -> None:
        """Check the answer to a finished upload, and that the blob is there."""
        digest = Digest.of(content)
        self.assertEqual((answer.status, answer.body), (201, b""))
        self.assertEqual(location(answer), f"http://registry.test/v2/a/blobs/{digest}")
        self.assertIn(("Docker-Content-Digest", str(digest)), answer.headers)
        self.assertIn(EMPTY_LENGTH, answer.headers)
        self.assertEqual(self.ask("GET", f"/v2/a/blobs/{digest}").body, content)

    def refused(self, answer: Answer, status: int, code: str) -> None:
        self.assertEqual((answer.status, answer.codes()), (status, [code]))

    def begin(self) -> str:
        return self.accepted(self.ask("POST", "/v2/a/blobs/uploads/"), 202, 0)

    def sessions(self) -> int:
        """How many sessions are in storage."""
        paths = self.registry.driver._contents
        return len({path.split("/_uploads/")[1].split("/")[0] for path in paths if "/_uploads/" in path})

    def finish(self, address: str, body: bytes | None = None, digest: Digest = DIGEST) -> Answer:
        return self.ask("PUT", f"{address}&digest={digest}", body=body)
