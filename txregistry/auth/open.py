"""No access control: everybody may do everything."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from txregistry.interfaces import Credentials, IAccessController
from txregistry.model.access import Access, Grant


@implementer(IAccessController)
class OpenAccess:
    """Let every request pass, on behalf of nobody."""

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """Let it pass; *credentials* are not looked at, wrong ones included."""
        return Grant(reads_everything=True)
