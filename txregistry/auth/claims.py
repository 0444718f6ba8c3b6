"""
What a token claims, and what that is good for.

Rules without I/O.  Whether the claims may be believed at all is the
signature's affair, see :mod:`txregistry.auth.token`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from attrs import frozen

from txregistry.auth.refused import shown
from txregistry.model.access import Access, Grant
from txregistry.model.document import InvalidDocument, Members
from txregistry.model.policy import IMAGE

#: Seconds by which the clocks of who issues tokens and who takes them may differ.
LEEWAY = 60

#: The action that stands for all of them.
_ANYTHING = "*"


@frozen(slots=True)
class Claims:
    """
    The claims that a registry knows.

    :ivar audiences: whom the token is for.
    :ivar expires: seconds since 1970, and so *begins*; 0 if it was not said.
    :ivar actions: what may be done, by type and name of the resource.
    :ivar grant: what a request with this token is told.
    """

    issuer: str
    audiences: tuple[str, ...]
    expires: int
    begins: int
    actions: Mapping[tuple[str, str], frozenset[str]]
    grant: Grant

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Claims:
        """
        Pick the claims out of *document*.

        :raises InvalidDocument: one is not of its type.
        """
        claims = _members(document, "the claims")
        # Nothing depends on these, but a token is one only if they are right.
        claims.integer("iat")
        claims.text("jti")
        actions: dict[tuple[str, str], frozenset[str]] = {}
        classes: dict[str, frozenset[str]] = {}
        for entry in claims.items("access"):
            item = _members(entry, "an entry of access")
            type, name, kind = item.text("type"), item.text("name"), item.text("class")
            actions[type, name] = actions.get((type, name), frozenset()).union(item.texts("actions"))
            if type == "repository":
                classes[name] = classes.get(name, frozenset()).union((kind or IMAGE,))
        return cls(
            claims.text("iss"),
            _audiences(claims),
            claims.integer("exp"),
            claims.integer("nbf"),
            actions,
            Grant(claims.text("sub"), reads_everything=False, classes=MappingProxyType(classes)),
        )

    def fault(self, issuer: str, service: str, now: float) -> str | None:
        """
        Why a token with these claims is not taken, in words for the log; ``None`` if it is.

        :param issuer: who has to have issued it.
        :param service: whom it has to be for.
        :param now: seconds since 1970.
        """
        if self.issuer != issuer:
            return f"the token's issuer is {shown(self.issuer)}, not the one configured"
        if service not in self.audiences:
            return f"the token is for {_listed(self.audiences)}, not for this service"
        if now > self.expires + LEEWAY:
            return (
                f"the token expired {now - self.expires:.0f} s ago"
                if self.expires
                else "the token has no exp"
            )
        if now < self.begins - LEEWAY:
            return f"the token becomes valid in {self.begins - now:.0f} s"
        return None

    def lacking(self, wanted: Iterable[Access]) -> Sequence[Access]:
        """Those of the rights *wanted* that these claims do not give."""
        return [access for access in wanted if not self._allows(access)]

    def _allows(self, access: Access) -> bool:
        actions = self.actions.get((access.type, access.name), frozenset())
        return access.action in actions or _ANYTHING in actions


def _members(value: object, where: str) -> Members:
    # Names of claims are what they are, letter case included (RFC 7519, section 4).
    if not isinstance(value, dict):
        raise InvalidDocument(f"{where} is not an object")
    return Members({name: content for name, content in value.items() if content is not None}, where)


def _audiences(claims: Members) -> tuple[str, ...]:
    if isinstance(claims.values.get("aud"), list):
        return claims.texts("aud")
    return (claims.text("aud"),)


def _listed(texts: Sequence[str]) -> str:
    """The first few of *texts*."""
    some = ", ".join(map(shown, texts[:3])) or "nobody"
    return some if len(texts) <= 3 else f"{some}, …"
