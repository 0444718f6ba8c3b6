"""OCI distribution-spec, "Push": blobs; manifests are in :mod:`tests.web.test_oci_push_manifests`."""

from __future__ import annotations

from collections.abc import Callable

from tests.web.oci import LAYER, NAME, NO_DIGESTS, NOBODYS, OnDisk, SpecCase, each_algorithm
from tests.web.registry import Registry, location
from tests.web.wire import Answer, chunked, request_bytes
from txregistry.model.digest import EMPTY, Digest
from txregistry.web.urls import Urls

CONTENT = bytes(range(256)) * 16
DIGEST = Digest.of(CONTENT)
HALF = len(CONTENT) // 2
OCTETS = ("Content-Type", "application/octet-stream")


def content_range(start: int, size: int) -> tuple[str, str]:
    """The header of a chunk."""
    return ("Content-Range", f"{start}-{start + size - 1}")


class PushCase(SpecCase):
    """Ways to push, and what must hold after each."""

    def created(self, answer: Answer, content: bytes = CONTENT, digest: Digest | None = None) -> None:
        """The blob is there, where the answer says that it is."""
        self.assertEqual(answer.status, 201, answer)
        pulled = self.ask("GET", location(answer))
        self.assertEqual((pulled.status, pulled.body), (200, content))
        digest = digest or Digest.of(content)
        self.assertEqual(answer.header("Docker-Content-Digest"), str(digest))
        self.assertEqual(self.ask("GET", f"blobs/{digest}").body, content)

    def absent(self, digest: Digest = DIGEST) -> None:
        """The blob is not there."""
        self.assertEqual(self.status("HEAD", f"blobs/{digest}"), 404)

    def patch(self, address: str, chunk: bytes, *headers: tuple[str, str]) -> Answer:
        """PATCH a chunk; with :func:`content_range` and a length it is one that says where it goes."""
        return self.ask("PATCH", address, [OCTETS, *headers], chunk)

    def accepted(self, answer: Answer, size: int) -> str:
        """A chunk was taken, and *size* bytes are there now; where to go on."""
        self.assertEqual((answer.status, answer.header("Range")), (202, f"0-{size - 1}"), answer)
        return location(answer)

    def stands_at(self, address: str, size: int) -> str:
        """The session holds *size* bytes; its present address."""
        answer = self.ask("GET", address)
        self.assertEqual((answer.status, answer.header("Range")), (204, f"0-{max(size - 1, 0)}"), answer)
        return location(answer)

    def stream(self, method: str, address: str, *chunks: bytes) -> Answer:
        """Send *chunks* in chunked coding, without saying how long they are together."""
        path = address.removeprefix("http://registry.test")
        head = request_bytes(method, path, [OCTETS, ("Transfer-Encoding", "chunked")])
        return self.registry.send(head + chunked(*chunks), method)

    def ways(self) -> dict[str, Callable[[object, bytes], Answer]]:
        """Every way to push a blob: a digest to claim, and content, to the last answer."""

        def single(digest: object, content: bytes) -> Answer:
            return self.ask("POST", f"blobs/uploads/?digest={digest}", [OCTETS], content)

        def whole(digest: object, content: bytes) -> Answer:
            return self.finish(self.begin(), digest, content)

        def streamed(digest: object, content: bytes) -> Answer:
            answer = self.stream("PATCH", self.begin(), content)
            return self.finish(location(answer), digest)

        def chunks(digest: object, content: bytes) -> Answer:
            address, half = self.begin(), len(content) // 2
            for start, chunk in ((0, content[:half]), (half, content[half:])):
                address = location(self.patch(address, chunk, content_range(start, len(chunk))))
            return self.finish(address, digest)

        def chunk_in_put(digest: object, content: bytes) -> Answer:
            half = len(content) // 2
            answer = self.patch(self.begin(), content[:half], content_range(0, half))
            rest = content[half:]
            return self.finish(location(answer), digest, rest, content_range(half, len(rest)))

        return {
            "single POST": single,
            "POST then PUT": whole,
            "streamed": streamed,
            "chunked": chunks,
            "chunked, the last in the PUT": chunk_in_put,
        }


class PushingBlobsTests(PushCase):
    """ "Pushing blobs", whichever way."""

    def test_every_way(self) -> None:
        """MUST: when all is there, the answer is a 201 with the address from which the blob can be pulled."""
        for way, push in self.ways().items():
            with self.subTest(way):
                content = CONTENT + way.encode()
                self.created(push(Digest.of(content), content), content)

    def test_every_algorithm(self) -> None:
        """SHOULD: any supported digest does, in any way, and is the blob's name."""
        for way, push in self.ways().items():
            for digest in each_algorithm(CONTENT + way.encode()):
                with self.subTest(f"{way}, {digest.algorithm}"):
                    self.created(push(digest, CONTENT + way.encode()), CONTENT + way.encode(), digest)

    def test_wrong_digest(self) -> None:
        """SHOULD: content that is not what the digest names is a 400, and there is no blob afterwards."""
        for way, push in self.ways().items():
            for digest in each_algorithm(CONTENT + b"?"):
                with self.subTest(f"{way}, {digest.algorithm}"):
                    self.refused(push(digest, CONTENT), 400, "DIGEST_INVALID")
                    self.absent(digest)
                    self.absent()

    def test_no_digest(self) -> None:
        """SHOULD: a digest that is none, or of an unsupported algorithm, is a 400."""
        for way, push in self.ways().items():
            for digest in NO_DIGESTS:
                with self.subTest(f"{way}, {digest}"):
                    self.refused(push(digest, CONTENT), 400, "DIGEST_INVALID")
        self.absent()

    def test_again(self) -> None:
        """MUST: a blob that is there already can be pushed again, in any way."""
        for _ in range(2):
            for way, push in self.ways().items():
                with self.subTest(way):
                    self.created(push(DIGEST, CONTENT))


class PushingBlobsToDiskTests(OnDisk, PushingBlobsTests):
    """The same to files."""


class PostThenPutTests(PushCase):
    """ "POST then PUT"."""

    def test_begin(self) -> None:
        """MUST: a POST is a 202 with the address of the session."""
        answer = self.ask("POST", "blobs/uploads/", body=b"")
        self.assertEqual(answer.status, 202)
        self.assertIn(f"/v2/{NAME}/blobs/uploads/", location(answer))

    def test_concurrent(self) -> None:
        """MUST: uploads go on side by side, each with a session of its own."""
        addresses = [self.begin() for _ in range(4)]
        self.assertEqual(len({address.partition("?")[0] for address in addresses}), 4)
        contents = [CONTENT + bytes([number]) for number in range(4)]
        for at, count in ((0, 100), (100, 900)):
            for number, content in enumerate(contents):
                answer = self.patch(addresses[number], content[at : at + count])
                addresses[number] = self.accepted(answer, at + count)
        for address, content in zip(addresses, contents, strict=True):
            self.created(self.finish(address, Digest.of(content), content[1000:]), content)

    def test_same_blob_twice_at_once(self) -> None:
        """MUST: that holds for two who push the same blob, too: both are told that it is there."""
        first, second = self.begin(), self.begin()
        first = self.accepted(self.patch(first, CONTENT[:HALF]), HALF)
        second = self.accepted(self.patch(second, CONTENT), len(CONTENT))
        self.created(self.finish(first, DIGEST, CONTENT[HALF:]))
        self.created(self.finish(second, DIGEST))

    def test_forms_of_location(self) -> None:
        """MAY: the address is absolute, or a path without a host."""
        for urls, start in ((Urls(), "http://registry.test/v2/"), (Urls(relative=True), "/v2/")):
            self.registry = Registry(urls=urls)
            address = self.begin()
            self.assertTrue(address.startswith(start), address)
            answer = self.finish(address, DIGEST, CONTENT)
            self.assertTrue(location(answer).startswith(start))
            self.created(answer)

    def test_query(self) -> None:
        """MAY: the address has a query, to which a client adds the digest, in front or behind."""
        path, mark, query = self.begin().partition("?")
        self.assertEqual(mark, "?")
        self.created(self.ask("PUT", f"{path}?digest={DIGEST}&{query}", [OCTETS], CONTENT))

    def test_encoded_digest(self) -> None:
        """MUST (RFC 3986): the colon of the digest may be percent-encoded."""
        self.created(self.finish(self.begin(), str(DIGEST).replace(":", "%3A"), CONTENT))

    def test_without_digest(self) -> None:
        """SHOULD: a PUT without a digest is a 400; the session goes on."""
        address = self.begin()
        self.refused(self.ask("PUT", address, [OCTETS], CONTENT), 400, "DIGEST_INVALID")
        self.created(self.finish(address, DIGEST, CONTENT))

    def test_unknown_session(self) -> None:
        """MUST ("Endpoints"): a session that is not there is a 404."""
        address = "blobs/uploads/7d9a9dbc-6f0b-4a4c-9c3e-0f3f2f0f4a10"
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            answer = self.ask(method, f"{address}?digest={DIGEST}", [OCTETS], b"x")
            self.refused(answer, 404, "BLOB_UPLOAD_UNKNOWN")

    def test_empty(self) -> None:
        """MUST: a blob of no bytes is a blob."""
        self.created(self.finish(self.begin(), EMPTY, b""), b"")


class PostThenPutToDiskTests(OnDisk, PostThenPutTests):
    """The same to files."""


class SinglePostTests(PushCase):
    """ "Single POST"."""

    def test_stored(self) -> None:
        """MAY: a POST with digest and content is supported; MUST: it is a 201 with the blob's address."""
        self.created(self.ask("POST", f"blobs/uploads/?digest={DIGEST}", [OCTETS], CONTENT))

    def test_streamed(self) -> None:
        """MAY: so it is when the client does not know the length beforehand."""
        self.created(
            self.stream("POST", f"/v2/{NAME}/blobs/uploads/?digest={DIGEST}", CONTENT[:9], CONTENT[9:])
        )

    def test_first_half(self) -> None:
        """SHOULD: a client that only begins, and says already what comes, gets a session all the same."""
        answer = self.ask("POST", f"blobs/uploads/?digest={DIGEST}", body=b"")
        self.assertEqual(answer.status, 202)
        self.created(self.finish(location(answer), DIGEST, CONTENT))


class ChunkedTests(PushCase):
    """ "Pushing a blob in chunks"."""

    def test_chunks(self) -> None:
        """MUST: each chunk is a 202 with the next address and the position of the last byte."""
        address, at = self.begin(), 0
        for size in (1, 1000, 1, 2000):
            chunk = CONTENT[at : at + size]
            address = self.accepted(self.patch(address, chunk, content_range(at, size)), at + size)
            at += size
        self.created(self.finish(address, DIGEST, CONTENT[at:], content_range(at, len(CONTENT) - at)))

    def test_last_before_closing(self) -> None:
        """MUST: the closing PUT may have no content of its own."""
        answer = self.patch(self.begin(), CONTENT, content_range(0, len(CONTENT)))
        self.created(self.finish(self.accepted(answer, len(CONTENT)), DIGEST))

    def test_streamed(self) -> None:
        """MAY: content without Content-Range goes behind what is there, its length known or not."""
        address = self.accepted(self.stream("PATCH", self.begin(), CONTENT[:5], CONTENT[5:HALF]), HALF)
        address = self.accepted(self.patch(address, CONTENT[HALF:]), len(CONTENT))
        self.created(self.finish(address, DIGEST))

    def test_first_chunk(self) -> None:
        """MUST: the first chunk begins at 0; another one is a 416, and the session as before."""
        address = self.begin()
        self.refused(self.patch(address, CONTENT[5:10], content_range(5, 5)), 416)
        self.created(self.finish(self.stands_at(address, 0), DIGEST, CONTENT))

    def out_of_order(self, send: Callable[[str, int, int], Answer]) -> None:
        """What *send* sends from one position to another is a 416 wherever it does not fit."""
        address = self.accepted(self.patch(self.begin(), CONTENT[:10], content_range(0, 10)), 10)
        for start, size in ((0, 5), (0, 10), (0, 20), (5, 5), (5, 10), (9, 1), (11, 5), (20, 10)):
            with self.subTest(f"{start} to {start + size}"):
                self.refused(send(address, start, size), 416)
                address = self.stands_at(address, 10)
        self.created(self.finish(address, DIGEST, CONTENT[10:], content_range(10, len(CONTENT) - 10)))

    def test_out_of_order(self) -> None:
        """MUST: a chunk that does not begin where the last one ended is a 416; nothing of it is kept."""
        self.out_of_order(
            lambda address, start, size: self.patch(
                address, CONTENT[start : start + size], content_range(start, size)
            )
        )

    def test_out_of_order_in_put(self) -> None:
        """MUST: that holds for a last chunk in the closing PUT, too, and the session is not closed."""
        self.out_of_order(
            lambda address, start, size: self.finish(
                address, DIGEST, CONTENT[start : start + size], content_range(start, size)
            )
        )
        self.out_of_order(
            lambda address, start, _: self.finish(address, DIGEST, b"x", content_range(start, 1))
        )

    def test_recovery(self) -> None:
        """MUST: the 416 has Location and Range, so that the client need not even ask where to go on."""
        address = self.accepted(self.patch(self.begin(), CONTENT[:10]), 10)
        answer = self.patch(address, CONTENT[20:30], content_range(20, 10))
        self.assertEqual((answer.status, answer.header("Range")), (416, "0-9"))
        self.created(self.finish(location(answer), DIGEST, CONTENT[10:]))

    def test_malformed_range(self) -> None:
        """MUST: a range is START-END in digits, the end not before the start; another one is refused."""
        address = self.begin()
        for given in ("", "-", "0", "0-", "-4", "a-b", "0-4,5-9", "0 - 4", "4-0", "+0-4", "0x0-0x4", "0--4"):
            with self.subTest(given):
                answer = self.patch(address, CONTENT[:5], ("Content-Range", given))
                self.assertIn(answer.status, (400, 416))
        self.created(self.finish(self.stands_at(address, 0), DIGEST, CONTENT))

    def test_length(self) -> None:
        """MUST: the range is inclusive on both ends, and so is as long as the chunk; else it is a 400."""
        address = self.begin()
        for size in (4, 6, 5000):
            for method in ("PATCH", "PUT"):
                headers = [OCTETS, content_range(0, size)]
                answer = self.ask(method, f"{address}&digest={DIGEST}", headers, CONTENT[:5])
                self.refused(answer, 400, "SIZE_INVALID")
        self.accepted(self.patch(self.stands_at(address, 0), CONTENT[:5], content_range(0, 5)), 5)

    def test_length_of_stream(self) -> None:
        """SHOULD: a chunk of unknown length that turns out not to fit its range is not taken for whole."""
        path = self.begin().removeprefix("http://registry.test")
        headers = [OCTETS, content_range(0, 10), ("Transfer-Encoding", "chunked")]
        self.registry.send(request_bytes("PATCH", path, headers) + chunked(CONTENT[:10]), "PATCH")
        self.created(self.finish(self.stands_at(path, 10), DIGEST, CONTENT[10:]))

    def test_no_least_size(self) -> None:
        """SHOULD: a least size of chunks would be announced; there is none, and one byte is a chunk."""
        answer = self.ask("POST", "blobs/uploads/", body=b"")
        self.assertIsNone(answer.header("OCI-Chunk-Min-Length"))
        address = location(answer)
        for at in range(5):
            address = self.accepted(self.patch(address, CONTENT[at : at + 1], content_range(at, 1)), at + 1)
        self.created(self.finish(address, DIGEST, CONTENT[5:]))

    def test_status(self) -> None:
        """MUST: GET of the address is a 204 with the present address and the position of the last byte."""
        address = self.begin()
        for at in (0, 1000, 2000):
            address = self.accepted(
                self.patch(self.stands_at(address, at), CONTENT[at : at + 1000]), at + 1000
            )
        self.created(self.finish(self.stands_at(address, 3000), DIGEST, CONTENT[3000:]))

    def test_after_the_end(self) -> None:
        """MUST: when the session has ended, its address is a 404."""
        address = self.begin()
        self.created(self.finish(address, DIGEST, CONTENT))
        self.refused(self.ask("GET", address), 404, "BLOB_UPLOAD_UNKNOWN")
        self.refused(self.patch(address, b"x"), 404, "BLOB_UPLOAD_UNKNOWN")

    def test_algorithm_hint(self) -> None:
        """SHOULD: a POST may say by which algorithm the blob will be named."""
        for digest in each_algorithm(CONTENT):
            answer = self.ask("POST", f"blobs/uploads/?digest-algorithm={digest.algorithm}", body=b"")
            self.assertEqual(answer.status, 202)
            address = self.accepted(
                self.patch(location(answer), CONTENT[:HALF], content_range(0, HALF)), HALF
            )
            self.created(self.finish(address, digest, CONTENT[HALF:]), digest=digest)

    def test_algorithm_unsupported(self) -> None:
        """SHOULD ("Pushing blobs"): an algorithm that is not supported is a 400 already then."""
        for algorithm in ("md5", "sha1", "blake3", "SHA256", "x"):
            answer = self.ask("POST", f"blobs/uploads/?digest-algorithm={algorithm}", body=b"")
            self.refused(answer, 400, "DIGEST_INVALID")

    def test_algorithm_otherwise(self) -> None:
        """MAY: the hint is no promise; the digest in the closing PUT counts."""
        answer = self.ask("POST", "blobs/uploads/?digest-algorithm=sha512", body=b"")
        self.created(self.finish(location(answer), DIGEST, CONTENT))


class ChunkedToDiskTests(OnDisk, ChunkedTests):
    """The same to files."""


class CancellingTests(PushCase):
    """ "Cancelling a blob upload"."""

    def test_cancelled(self) -> None:
        """SHOULD: DELETE of the address is a 204, and the session is gone with what it held."""
        address = self.accepted(self.patch(self.begin(), CONTENT[:HALF]), HALF)
        answer = self.ask("DELETE", address)
        self.assertEqual((answer.status, answer.body), (204, b""))
        for method in ("GET", "PATCH", "DELETE"):
            self.refused(self.ask(method, address, body=b"x"), 404, "BLOB_UPLOAD_UNKNOWN")
        self.refused(self.finish(address, DIGEST, CONTENT[HALF:]), 404, "BLOB_UPLOAD_UNKNOWN")
        self.absent()

    def test_empty(self) -> None:
        """SHOULD: so is one that nothing was sent to; others are not touched."""
        address, other = self.begin(), self.begin()
        self.assertEqual(self.status("DELETE", address), 204)
        self.created(self.finish(other, DIGEST, CONTENT))

    def test_blob(self) -> None:
        """MUST: the address of a session deletes nothing else: what it became stays."""
        address = self.begin()
        self.created(self.finish(address, DIGEST, CONTENT))
        self.assertEqual(self.status("DELETE", address), 404)
        self.assertEqual(self.status("HEAD", f"blobs/{DIGEST}"), 200)


class CancellingOnDiskTests(OnDisk, CancellingTests):
    """The same with files."""


class MountingTests(PushCase):
    """ "Mounting a blob from another repository"."""

    def setUp(self) -> None:
        super().setUp()
        self.digest = self.push_blob(LAYER)

    def mount(self, query: str, name: str = "oci/other") -> Answer:
        return self.ask("POST", f"/v2/{name}/blobs/uploads/?{query}", body=b"")

    def test_mounted(self) -> None:
        """MUST: a mount is a 201 with the address from which the blob can be pulled, here, too."""
        for digest in (self.digest, self.push_blob(LAYER, "sha512")):
            answer = self.mount(f"mount={digest}&from={NAME}")
            self.assertEqual(answer.status, 201)
            self.assertEqual(answer.header("Docker-Content-Digest"), str(digest))
            pulled = self.ask("GET", location(answer))
            self.assertEqual((pulled.status, pulled.body), (200, LAYER))
            self.assertIn("/v2/oci/other/blobs/", location(answer))

    def test_encoded(self) -> None:
        """MUST (RFC 3986): the parameters may be percent-encoded, and stand in any order."""
        query = f"from={NAME}&mount={self.digest}".replace("/", "%2F").replace(":", "%3A")
        self.assertEqual(self.mount(query).status, 201)

    def test_of_its_own(self) -> None:
        """MAY: a blob may be mounted from the repository in which it is."""
        self.assertEqual(self.mount(f"mount={self.digest}&from={NAME}", NAME).status, 201)

    def test_impossible(self) -> None:
        """SHOULD: what cannot be mounted is a 202 with a session, in which it can be pushed."""
        for query in (
            f"mount={NOBODYS}&from={NAME}",
            f"mount={self.digest}&from=oci/unknown",
            f"mount={self.digest}&from=NOT/A/NAME",
            "mount=sha256:baddigeststring&from=" + NAME,
            f"from={NAME}",
        ):
            with self.subTest(query):
                answer = self.mount(query)
                self.assertEqual(answer.status, 202)
                ended = self.finish(location(answer), DIGEST, CONTENT)
                self.assertEqual(ended.status, 201)
                self.assertEqual(self.status("HEAD", f"/v2/oci/other/blobs/{self.digest}"), 404)

    def test_without_from(self) -> None:
        """MAY: without a source, the blob is mounted from wherever it is, or else a session begins."""
        answer = self.mount(f"mount={self.digest}")
        self.assertEqual(answer.status, 201)
        self.assertEqual(self.ask("GET", location(answer)).body, LAYER)
        self.assertEqual(self.mount(f"mount={NOBODYS}").status, 202)

    def test_apart(self) -> None:
        """MUST: what is deleted in one repository afterwards stays in the other."""
        self.mount(f"mount={self.digest}&from={NAME}")
        self.assertEqual(self.status("DELETE", f"blobs/{self.digest}"), 202)
        self.assertEqual(self.ask("GET", f"/v2/oci/other/blobs/{self.digest}").body, LAYER)
        self.assertEqual(self.status("DELETE", f"/v2/oci/other/blobs/{self.digest}"), 202)
        self.assertEqual(self.status("HEAD", f"/v2/oci/other/blobs/{self.digest}"), 404)


class MountingOnDiskTests(OnDisk, MountingTests):
    """The same with files."""
