"""From a request to the repository that it may use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define

from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController, INamespace, IRepository
from txregistry.model.access import Access, needed
from txregistry.model.names import RepositoryName
from txregistry.web.request import RegistryRequest

#: Wraps the repository that one request uses (listeners that want to know who asked).
RepositoryWrapper = Callable[[IRepository, RegistryRequest], IRepository]


@define(eq=False)
class Gate:
    """
    Lets requests through to repositories.

    :ivar wrap: what stands between each request and its repository; assembly stacks it.
    """

    access: IAccessController
    namespace: INamespace
    wrap: RepositoryWrapper

    async def admit(self, request: RegistryRequest, wanted: Sequence[Access]) -> None:
        """
        Let *request* pass, and note who asks.

        :raises Unauthorized: it lacks a right.
        """
        credentials = Credentials(
            request.header(b"Authorization"),
            request.header(b"Host") or "",
            request.header(b"X-Forwarded-Proto"),
        )
        grant = await self.access.authorize(credentials, wanted)
        request.user_name, request.reads_everything = grant.user, grant.reads_everything

    async def repository(self, request: RegistryRequest, name: str) -> IRepository:
        """
        The repository *name* for *request*, which may use it.

        :raises Unauthorized: the request lacks a right, whether or not the repository exists.
        :raises InvalidName: there can be no such repository.
        """
        method, source = request.method.decode("ascii"), request.query(b"from") or ""
        try:
            await self.admit(request, needed(method, name, source))
            request.reads_source = bool(source)
        except Unauthorized as refusal:
            if method != "POST" or not source:
                raise
            # An upload may begin all the same.  If not even that is allowed, the challenge is the one for
            # both rights, so that clients can ask for both.
            try:
                await self.admit(request, needed(method, name))
            except Unauthorized:
                raise refusal from None
        return self.wrap(self.namespace.repository(RepositoryName.parse(name)), request)
