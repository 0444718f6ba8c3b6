"""Whoever shows any credentials passes: for the tests of clients."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from zope.interface import implementer

from txregistry.errors import Unauthorized
from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import Access, Grant, quoted

#: The name of everybody.
USER = "silly"


@implementer(IAccessController)
@frozen
class SillyAccess:
    """Asks for a bearer token of *service* from *realm*, and takes anything for one."""

    realm: str
    service: str

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """Let whoever has an ``Authorization`` pass, on behalf of :data:`USER`."""
        if credentials.authorization:
            return Grant(USER, reads_everything=True)
        challenge = f"Bearer realm={quoted(self.realm)},service={quoted(self.service)}"
        if wanted:
            # One scope per right, where tokens have one per resource.
            each = " ".join(f"{access.type}:{access.name}:{access.action}" for access in wanted)
            challenge += f",scope={quoted(each)}"
        raise Unauthorized(challenge, wanted, "no credentials", anonymous=True)
