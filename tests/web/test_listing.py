"""The catalog and tag lists."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.failing import FailingDriver
from tests.web.registry import JSON, Registry, expect
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.model.names import listing_key

HUGE = str(10**12)


def follow(registry: Registry, path: str, member: str, size: int) -> list[str]:
    """All that is on the pages of a listing, each of *size* and found by the Link of the one before."""
    found: list[str] = []
    for _ in range(100):
        answer = expect(registry.ask("GET", path), 200)
        page = answer.json()[member]
        found += page
        link = answer.header("Link")
        assert len(page) == size or link is None, page
        if link is None:
            return found
        target, end = link[1:].split(">")
        assert end == '; rel="next"', link
        path = target
    raise AssertionError("the pages never end")


class CatalogTests(SynchronousTestCase):
    """``/v2/_catalog``."""

    NAMES = ("zz", "a", "a-b", "aa", "a/b", "b/c/d", "a/b/c")

    def registry(self, **settings: int) -> Registry:
        registry = Registry(**settings)  # type: ignore[arg-type]  # only numbers here
        for name in self.NAMES:
            registry.push_image(name, "latest")
        return registry

    def test_whole(self) -> None:
        """All repositories, children behind their parent; a length, a type, no Link."""
        answer = self.registry().ask("GET", "/v2/_catalog")
        self.assertEqual(answer.json()["repositories"], sorted(self.NAMES, key=listing_key))
        self.assertIn(JSON, answer.headers)
        self.assertTrue(answer.body.endswith(b"\n"))
        self.assertIsNone(answer.header("Link"))

    def test_empty(self) -> None:
        """A registry without repositories has an empty list of them."""
        self.assertEqual(Registry().ask("GET", "/v2/_catalog").json(), {"repositories": []})

    def test_pages(self) -> None:
        """Pages of any size, followed by their Link, name each repository once, in order."""
        registry = self.registry()
        for size in range(1, len(self.NAMES) + 2):
            found = follow(registry, f"/v2/_catalog?n={size}", "repositories", size)
            self.assertEqual(found, sorted(self.NAMES, key=listing_key))

    def test_link(self) -> None:
        """The Link escapes the name, and knows no other parameter of the request."""
        answer = self.registry().ask("GET", "/v2/_catalog?n=2&x=y")
        self.assertEqual(answer.header("Link"), '</v2/_catalog?last=a%2Fb&n=2>; rel="next"')

    def test_last(self) -> None:
        """*last* need not exist."""
        answer = self.registry().ask("GET", "/v2/_catalog?last=a0")
        self.assertEqual(answer.json()["repositories"], ["aa", "b/c/d", "zz"])

    def test_numbers(self) -> None:
        """A page size that is none, or over the limit, is refused with what was given."""
        registry = self.registry(maxentries=5)
        for asked, detail in (
            ("abc", "abc"),
            ("-1", "-1"),
            ("6", 6),
            (HUGE, int(HUGE)),
            ("9" * 50, "9" * 50),
        ):
            answer = registry.ask("GET", f"/v2/_catalog?n={asked}")
            self.assertEqual((answer.status, answer.codes()), (400, ["PAGINATION_NUMBER_INVALID"]), asked)
            self.assertEqual(answer.json()["errors"][0]["detail"], {"n": detail})
        self.assertEqual(registry.ask("GET", "/v2/_catalog?n=0").json(), {"repositories": []})
        self.assertEqual(len(registry.ask("GET", "/v2/_catalog?n=5").json()["repositories"]), 5)

    def test_default_size(self) -> None:
        """Without *n*, a page has what the limit allows."""
        answer = self.registry(maxentries=3).ask("GET", "/v2/_catalog")
        self.assertEqual(len(answer.json()["repositories"]), 3)
        self.assertIsNotNone(answer.header("Link"))

    def test_head(self) -> None:
        """HEAD says what GET would, and nothing else."""
        registry = self.registry()
        get, head = registry.ask("GET", "/v2/_catalog"), registry.ask("HEAD", "/v2/_catalog")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("Content-Length"), str(len(get.body)))


class TagListTests(SynchronousTestCase):
    """``/v2/NAME/tags/list``."""

    TAGS = ("latest", "1.0", "B", "a", "_x", "10", "9")

    def registry(self, maxtags: int = 1000) -> Registry:
        registry = Registry(maxtags=maxtags)
        registry.push_image("a/b", *self.TAGS)
        return registry

    def test_whole(self) -> None:
        """All tags, in the order of their bytes."""
        answer = self.registry(maxtags=3).ask("GET", "/v2/a/b/tags/list")
        self.assertEqual(answer.json(), {"name": "a/b", "tags": sorted(self.TAGS)})
        self.assertIn(JSON, answer.headers)
        self.assertIsNone(answer.header("Link"))

    def test_pages(self) -> None:
        """Pages of any size, followed by their Link, name each tag once, in order."""
        registry = self.registry()
        for size in range(1, len(self.TAGS) + 2):
            found = follow(registry, f"/v2/a/b/tags/list?n={size}", "tags", size)
            self.assertEqual(found, sorted(self.TAGS))

    def test_clamped(self) -> None:
        """A page size over the limit becomes the limit, in the Link too."""
        answer = self.registry(maxtags=3).ask("GET", f"/v2/a/b/tags/list?n={HUGE}")
        self.assertEqual(answer.json()["tags"], sorted(self.TAGS)[:3])
        self.assertEqual(answer.header("Link"), '</v2/a/b/tags/list?last=9&n=3>; rel="next"')

    def test_last(self) -> None:
        """*last* counts with and without *n*, and need not exist."""
        registry = self.registry()
        for query in ("last=A", "last=A&n=100"):
            answer = registry.ask("GET", f"/v2/a/b/tags/list?{query}")
            self.assertEqual(answer.json()["tags"], ["B", "_x", "a", "latest"])
        answer = registry.ask("GET", "/v2/a/b/tags/list?last=zzz")
        self.assertEqual(answer.json()["tags"], [])

    def test_numbers(self) -> None:
        """A page size that is no number is refused; none at all asks for nothing."""
        registry = self.registry()
        for asked in ("abc", "-1", "1.5", "1e3", "0x1", "%20"):
            answer = registry.ask("GET", f"/v2/a/b/tags/list?n={asked}")
            self.assertEqual((answer.status, answer.codes()), (400, ["PAGINATION_NUMBER_INVALID"]), asked)
        answer = registry.ask("GET", "/v2/a/b/tags/list?n=0")
        self.assertEqual((answer.json()["tags"], answer.header("Link")), ([], None))

    def test_unknown(self) -> None:
        """A repository that never had a tag is unknown."""
        answer = Registry().ask("GET", "/v2/a/b/tags/list")
        self.assertEqual((answer.status, answer.codes()), (404, ["NAME_UNKNOWN"]))
        self.assertEqual(answer.json()["errors"][0]["detail"], {"name": "a/b"})

    @settings(max_examples=50)
    @given(st.text(max_size=30), st.text(max_size=10))
    def test_any_query(self, last: str, count: str) -> None:
        """Whatever the query says, the answer is a list or a refusal, in JSON."""
        registry = Registry(FailingDriver(InMemoryDriver()))
        registry.push_image("a", "one", "two")
        query = "&".join(
            f"{name}={''.join(f'%{byte:02x}' for byte in value.encode('utf-8', 'surrogatepass'))}"
            for name, value in (("last", last), ("n", count))
        )
        for path in (f"/v2/a/tags/list?{query}", f"/v2/_catalog?{query}"):
            answer = registry.ask("GET", path)
            self.assertIn(answer.status, (200, 400))
            self.assertIsInstance(answer.json(), dict)
