"""Tests for what a request needs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txregistry.model.access import CATALOG, Access, needed, quoted, scopes


class NeededTests(SynchronousTestCase):
    """Rights by method."""

    def actions(self, method: str) -> list[str]:
        """The actions on one repository that *method* needs."""
        wanted = needed(method, "a/b")
        self.assertTrue(all((access.type, access.name) == ("repository", "a/b") for access in wanted))
        return [access.action for access in wanted]

    def test_methods(self) -> None:
        """Reading needs pull, writing both, deleting its own right; other methods none."""
        for method in ("GET", "HEAD"):
            self.assertEqual(self.actions(method), ["pull"])
        for method in ("POST", "PUT", "PATCH"):
            self.assertEqual(self.actions(method), ["pull", "push"])
        self.assertEqual(self.actions("DELETE"), ["delete"])
        for method in ("OPTIONS", "TRACE", "get", ""):
            self.assertEqual(self.actions(method), [])

    def test_mount(self) -> None:
        """A mount also needs to pull from its source."""
        self.assertEqual(
            needed("POST", "a", "b")[-1:],
            (Access("repository", "b", "pull"),),
        )
        self.assertEqual(len(needed("POST", "a", "b")), 3)

    def test_catalog(self) -> None:
        """The catalog needs everything on the registry's catalog."""
        self.assertEqual(CATALOG, (Access("registry", "catalog", "*"),))


class TextTests(SynchronousTestCase):
    """Rights and values as challenges have them."""

    def test_scopes(self) -> None:
        """One item per resource, its actions together; everything in the order of its first mention."""
        for wanted, text in (
            ((), ""),
            (CATALOG, "registry:catalog:*"),
            (needed("PUT", "foo/bar"), "repository:foo/bar:pull,push"),
            (needed("POST", "a", "b"), "repository:a:pull,push repository:b:pull"),
            (needed("POST", "a", "a"), "repository:a:pull,push"),
            (needed("DELETE", "a", "b"), "repository:a:delete repository:b:pull"),
        ):
            self.assertEqual(scopes(wanted), text)

    def test_quoted(self) -> None:
        """As Go quotes them, but in ASCII, since they stand in a header."""
        for text, expected in (
            ("", '""'),
            ("basic realm", '"basic realm"'),
            ('say "no"', r'"say \"no\""'),
            ("a\\b", r'"a\\b"'),
            ("a\r\nB: c\t", r'"a\r\nB: c\t"'),
            ("\0\x7f", r'"\x00\x7f"'),
            ("é€", r'"\u00e9\u20ac"'),
            ("\U0001f600", r'"\U0001f600"'),
        ):
            self.assertEqual(quoted(text), expected)
