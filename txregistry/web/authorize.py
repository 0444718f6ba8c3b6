"""From a request to the repository that it may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define
from twisted.logger import Logger, LogLevel

from txregistry.errors import AccessUndecided, TooManyAttempts, Unauthorized
from txregistry.interfaces import Credentials, IAccessController, INamespace, IRepository
from txregistry.model.access import Access, needed, scopes
from txregistry.model.names import RepositoryName
from txregistry.web.refused import Refused
from txregistry.web.request import RegistryRequest

#: Wraps the repository that one request uses (listeners that want to know who asked).
RepositoryWrapper = Callable[[IRepository, RegistryRequest], IRepository]

_REFUSED = "error authorizing context: {reason}"
_UNDECIDED = "error checking authorization: {reason}"
#: As much as the log is told of a name, which anybody may make up.
_NAME_SHOWN = 128


def _nobody_counts(reason: str) -> None:
    """Nobody wants to know."""


@define(eq=False)
class Gate:
    """
    Lets requests through to repositories.

    What it refuses has its reason in ``request.refused``, for the line that
    the log gets at the request's end.

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
            request.refused = self._refused(refusal)
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
            refused = self._refused(refusal)
            request.refused = refused
            if method != "POST" or not source:
                raise
            # An upload may begin all the same.  If not even that is allowed, the challenge is the one for
            # both rights, so that clients can ask for both.
            try:
                await self._ask(request, needed(method, name), name)
            except Unauthorized:
                raise refusal from None
            # It is let in, but does not get all that it wanted.
            request.refused = None
            self._log.emit(refused.level, refused.text, reason=refused.reason, fields=refused.fields)
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
            request.refused = Refused(LogLevel.error, _UNDECIDED, error.reason, _who_and_what("", wanted))
            raise
        except TooManyAttempts as error:
            self.counted("attempts")
            request.refused = Refused(LogLevel.warn, _REFUSED, str(error), _who_and_what(error.user, wanted))
            raise
        request.user_name, request.reads_everything = grant.user, grant.reads_everything
        request.classes = grant.classes.get(name)

    def _refused(self, refusal: Unauthorized) -> Refused:
        self.counted("anonymous" if refusal.anonymous else "credentials")
        level = LogLevel.info if refusal.anonymous else LogLevel.warn
        return Refused(level, _REFUSED, str(refusal), _who_and_what(refusal.user, refusal.wanted))


def _who_and_what(user: str, wanted: Sequence[Access]) -> Mapping[str, object]:
    """What the log is told of a request that was not let in."""
    fields = {"auth.wanted": scopes(wanted) or "authentication"}
    if user:
        fields["auth.user.name"] = user[:_NAME_SHOWN]
    return fields
