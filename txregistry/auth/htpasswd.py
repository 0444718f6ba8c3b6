"""
Users and passwords in a file, as Apache's ``htpasswd -B`` makes it.

A request brings its password each time, and checking one takes a tenth of a
second on purpose.  So what is known of a credential is remembered, while the
file stays the same; what is not known waits for its turn (:mod:`.verifying`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from twisted.application.service import Service
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.auth import bcrypted, provisioning
from txregistry.auth.basic import BasicCredentials
from txregistry.auth.lines import Lines, line_of
from txregistry.auth.memory import CredentialMemory
from txregistry.auth.userfile import UserFile
from txregistry.auth.users import Users
from txregistry.auth.verifying import Check, Verifier
from txregistry.errors import CannotStart, Unauthorized
from txregistry.interfaces import Credentials, IAccessController, IWorkers
from txregistry.model.access import Access, Grant, quoted

#: Seconds for which a right credential is remembered, and a wrong one.
ACCEPTED, REJECTED = 60.0, 5.0
#: Seconds for which a credential that was right has a waiting line of its own.
FAMILIAR = 3600.0
#: As many credentials of each sort are remembered.
REMEMBERED = 10_000
#: Seconds after which the file is looked at again for a credential that is remembered.
CONFIRMED = 1.0
#: Seconds that a credential may have to wait for its check.
PATIENCE = 2.0


@implementer(IAccessController)
class HtpasswdAccess(Service):
    """
    Lets the users in the file at *path* do everything.

    :param workers: threads, one more than *threads*, so that one is free to look at the file.
    :param threads: how many passwords may be checked at once.
    :param now: the time, in seconds since 1970.
    :param check: checks a password, in a thread.
    """

    _log = Logger()

    def __init__(
        self,
        realm: str,
        path: str,
        workers: IWorkers,
        threads: int,
        now: Callable[[], float],
        check: Check = bcrypted.check,
    ) -> None:
        self._challenge = f"Basic realm={quoted(realm)}"
        self._path = path
        self._file = UserFile(path, workers, now, self._forget)
        self._verifier = Verifier(workers, Lines(threads, PATIENCE), check)
        self._accepted: CredentialMemory[Grant] = CredentialMemory(now, ACCEPTED, REMEMBERED)
        # These two are asked with the keys of the first.
        self._rejected: CredentialMemory[bool] = CredentialMemory(now, REJECTED, REMEMBERED)
        self._familiar: CredentialMemory[bool] = CredentialMemory(now, FAMILIAR, REMEMBERED)
        self._secret = os.urandom(32)

    def startService(self) -> None:
        """
        Make the file if there is none, as the user whom the daemon runs as.

        :raises CannotStart: it can be neither read nor made; the log says why.
        """
        super().startService()
        try:
            password = provisioning.provide(self._path)
        except OSError as error:
            text = f"auth.htpasswd.path: {self._path} can be neither read nor made: {error.strerror or error}"
            self._log.critical("{text}", text=text)
            raise CannotStart(text) from None
        if password is not None:
            fields = {"user": provisioning.USER, "password": password}
            self._log.warn("htpasswd is missing, provisioning with default user", fields=fields)
        self._file.look_now()

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """Let in who shows a user's password."""
        shown = BasicCredentials.parse(credentials.authorization)
        if shown is None:
            anonymous = not credentials.authorization
            reason = "no credentials" if anonymous else "no user and password in the credentials"
            raise Unauthorized(self._challenge, wanted, reason, anonymous=anonymous)
        key = self._accepted.key(shown.together)
        grant = self._accepted.get(key)
        if grant is not None and self._file.confirmed(CONFIRMED):
            return grant
        users = await self._file.look()
        # The look may have found another file, and everything be forgotten.
        grant = self._accepted.get(key)
        if (
            grant is None
            and not self._rejected.get(key)
            and await self._verify(shown, key, users, credentials)
        ):
            grant = Grant(shown.shown, reads_everything=True)
        if grant is None:
            raise Unauthorized(self._challenge, wanted, "wrong user or password", shown.shown)
        return grant

    async def _verify(
        self, shown: BasicCredentials, key: bytes, users: Users, credentials: Credentials
    ) -> bool:
        expected = users.expected(shown.user, self._secret)
        line = line_of(credentials.client)
        if self._familiar.get(key):
            # A crowd of strangers, perhaps behind the same proxy, shall not keep regulars out.
            line = f"familiar {key.hex()}"

        def learned(matched: bool) -> None:
            if matched:
                self._familiar.put(key, True)
            if users is not self._file.users:
                return
            if matched:
                self._accepted.put(key, Grant(shown.shown, reads_everything=True))
            else:
                self._rejected.put(key, True)

        # Another hash, after a change of the file, is another check.
        together = (key, expected)
        return await self._verifier.verify(together, line, shown.shown, expected, shown.password, learned)

    def _forget(self) -> None:
        self._accepted.clear()
        self._rejected.clear()
