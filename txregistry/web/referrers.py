"""The manifests that refer to another one (OCI distribution-spec, "Listing Referrers")."""

from __future__ import annotations

from attrs import define

from txregistry.interfaces import IRepository
from txregistry.model.digest import Digest
from txregistry.model.manifest import OCI_INDEX
from txregistry.model.referrers import Referrer
from txregistry.web.replies import Reply, to_json
from txregistry.web.request import RegistryRequest
from txregistry.web.urls import Urls

#: Entries of a page.
PAGE = 1000


def _entry(referrer: Referrer) -> dict[str, object]:
    descriptor = referrer.descriptor
    entry: dict[str, object] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if referrer.artifact_type:
        entry["artifactType"] = referrer.artifact_type
    if referrer.annotations:
        entry["annotations"] = dict(referrer.annotations)
    return entry


@define(eq=False)
class ReferrerRoutes:
    """The referrers in one repository, in pages of *limit* at most."""

    urls: Urls
    limit: int = PAGE

    async def get(self, request: RegistryRequest, repository: IRepository, digest: str) -> Reply:
        """An image index of them; an empty one where there are none, and for what nobody knows."""
        subject = Digest.parse(digest)
        wanted = request.query(b"artifactType") or ""
        page = await repository.referrers.list(subject, wanted, request.query(b"last") or "", self.limit)
        headers = [(b"Content-Type", OCI_INDEX.encode())]
        parameters = {"last": str(page.items[-1].descriptor.digest)} if page.more else {}
        if wanted:
            headers.append((b"OCI-Filters-Applied", b"artifactType"))
            parameters["artifactType"] = wanted
        if page.more:
            headers.append((b"Link", self.urls.following(request, parameters)))
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(map(_entry, page.items))}
        return Reply(200, tuple(headers), to_json(index))
