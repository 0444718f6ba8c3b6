"""What every ``ITagService`` of a repository promises."""

from __future__ import annotations

from tests.contracts.repositories import HERE, THERE, RepositoriesCase, push_image
from txregistry.errors import NameUnknown, TagUnknown
from txregistry.interfaces import ITagService
from txregistry.model.digest import Digest
from txregistry.model.names import Page, Tag

ONE, OTHER = Digest.of(b"one"), Digest.of(b"other", "sha512")
NAMES = ("10", "9", "A", "_x", "a", "a-b", "a.b", "ab", "latest", "z" * 128)


class TagServiceContract(RepositoriesCase):
    """Mix in beside a ``SynchronousTestCase``."""

    def tags(self) -> ITagService:
        """The tags of a repository that has none."""
        return self.make_namespace().repository(HERE).tags

    def filled(self) -> ITagService:
        """The tags of a repository that has :data:`NAMES`, given in another order."""
        tags = self.tags()
        for name in (*NAMES[5:], *NAMES[:5]):
            self.successResultOf(tags.tag(Tag(name), ONE))
        return tags

    def test_tag(self) -> None:
        """A tag points to what it was pointed to last."""
        tags = self.tags()
        for digest in (ONE, OTHER, ONE):
            self.successResultOf(tags.tag(Tag("v1"), digest))
            self.assertEqual(self.successResultOf(tags.get(Tag("v1"))), digest)

    def test_unknown(self) -> None:
        """A tag that was never set is unknown, and the error says which of which repository."""
        tags = self.filled()
        failure = self.failureResultOf(tags.get(Tag("none")), TagUnknown)
        self.assertEqual((failure.value.name, failure.value.tag), (HERE.text, "none"))

    def test_of_one_repository(self) -> None:
        """Tags belong to their repository."""
        namespace = self.make_namespace()
        self.successResultOf(namespace.repository(HERE).tags.tag(Tag("v1"), ONE))
        self.failureResultOf(namespace.repository(THERE).tags.get(Tag("v1")), TagUnknown)
        self.failureResultOf(namespace.repository(THERE).tags.list(), NameUnknown)

    def test_list_never_tagged(self) -> None:
        """A repository without any manifest is unknown, whatever part of the list is asked for."""
        tags = self.tags()
        failure = self.failureResultOf(tags.list(), NameUnknown)
        self.assertEqual(failure.value.name, HERE.text)
        self.failureResultOf(tags.list("a", 3), NameUnknown)

    def test_list_of_untagged(self) -> None:
        """One that has manifests only has no tags; nor has one whose last tag was removed."""
        here = self.make_namespace().repository(HERE)
        manifest = self.successResultOf(push_image(here, b"layer"))
        self.assertEqual(self.successResultOf(here.tags.list()), Page(()))
        self.assertEqual(self.successResultOf(here.tags.list("a", 3)), Page(()))
        self.successResultOf(here.tags.tag(Tag("v1"), manifest.digest))
        self.successResultOf(here.tags.untag(Tag("v1")))
        self.assertEqual(self.successResultOf(here.tags.list()), Page(()))

    def test_list(self) -> None:
        """Without a limit all tags are listed, in the order of their bytes."""
        self.assertEqual(self.successResultOf(self.filled().list()), Page(NAMES))

    def test_list_behind(self) -> None:
        """A list begins behind any text, be it a tag or not."""
        tags = self.filled()
        for after in ("", "0", "a", "a-", "a/", "latest", "~", "\0", "ä"):
            expected = tuple(name for name in NAMES if name > after)
            self.assertEqual(self.successResultOf(tags.list(after)), Page(expected))

    def test_list_in_pages(self) -> None:
        """Pages of any size, one behind the other, visit each tag once and say when they end."""
        tags = self.filled()
        for size in (1, 2, 3, len(NAMES), len(NAMES) + 1):
            seen: list[str] = []
            more = True
            while more:
                page = self.successResultOf(tags.list(seen[-1] if seen else "", size))
                self.assertLessEqual(len(page.items), size)
                seen += page.items
                more = page.more
            self.assertEqual(seen, list(NAMES))

    def test_untag(self) -> None:
        """A removed tag is unknown and not listed; the others stay."""
        tags = self.filled()
        self.successResultOf(tags.untag(Tag("a")))
        self.failureResultOf(tags.get(Tag("a")), TagUnknown)
        self.failureResultOf(tags.untag(Tag("a")), TagUnknown)
        expected = tuple(name for name in NAMES if name != "a")
        self.assertEqual(self.successResultOf(tags.list()), Page(expected))

    def test_lookup(self) -> None:
        """The tags of a digest are those that point to it now."""
        tags = self.filled()
        self.successResultOf(tags.tag(Tag("a"), OTHER))
        self.successResultOf(tags.tag(Tag("9"), OTHER))
        self.successResultOf(tags.tag(Tag("9"), ONE))
        self.assertEqual(list(self.successResultOf(tags.lookup(OTHER))), [Tag("a")])
        expected = [Tag(name) for name in NAMES if name != "a"]
        self.assertEqual(list(self.successResultOf(tags.lookup(ONE))), expected)

    def test_lookup_of_nothing(self) -> None:
        """A digest that no tag points to has no tags, nor has any in a repository without tags."""
        self.assertEqual(list(self.successResultOf(self.filled().lookup(OTHER))), [])
        self.assertEqual(list(self.successResultOf(self.tags().lookup(ONE))), [])
