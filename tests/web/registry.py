"""A whole registry in memory, and a client that asks it one thing after the other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.task import Clock

from tests.fakes.workers import InlineWorkers
from tests.storage.making import make_namespace
from tests.web.wire import Answer, Connection, request_bytes
from txregistry.auth.open import OpenAccess
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IAccessController, IStorageDriver
from txregistry.model.digest import OCTET_STREAM, Digest
from txregistry.model.manifest import OCI_MANIFEST
from txregistry.storage.namespace import Rules, WrapBlobs
from txregistry.web.app import RegistryApp
from txregistry.web.authorize import Gate
from txregistry.web.blobs import BlobRoutes
from txregistry.web.body import LINGER
from txregistry.web.listing import CatalogRoutes, TagListRoutes
from txregistry.web.manifests import ManifestRoutes
from txregistry.web.referrers import ReferrerRoutes
from txregistry.web.replies import Headers
from txregistry.web.site import RegistrySite
from txregistry.web.uploads import UploadRoutes
from txregistry.web.urls import Urls

SECRET = b"a secret of the tests"
MANIFEST_LIMIT = 64 * 1024
BODILESS = (204, 304)
HOST = "http://registry.test"
#: What every answer of the API carries.
API_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")


class Registry:
    """
    A registry, every part of it the real one but the threads, the clock and the disk.

    :ivar access: the lines of the access log.
    :ivar manifests: the routes of manifests.
    """

    def __init__(
        self,
        driver: IStorageDriver | None = None,
        *,
        urls: Urls | None = None,
        rules: Rules | None = None,
        readonly: bool = False,
        headers: Headers = (),
        prefix: bytes = b"",
        access: IAccessController | None = None,
        maxentries: int = 1000,
        maxtags: int = 1000,
        referrers: int = 1000,
        secret: bytes | None = SECRET,
        wrap_blobs: WrapBlobs | None = None,
    ) -> None:
        self.driver: Any = InMemoryDriver() if driver is None else driver
        self.clock = Clock()
        self.access: list[str] = []
        urls = Urls() if urls is None else urls
        workers = InlineWorkers()
        wrapped = {} if wrap_blobs is None else {"wrap_blobs": wrap_blobs}
        namespace = make_namespace(self.driver, self.clock, rules, **wrapped)
        self.manifests = ManifestRoutes(urls, workers, MANIFEST_LIMIT, (rules or Rules()).policy)
        app = RegistryApp(
            Gate(OpenAccess() if access is None else access, namespace, lambda repository, _: repository),
            workers,
            CatalogRoutes(namespace, urls, maxentries),
            TagListRoutes(urls, maxtags),
            self.manifests,
            BlobRoutes(),
            UploadRoutes(urls, secret, namespace),
            ReferrerRoutes(urls, referrers),
            readonly,
        )
        self.site = RegistrySite(
            app.app.resource(),
            self.clock,
            headers=headers,
            prefix=prefix,
            shortcut=app.shortcut,
            access_log=self.access.append,
        )

    def connect(self) -> Connection:
        """A new connection of a client."""
        channel: Any = self.site.buildProtocol(None)
        return Connection(channel)

    def ask(
        self, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None
    ) -> Answer:
        """Ask one thing on a new connection; *path* may be a URL of ours."""
        return self.send(request_bytes(method, _path_of(path), headers, body), method)

    def send(self, data: bytes, method: str = "GET") -> Answer:
        """Send the bytes of one request on a new connection."""
        connection = self.connect()
        connection.send(data)
        self.clock.advance(LINGER[1])
        connection.deliver()
        if not connection.received():
            self.clock.pump([0.2] * 5)  # a PUT whose session is gone looks for its blob again
        try:
            return connection.answer(method)
        finally:
            connection.hang_up()

    # --- what clients do ---

    def begin(self, name: str) -> str:
        """Begin an upload; its address."""
        answer = self.ask("POST", f"/v2/{name}/blobs/uploads/")
        return location(expect(answer, 202))

    def push_blob(self, name: str, content: bytes) -> Digest:
        """Push *content* as containerd does: POST, and one PUT with everything."""
        digest = Digest.of(content)
        expect(self.ask("PUT", f"{self.begin(name)}&digest={digest}", body=content), 201)
        return digest

    def push_manifest(
        self, name: str, reference: str | None, payload: bytes, media_type: str = OCI_MANIFEST
    ) -> Digest:
        """Push a manifest by tag, or by its digest."""
        digest = Digest.of(payload)
        path = f"/v2/{name}/manifests/{reference or digest}"
        expect(self.ask("PUT", path, [("Content-Type", media_type)], payload), 201)
        return digest

    def push_image(self, name: str, *tags: str, content: bytes = b"a layer") -> Digest:
        """Push an image of one layer under *tags*, or by its digest."""
        config, layer = self.push_blob(name, b"{}"), self.push_blob(name, content)
        payload = image((config, 2), (layer, len(content)))
        for tag in tags:
            self.push_manifest(name, tag, payload)
        return self.push_manifest(name, None, payload)


def image(config: tuple[Digest, int], *layers: tuple[Digest, int], **members: object) -> bytes:
    """The bytes of an OCI image manifest."""

    def descriptor(media_type: str, digest: Digest, size: int) -> dict[str, object]:
        return {"mediaType": media_type, "digest": str(digest), "size": size}

    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", *config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", *layer) for layer in layers],
    }
    return json.dumps(document | members).encode()


def expect(answer: Answer, status: int) -> Answer:
    """*answer*, if it has this *status*."""
    if answer.status != status:
        raise AssertionError(f"{answer.status}, not {status}: {answer.body!r}")
    return answer


def location(answer: Answer) -> str:
    """The address that *answer* names."""
    found = answer.header("Location")
    if found is None:
        raise AssertionError(f"no Location: {answer}")
    return found


def _path_of(address: str) -> str:
    if address.startswith("/"):
        return address
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


OCTETS = ("Content-Type", OCTET_STREAM)
EMPTY_LENGTH = ("Content-Length", "0")
JSON = ("Content-Type", "application/json")
