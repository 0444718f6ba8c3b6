"""Manifests: GET, HEAD, PUT and DELETE, by tag and by digest."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress

from attrs import define, field
from twisted.internet.defer import DeferredLock, DeferredSemaphore

from txregistry.errors import ManifestDenied, TagUnknown
from txregistry.interfaces import IRepository, IWorkers
from txregistry.model.conditions import etag, has_manifest
from txregistry.model.digest import CANONICAL, Digest
from txregistry.model.manifest import DOCKER_LIST, OCI_MANIFEST, Manifest, parse_manifest
from txregistry.model.names import InvalidTag, Tag, parse_reference
from txregistry.model.policy import ClassPolicy
from txregistry.web.body import BodyTooSlow
from txregistry.web.replies import Problem, Reply, digest_invalid, problem_reply, warning
from txregistry.web.request import RegistryRequest
from txregistry.web.shield import shielded
from txregistry.web.urls import Urls

#: Manifests up to this many bytes are parsed on the spot; larger ones in a thread, one at a time.
SMALL = 32 * 1024
#: So many manifests of more than :data:`txregistry.web.body.MODEST` bytes are in memory at a time.
LARGE_AT_ONCE = 8
#: With one push of a manifest by its digest so many tags may be set.  Each has a header of its own in the
#: answer, and there are clients that take no answer of more than 100 headers (Python's among them).
TAGS_AT_ONCE = 64
#: Seconds in which such a manifest must come once there is room for it.
LARGE_TIME = 60.0


def accepted_types(lines: Iterable[str]) -> frozenset[str]:
    """The media types that ``Accept`` lines name, in lower case, without parameters."""
    return frozenset(item.partition(";")[0].strip().lower() for line in lines for item in line.split(",")) - {
        ""
    }


def accepts(accepted: frozenset[str], media_type: str) -> bool:
    """Whether a client takes *media_type*; one that names nothing takes everything (RFC 9110, 12.5.1)."""
    return not accepted or not accepted.isdisjoint((media_type, "*/*", "application/*"))


@define(eq=False)
class ManifestRoutes:
    """
    The manifests of one repository; pushed ones may have *limit* bytes.

    Reading a large manifest takes memory, and holds up the reactor though it
    happens in a thread, so there is a queue for it.
    """

    urls: Urls
    workers: IWorkers
    limit: int
    policy: ClassPolicy = field(factory=ClassPolicy)
    _room: DeferredSemaphore = field(init=False, factory=lambda: DeferredSemaphore(LARGE_AT_ONCE))
    _parsing: DeferredLock = field(init=False, factory=DeferredLock)

    async def get(self, request: RegistryRequest, repository: IRepository, reference: str) -> Reply:
        """A manifest as it was pushed (OCI distribution-spec, "Pulling manifests")."""
        try:
            asked = parse_reference(reference)
        except InvalidTag:
            raise TagUnknown(str(repository.name), reference) from None
        tag = asked if isinstance(asked, Tag) else None
        digest = await repository.tags.get(asked) if isinstance(asked, Tag) else asked
        manifest = await repository.manifests.get(digest, tag)
        if has_manifest(digest, request.header_lines(b"If-None-Match")):
            return Reply(304)
        accepted = accepted_types(request.header_lines(b"Accept"))
        if not accepts(accepted, manifest.media_type):
            if manifest.media_type == OCI_MANIFEST:
                message = "OCI manifest found, but accept header does not support OCI manifests"
                return problem_reply([Problem(404, "MANIFEST_UNKNOWN", message)])
            if manifest.media_type == DOCKER_LIST and tag is not None:
                manifest = await self._default_child(repository, manifest)
        return Reply(
            200,
            (
                (b"Content-Type", manifest.media_type.encode()),
                (b"Docker-Content-Digest", str(manifest.digest).encode()),
                (b"Etag", etag(manifest.digest).encode()),
                (b"Content-Length", b"%d" % len(manifest.payload)),
            ),
            manifest.payload,
        )

    @staticmethod
    async def _default_child(repository: IRepository, manifest: Manifest) -> Manifest:
        """What a client that knows no lists gets for a tag: the image for amd64 and linux."""
        for reference in manifest.references:
            platform = reference.platform
            if platform is not None and (platform.architecture, platform.os) == ("amd64", "linux"):
                child: Manifest = await repository.manifests.get(reference.digest)
                return child
        raise TagUnknown(str(repository.name), "amd64/linux")

    async def put(self, request: RegistryRequest, repository: IRepository, reference: str) -> Reply:
        """
        Store a manifest, and tag it (OCI distribution-spec, "Pushing Manifests").

        *reference* is a tag; or a digest, and the tags stand in the query.
        """
        asked = parse_reference(reference)
        tags = (asked,) if isinstance(asked, Tag) else _tags_of(request)
        if len(tags) > TAGS_AT_ONCE:
            return problem_reply([Problem(414, "TAG_INVALID", f"more than {TAGS_AT_ONCE} tags")])
        async with AsyncExitStack() as held:
            payload = await self._payload(request, held)
            algorithm = asked.algorithm if isinstance(asked, Digest) else CANONICAL
            content_type = request.header(b"Content-Type") or ""
            if len(payload) <= SMALL:
                manifest = parse_manifest(content_type, payload, algorithm)
            else:
                async with self._parsing:
                    manifest = await self.workers.run(parse_manifest, content_type, payload, algorithm)
            return await self._stored(request, repository, asked, tags, manifest)

    async def _payload(self, request: RegistryRequest, held: AsyncExitStack) -> bytes:
        """The body; *held* gives up the room for it."""
        body = request.body

        async def room() -> None:
            await self._room.acquire()
            held.callback(self._room.release)
            late = request.site.clock.callLater(LARGE_TIME, body.break_off, BodyTooSlow())
            held.callback(lambda: late.cancel() if late.active() else None)

        return await body.read_all(self.limit, room)

    async def _stored(
        self,
        request: RegistryRequest,
        repository: IRepository,
        asked: Tag | Digest,
        tags: tuple[Tag, ...],
        manifest: Manifest,
    ) -> Reply:
        if isinstance(asked, Digest) and asked != manifest.digest:
            return problem_reply([digest_invalid(None)])
        refusal = self.policy.unauthorized(manifest, request.classes)
        if refusal is not None:
            raise ManifestDenied(refusal)
        await shielded(repository.manifests.put(manifest, tags), request.site)
        headers = [
            (b"Location", self.urls.manifest(request, str(repository.name), manifest.digest)),
            (b"Docker-Content-Digest", str(manifest.digest).encode()),
        ]
        if manifest.subject is not None:
            headers.append((b"OCI-Subject", str(manifest.subject).encode()))
        if isinstance(asked, Digest):
            headers += [(b"OCI-Tag", str(tag).encode()) for tag in tags]
        elif request.query(b"tag") is not None:
            headers.append(warning("the query parameter tag is used with a digest only, and was ignored"))
        return Reply(201, tuple(headers))

    async def delete(self, request: RegistryRequest, repository: IRepository, reference: str) -> Reply:
        """Remove a tag; or a manifest, and every tag that points to it."""
        try:
            asked = parse_reference(reference)
        except InvalidTag:
            raise TagUnknown(str(repository.name), reference) from None
        if isinstance(asked, Tag):
            await repository.tags.untag(asked)
            return Reply(202)
        await shielded(_delete(repository, asked), request.site)
        return Reply(202)


def _tags_of(request: RegistryRequest) -> tuple[Tag, ...]:
    """The tags in the query, each once.  :raises InvalidTag: one of them is none."""
    given = (value.decode("utf-8", "replace") for value in request.args.get(b"tag", ()))
    return tuple(dict.fromkeys(map(Tag.parse, given)))


async def _delete(repository: IRepository, digest: Digest) -> None:
    await repository.manifests.delete(digest)
    for tag in await repository.tags.lookup(digest):
        with suppress(TagUnknown):  # somebody may be faster
            await repository.tags.untag(tag)
