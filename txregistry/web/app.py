"""
The Klein application: which path is whose, the order of checks, and what failures become.

Every route does the same: authorize on the headers, open the repository,
look the method up, call one method of a route group, and send what that
returns.  The groups know nothing of Klein.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, ClassVar

from attrs import frozen
from klein import Klein
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from txregistry.errors import StorageError
from txregistry.interfaces import IRepository, IWorkers
from txregistry.model.access import CATALOG
from txregistry.model.digest import InvalidDigest
from txregistry.model.names import InvalidName, InvalidTag
from txregistry.web.authorize import Gate
from txregistry.web.blobs import BlobRoutes, ContentReply
from txregistry.web.body import BodyLost
from txregistry.web.listing import BASE, CatalogRoutes, TagListRoutes
from txregistry.web.manifests import ManifestRoutes
from txregistry.web.referrers import ReferrerRoutes
from txregistry.web.replies import UNSUPPORTED, Problem, Reply, headers_of, problem_reply, problems_of
from txregistry.web.request import RegistryRequest
from txregistry.web.sending import send_reply
from txregistry.web.uploads import UploadRoutes

Answer = Reply | ContentReply
#: Serves one request: with the repository, and what else the path says.
Serve = Callable[..., Awaitable[Answer]]


@frozen(slots=True)
class Methods:
    """What serves one kind of path: a function for each method of HTTP.  *handler* is its name in metrics."""

    handler: str
    table: Mapping[bytes, Serve]


_READING = frozenset((b"GET", b"HEAD"))
_PLAIN = re.compile(
    rb"/v2/([a-z0-9._/-]+)/"
    rb"(?:(manifests|referrers)/([A-Za-z0-9:._-]+)"
    rb"|blobs/(?:(uploads)/([0-9a-f-]*)|([A-Za-z0-9:._-]+))|tags/list)\Z"
)


def _methods(handler: str, readonly: bool, **methods: Serve) -> Methods:
    """A method table; GET answers HEAD too, and a read-only registry has nothing else."""
    table = {name.upper().encode(): serve for name, serve in methods.items()}
    if b"GET" in table:
        table[b"HEAD"] = table[b"GET"]
    return Methods(
        handler, {method: serve for method, serve in table.items() if not readonly or method in _READING}
    )


class RegistryApp:
    """
    The API of the registry.

    :param readonly: changes are refused, as if their methods did not exist.
    """

    app: ClassVar[Klein] = Klein()
    # Slashes that a client has percent-encoded are none to clean away.
    app.url_map.merge_slashes = False
    _log = Logger()

    def __init__(
        self,
        gate: Gate,
        workers: IWorkers,
        catalog: CatalogRoutes,
        tags: TagListRoutes,
        manifests: ManifestRoutes,
        blobs: BlobRoutes,
        uploads: UploadRoutes,
        referrers: ReferrerRoutes,
        readonly: bool = False,
    ) -> None:
        self._gate, self._workers, self._catalog, self._tags = gate, workers, catalog, tags
        self._groups = manifests, blobs, uploads, referrers
        self.readonly(readonly)

    def readonly(self, readonly: bool) -> None:
        """Refuse changes from now on, or take them; what is under way goes on."""
        manifests, blobs, uploads, referrers = self._groups
        self._tag_list = _methods("tags", False, get=self._tags.get)
        self._manifest = _methods(
            "manifest", readonly, get=manifests.get, put=manifests.put, delete=manifests.delete
        )
        self._blob = _methods("blob", readonly, get=blobs.get, delete=blobs.delete)
        self._referrers = _methods("referrers", readonly, get=referrers.get)
        self._uploads = _methods("blob_upload", readonly, post=uploads.post)
        self._upload = _methods(
            "blob_upload_chunk",
            readonly,
            get=uploads.get,
            patch=uploads.patch,
            put=uploads.put,
            delete=uploads.delete,
        )

    # --- the paths ---

    @app.route("/v2/")
    async def base(self, request: RegistryRequest) -> None:
        """Says that this is a registry, and whether one must authenticate."""
        await self._run(request, "base", self._base(request))

    @app.route("/v2/_catalog")
    async def catalog(self, request: RegistryRequest) -> None:
        """The repositories."""
        await self._run(request, "catalog", self._list_catalog(request))

    @app.route("/v2/<path:name>/tags/list")
    async def tag_list(self, request: RegistryRequest, name: str) -> None:
        """The tags of a repository."""
        await self.serve(request, self._tag_list, name)

    @app.route("/v2/<path:name>/manifests/<reference>")
    async def manifest(self, request: RegistryRequest, name: str, reference: str) -> None:
        """A manifest, by tag or digest."""
        await self.serve(request, self._manifest, name, reference=reference)

    @app.route("/v2/<path:name>/blobs/<digest>")
    async def blob(self, request: RegistryRequest, name: str, digest: str) -> None:
        """A blob."""
        await self.serve(request, self._blob, name, digest=digest)

    @app.route("/v2/<path:name>/referrers/<digest>")
    async def referrers(self, request: RegistryRequest, name: str, digest: str) -> None:
        """What refers to a manifest."""
        await self.serve(request, self._referrers, name, digest=digest)

    @app.route("/v2/<path:name>/blobs/uploads/")
    async def uploads(self, request: RegistryRequest, name: str) -> None:
        """Where uploads begin."""
        await self.serve(request, self._uploads, name)

    @app.route("/v2/<path:name>/blobs/uploads/<uuid>")
    async def upload(self, request: RegistryRequest, name: str, uuid: str) -> None:
        """An upload session."""
        await self.serve(request, self._upload, name, uuid=uuid)

    @app.route("/v2/_catalog/")
    @app.route("/v2/<path:name>/tags/list/", endpoint="tags_with_slash")
    @app.route("/v2/<path:name>/manifests/<reference>/", endpoint="manifest_with_slash")
    @app.route("/v2/<path:name>/blobs/<digest>/", endpoint="blob_with_slash")
    @app.route("/v2/<path:name>/referrers/<digest>/", endpoint="referrers_with_slash")
    @app.route("/v2/<path:name>/blobs/uploads/<uuid>/", endpoint="upload_with_slash")
    async def with_slash(self, request: RegistryRequest, **_: str) -> None:
        """The canonical address has no slash at its end."""
        request.answer(request.moved(request.uri.partition(b"?")[0].rstrip(b"/")))

    @app.handle_errors(HTTPException)  # type: ignore[arg-type]  # Klein cannot know our kind of request
    def unmatched(self, request: RegistryRequest, failure: Failure) -> None:
        """No route has this path, or one has it with a slash at its end."""
        if failure.check(RequestRedirect):
            request.answer(request.moved(request.uri.partition(b"?")[0] + b"/"))
        else:
            request.fail([Problem(404, "UNSUPPORTED", "no such page")])

    # --- serving ---

    def shortcut(self, request: RegistryRequest) -> bool:
        """
        Serve what looks as nearly all requests do: to a repository, its path plain.

        What is done is what the route does; only the way there is shorter.
        Whatever looks unusual is left to the routes.
        """
        match = _PLAIN.match(request.path)
        if match is None:
            return False
        name, kind, reference, uploads, uuid, digest = match.groups()
        variables: dict[str, str] = {}
        if kind == b"referrers":
            methods, variables["digest"] = self._referrers, reference.decode("ascii")
        elif kind:
            methods, variables["reference"] = self._manifest, reference.decode("ascii")
        elif uploads:
            methods = self._uploads
            if uuid:
                methods, variables["uuid"] = self._upload, uuid.decode("ascii")
        elif digest is None:
            methods = self._tag_list
        elif digest != b"uploads":
            methods, variables["digest"] = self._blob, digest.decode("ascii")
        else:
            return False
        request.run(self.serve(request, methods, name.decode("ascii"), **variables))
        return True

    async def serve(self, request: RegistryRequest, methods: Methods, name: str, **variables: str) -> None:
        """
        Serve *request* to the repository *name* by its row of *methods*.

        The answer is written; :meth:`RegistryRequest.finish` is left to the caller.
        """
        request.vars = {"name": name, **variables}
        answering = self._in_repository(request, methods.table, name, variables)
        await self._run(request, methods.handler, answering)

    async def _in_repository(
        self,
        request: RegistryRequest,
        methods: Mapping[bytes, Serve],
        name: str,
        variables: Mapping[str, str],
    ) -> Answer:
        repository: IRepository = await self._gate.repository(request, name)
        serve = methods.get(request.method)
        if serve is not None:
            return await serve(request, repository, *variables.values())
        allow = ((b"Allow", b", ".join(sorted(methods))),)
        if request.method == b"OPTIONS":
            return Reply(200, allow)
        return problem_reply([UNSUPPORTED], allow, minor=True)

    async def _base(self, request: RegistryRequest) -> Answer:
        await self._gate.admit(request, ())
        return BASE

    async def _list_catalog(self, request: RegistryRequest) -> Answer:
        await self._gate.admit(request, CATALOG)
        if request.method not in _READING:
            allow = ((b"Allow", b"GET, HEAD"),)
            if request.method == b"OPTIONS":
                return Reply(200, allow)
            return problem_reply([UNSUPPORTED], allow, minor=True)
        return await self._catalog.get(request)

    async def _run(
        self, request: RegistryRequest, handler: str, answering: Coroutine[Any, Any, Answer]
    ) -> None:
        """Await an answer and send it; a failure becomes an answer too, and is logged where it is ours."""
        request.routed, request.handler, request.answering = True, handler, answering
        site = request.site
        site.serving.add(request)
        try:
            answer = await answering
            if isinstance(answer, Reply):
                await send_reply(request, answer)
            else:
                await answer.send(request, self._workers)
        except (CancelledError, BodyLost, ConnectionLost):
            request.cut_off()
            raise CancelledError from None
        except Exception as error:
            self._fail(request, error)
        finally:
            site.serving.discard(request)
            site.request_ended()

    def _fail(self, request: RegistryRequest, error: Exception) -> None:
        problems = problems_of(error)
        if problems is None:
            request.broke(Failure())
            problems = [Problem(500, "UNKNOWN", "unknown error")]
        elif isinstance(error, StorageError):
            request.cause = str(error)
            if request.gone:  # its line is written
                self._log.error("storage failed: {reason}", reason=request.cause)
        elif isinstance(error, InvalidName | InvalidTag | InvalidDigest):
            # To distribution a path that can name nothing is just not there.
            request.minor = error.text in request.vars.values()
        request.fail(problems, headers_of(error, problems))
