"""Several instances of the registry over one storage."""

from __future__ import annotations

from tests.storage.making import tree
from tests.web.pushing import CONTENT, DIGEST, UploadCase, without_host, without_state
from tests.web.registry import Registry, expect, location
from tests.web.wire import request_bytes
from txregistry.drivers.inmemory import InMemoryDriver


class InstanceTests(UploadCase):
    """Uploads that begin at one instance and go on at another."""

    def test_same_blob_at_once(self) -> None:
        """Two who push the same blob at the same time, to two instances, are both told that it is there."""
        driver = InMemoryDriver()
        one, two = Registry(driver), Registry(driver)
        clients = []
        for registry in (one, two):
            path = without_host(registry.begin("a"))
            connection = registry.connect()
            head = request_bytes("PUT", f"{path}&digest={DIGEST}", [("Content-Length", str(len(CONTENT)))])
            connection.send(head + CONTENT[:99])
            clients.append(connection)
        for connection in clients:
            connection.send(CONTENT[99:])
            self.assertEqual(connection.answer().status, 201)
        self.assertEqual(one.ask("GET", f"/v2/a/blobs/{DIGEST}").body, CONTENT)
        self.assertEqual([path for path in tree(driver) if "/_uploads/" in path], [])
        self.assertEqual(len([path for path in tree(driver) if path.endswith("/data")]), 1)

    def test_other_secret(self) -> None:
        """An instance with another secret refuses the state, and goes on with the path alone."""
        driver = InMemoryDriver()
        one, two = Registry(driver), Registry(driver, secret=b"another")
        address = location(expect(one.ask("PATCH", one.begin("a"), body=CONTENT[:9]), 202))
        self.refused(two.ask("PATCH", address, body=b"x"), 404, "BLOB_UPLOAD_INVALID")
        path = without_state(address)
        address = location(expect(two.ask("PATCH", path, body=CONTENT[9:20]), 202))
        address = location(expect(one.ask("GET", without_state(address)), 204))
        expect(one.ask("PUT", f"{address}&digest={DIGEST}", body=CONTENT[20:]), 201)

    def test_without_secret(self) -> None:
        """Instances without a secret go on with each other's states, and with those of instances with one."""
        for secret in (None, b"one"):
            driver = InMemoryDriver()
            one, two = Registry(driver, secret=secret), Registry(driver, secret=None)
            address = location(expect(one.ask("PATCH", one.begin("a"), body=CONTENT[:9]), 202))
            other = without_state(two.begin("a")) + "?" + address.partition("?")[2]
            self.refused(two.ask("PATCH", other, body=b"x"), 404, "BLOB_UPLOAD_INVALID")
            self.refused(
                two.ask("PATCH", f"{without_state(address)}?_state=eA==", body=b"x"),
                404,
                "BLOB_UPLOAD_INVALID",
            )
            expect(two.ask("PATCH", address, body=CONTENT[9:20]), 202)
            expect(two.ask("PUT", f"{address}&digest={DIGEST}", body=CONTENT[9:]), 201)
            self.assertEqual(one.ask("GET", f"/v2/a/blobs/{DIGEST}").body, CONTENT)

    def test_other_instance(self) -> None:
        """A session goes on at another instance over the same storage."""
        driver = InMemoryDriver()
        one, two = Registry(driver), Registry(driver)
        address = location(expect(one.ask("PATCH", one.begin("a"), body=CONTENT[:9]), 202))
        expect(two.ask("PUT", f"{address}&digest={DIGEST}", body=CONTENT[9:]), 201)
        self.assertEqual(one.ask("GET", f"/v2/a/blobs/{DIGEST}").body, CONTENT)
