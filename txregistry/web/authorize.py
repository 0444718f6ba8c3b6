"""From a request to the repository that it may use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define
from twisted.logger import Logger

from txregistry.errors import AccessUndecided, TooManyAttempts, Unauthorized
from txregistry.interfaces import Credentials, IAccessController, INamespace, IRepository
from txregistry.model.access import Access, needed, scopes
from txregistry.model.names import RepositoryName
from txregistry.web.request import RegistryRequest

#: Wraps the repository that one request uses (listeners that want to know who asked).
RepositoryWrapper = Callable[[IRepository, RegistryRequest], IRepository]

#: What the gate raises, and has told the log about.
REFUSALS = (Unauthorized, TooManyAttempts, AccessUndecided)

#: As much as the log is told of a name, which anybody may make up.
_NAME_SHOWN = 128


def _nobody_counts(reason: str) -> None:
    """Nobody wants to know."""


@define(eq=False)
class Gate:
    """
    Lets requests through to repositories.  The log hears of everything that it refuses.

    :ivar wrap: what stands between each request and its repository; assembly stacks it.
    :ivar counted: hears of each refusal what was wrong: the client was ``anonymous``, its ``credentials``
        were bad or gave too few rights, too many ``attempts`` waited, or it remained ``undecided``.
    """

    _log = Logger()

    access: IAccessController
    namespace: INamespace
    wrap: RepositoryWrapper
    counted: Callable[[str], object] = _nobody_counts

    async def admit(self, request: RegistryRequest, wanted: Sequence[Access]) -> None:
        """
        Let *request* pass, and note who asks.

        :raises Unauthorized: it lacks a right.
        :raises TooManyAttempts: too many wait to be let in.
        :raises AccessUndecided: nobody can tell.
        """
        try:
            await self._ask(request, wanted)
        except Unauthorized as refusal:
            self._refused(request, refusal)
            raise

    async def repository(self, request: RegistryRequest, name: str) -> IRepository:
        """
        The repository *name* for *request*, which may use it.

        :raises Unauthorized: the request lacks a right, whether or not the repository exists.
        :raises TooManyAttempts: as :meth:`admit`.
        :raises AccessUndecided: as :meth:`admit`.
        :raises InvalidName: there can be no such repository.
        """
        method, source = request.method.decode("ascii"), request.query(b"from") or ""
        try:
            await self._ask(request, needed(method, name, source), name)
            request.reads_source = bool(source)
        except Unauthorized as refusal:
            self._refused(request, refusal)
            if method != "POST" or not source:
                raise
            # An upload may begin all the same.  If not even that is allowed, the challenge is the one for
            # both rights, so that clients can ask for both.
            try:
                await self._ask(request, needed(method, name), name)
            except Unauthorized:
                raise refusal from None
        return self.wrap(self.namespace.repository(RepositoryName.parse(name)), request)

    async def _ask(self, request: RegistryRequest, wanted: Sequence[Access], name: str = "") -> None:
        credentials = Credentials(
            request.first_header(b"Authorization"),
            request.first_header(b"Host") or "",
            request.first_header(b"X-Forwarded-Proto"),
            request.client_host(),
        )
        try:
            grant = await self.access.authorize(credentials, wanted)
        except AccessUndecided as error:
            self.counted("undecided")
            self._log.error("error checking authorization: {reason}", reason=error.reason)
            raise
        except TooManyAttempts as error:
            self.counted("attempts")
            fields = {"auth.user.name": error.user[:_NAME_SHOWN]}
            self._log.warn("error authorizing context: {reason}", reason=str(error), fields=fields)
            raise
        request.user_name, request.reads_everything = grant.user, grant.reads_everything
        request.classes = grant.classes.get(name)

    def _refused(self, request: RegistryRequest, refusal: Unauthorized) -> None:
        self.counted("anonymous" if refusal.anonymous else "credentials")
        fields: dict[str, object] = {"auth.wanted": scopes(refusal.wanted) or "authentication"}
        if refusal.user:
            fields["auth.user.name"] = refusal.user[:_NAME_SHOWN]
        if refusal.anonymous:
            self._log.info("error authorizing context: {reason}", reason=str(refusal), fields=fields)
        else:
            self._log.warn("error authorizing context: {reason}", reason=str(refusal), fields=fields)
