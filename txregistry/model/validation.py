"""What an operator demands of manifests that are pushed: that their parts are there, or where they may be."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import field, frozen

from txregistry.model.manifest import InvalidManifest, Kind, Manifest, Reference, required
from txregistry.model.patterns import Patterns

#: How many characters the URLs of one manifest may have together, where they are compared with expressions.
URL_TEXT_LIMIT = 1024 * 1024


class Children(Enum):
    """Which children of an index must be in the repository."""

    ALL = "all"
    NONE = "none"
    #: Those for certain platforms.
    LISTED = "list"


@frozen
class UrlRules:
    """
    From where layers may come: a URL must match *allow* and must not match *deny*.

    Without either there is no rule.
    """

    allow: Patterns | None = None
    deny: Patterns | None = None

    @classmethod
    def of(cls, allow: Sequence[str], deny: Sequence[str]) -> UrlRules:
        """
        The rules of two lists of regular expressions, of which any may be found anywhere in the URL.

        An empty list is no rule.

        :raises InvalidPattern: one of them cannot be used.
        """
        return cls(Patterns(allow) if allow else None, Patterns(deny) if deny else None)

    def __bool__(self) -> bool:
        """Whether there is any rule."""
        return self.allow is not None or self.deny is not None

    def allows(self, url: str) -> bool:
        """Whether content may come from *url*."""
        if self.allow is not None and not self.allow.search(url):
            return False
        return self.deny is None or not self.deny.search(url)


@frozen
class Validation:
    """
    What is demanded.

    :ivar urls: from where content may come.
    :ivar blobs: configs and layers must be in the repository.
    :ivar children: which children must be.
    :ivar platforms: architecture and operating system of :attr:`Children.LISTED`; none of them means all.
    """

    urls: UrlRules = field(factory=UrlRules)
    blobs: bool = True
    children: Children = Children.ALL
    platforms: frozenset[tuple[str, str]] = frozenset()

    def required(self, manifest: Manifest) -> tuple[Reference, ...]:
        """The references that the repository must hold before it may store *manifest*."""
        return tuple(reference for reference in required(manifest) if self._demands(reference))

    def _demands(self, reference: Reference) -> bool:
        if reference.kind is not Kind.CHILD:
            return self.blobs
        if self.children is not Children.LISTED or not self.platforms:
            return self.children is not Children.NONE
        platform = reference.platform
        return platform is not None and (platform.architecture, platform.os) in self.platforms

    def urls_to_check(self, manifest: Manifest) -> tuple[str, ...]:
        """
        The URLs of *manifest*, each once, that :meth:`check_urls` has to see; none if any will do.

        Clients may follow the URLs of whatever has them, so all count, not only those of layers.

        :raises InvalidManifest: they are too long to be looked at.
        """
        if not self.urls:
            return ()
        urls = tuple(dict.fromkeys(url for reference in manifest.references for url in reference.urls))
        if sum(map(len, urls)) > URL_TEXT_LIMIT:
            raise InvalidManifest(f"the URLs have more than {URL_TEXT_LIMIT} characters")
        return urls

    def check_urls(self, urls: Sequence[str]) -> None:
        """
        Compare *urls* with the rules.

        :raises InvalidManifest: content may not come from one of them.
        """
        for url in urls:
            if not self.urls.allows(url):
                raise InvalidManifest(f"invalid URL on layer: {url[:200]}")
