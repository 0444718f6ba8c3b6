"""The section ``middleware``."""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.config.test_docs import PAGES, Noting
from tests.config.texts import KINDS, LEAST, Kind, read
from txregistry.config.cursor import Cursor
from txregistry.config.findings import Findings
from txregistry.config.kinds import Kinds
from txregistry.config.middleware import LAYERS, MIDDLEWARE_OPTIONS, Plugins, RedirectOptions, RewriteOptions
from txregistry.config.reading import Reading, read_config
from txregistry.config.values import MiddlewareUse

REDIRECT = KINDS.middleware["storage", "redirect"]


@frozen
class Note:
    """The options of a plug-in."""

    text: str


def read_note(cursor: Cursor) -> Note:
    """Read them."""
    return Note(cursor.text("text"))


NOTE = Kind("note", read_note)


class Shelf:
    """Plug-ins, and how often somebody looked for them."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins, self.looks = plugins, 0

    def __call__(self) -> Plugins:
        self.looks += 1
        return self._plugins


def with_plugins(text: str, shelf: Shelf) -> Reading:
    """Read a good file with *text*, where *shelf* has plug-ins."""
    kinds = Kinds(KINDS.drivers, KINDS.access, KINDS.middleware, shelf)
    return read_config(f"{LEAST}middleware: {text}\n", {}, kinds)


def redirect(baseurl: str) -> Reading:
    """Read a file with a redirect to *baseurl*."""
    options = f"{{name: redirect, options: {{baseurl: {baseurl}}}}}"
    return read(f"{LEAST}middleware: {{storage: [{options}]}}\n")


def rewrite(options: str) -> Reading:
    """Read a file with these options of ``rewrite``."""
    return read(f"{LEAST}middleware: {{storage: [{{name: rewrite, options: {options}}}]}}\n")


class ReadMiddlewareTests(SynchronousTestCase):
    """Which middlewares there are."""

    def test_none(self) -> None:
        """Without the section, or with empty lists, there is none, and nobody looks for plug-ins."""
        for text in ("", "{}", "{storage: [], registry: , repository: []}"):
            shelf = Shelf(Plugins())
            config = with_plugins(text, shelf).require().middleware
            self.assertEqual((config.storage, config.registry, config.repository), ((), (), ()))
            self.assertEqual(shelf.looks, 0)

    def test_order(self) -> None:
        """They keep the order of the file, and know their places in it; ours need no plug-ins."""
        shelf = Shelf(Plugins())
        first = "{name: redirect, options: {baseurl: 'https://a'}}"
        reading = with_plugins(f"{{storage: [{first}, {{name: rewrite, options: {{host: b}}}}]}}", shelf)
        rewriting = KINDS.middleware["storage", "rewrite"]
        self.assertEqual(
            reading.require().middleware.storage,
            (
                MiddlewareUse("middleware.storage[0]", "redirect", REDIRECT, RedirectOptions("https://a")),
                MiddlewareUse("middleware.storage[1]", "rewrite", rewriting, RewriteOptions(host="b")),
            ),
        )
        self.assertEqual((reading.warnings, shelf.looks), ((), 0))

    def test_disabled(self) -> None:
        """One that is switched off is not there, whatever else it says; the places of the others stay."""
        text = "{storage: [{name: x, disabled: true}, {name: redirect, options: {baseurl: 'https://a'}}]}"
        [use] = with_plugins(text, Shelf(Plugins())).require().middleware.storage
        self.assertEqual(use.path, "middleware.storage[1]")

    def test_plugins(self) -> None:
        """Names that are not the daemon's are looked for among the plug-ins of their layer, once."""
        shelf = Shelf(Plugins({("registry", "note"): NOTE, ("repository", "note"): NOTE}))
        text = (
            "{registry: [{name: note, options: {text: a}}], repository: [{name: note, options: {text: b}}]}"
        )
        config = with_plugins(text, shelf).require().middleware
        self.assertEqual(
            [use.options for use in (*config.registry, *config.repository)], [Note("a"), Note("b")]
        )
        self.assertEqual(shelf.looks, 1)

    def test_unknown(self) -> None:
        """A name that nobody has is a fault that tells where it stands and which names there are."""
        shelf = Shelf(Plugins({("registry", "note"): NOTE}))
        reading = with_plugins(
            "{storage: [{name: note}], registry: [{name: x}], repository: [{name: y}]}", shelf
        )
        self.assertEqual(
            reading.faults,
            (
                "middleware.storage[0].name: unknown storage middleware 'note', not one of redirect, rewrite",
                "middleware.registry[0].name: unknown registry middleware 'x', not one of note",
                "middleware.repository[0].name: unknown repository middleware 'y', "
                "and no plug-in is installed that has one",
            ),
        )

    def test_broken_plugins(self) -> None:
        """Plug-ins that cannot be used are warned of, and named where a name is not found."""
        broken = {"txregistry.plugins.b": "this plug-in cannot be imported: ImportError: x"}
        shelf = Shelf(Plugins({("registry", "note"): NOTE}, broken))
        told = "txregistry.plugins.b: this plug-in cannot be imported: ImportError: x"
        reading = with_plugins("{registry: [{name: note, options: {text: a}}]}", shelf)
        self.assertEqual((reading.faults, reading.warnings), ((), (told,)))
        reading = with_plugins("{registry: [{name: x}]}", shelf)
        suspect = "not one of note; it may be in txregistry.plugins.b, see the warning"
        self.assertEqual(
            (reading.faults, reading.warnings),
            (
                (f"middleware.registry[0].name: unknown registry middleware 'x', {suspect}",),
                (told,),
            ),
        )

    def test_not_yet(self) -> None:
        """Distribution's other middleware is told from inventions."""
        reading = with_plugins("{storage: [{name: cloudfront, options: {}}]}", Shelf(Plugins()))
        self.assertEqual(reading.faults, ("middleware.storage[0].name: cloudfront: not supported yet",))

    def test_odd_entries(self) -> None:
        """An entry must be a mapping with a name; a layer that does not exist is warned of."""
        reading = with_plugins("{storage: [~, {options: {}}], tags: [{name: x}]}", Shelf(Plugins()))
        self.assertEqual(
            reading.faults,
            (
                "middleware.storage[0]: must be a mapping such as {name: redirect}",
                "middleware.storage[1].name: must be given",
            ),
        )
        self.assertEqual(reading.warnings, ("middleware.tags: unknown key, ignored",))

    def test_unknown_options(self) -> None:
        """An option that a middleware does not know is warned of."""
        reading = rewrite("{host: a, hots: b}")
        told = "middleware.storage[0].options.hots: unknown key, ignored"
        self.assertEqual((reading.faults, reading.warnings), ((), (told,)))

    def test_environment(self) -> None:
        """A list may come from the environment, whole or one entry changed."""
        text = f"{LEAST}middleware: {{storage: [{{name: rewrite, options: {{host: a}}}}]}}\n"
        reading = read(text, {"REGISTRY_MIDDLEWARE_STORAGE_0_OPTIONS_HOST": "b"})
        [use] = reading.require().middleware.storage
        self.assertEqual(use.options, RewriteOptions(host="b"))
        whole = "[{name: redirect, options: {baseurl: 'https://a/'}}]"
        [use] = read(LEAST, {"REGISTRY_MIDDLEWARE_STORAGE": whole}).require().middleware.storage
        self.assertEqual(use.options, RedirectOptions("https://a"))


class RedirectOptionsTests(SynchronousTestCase):
    """The options of ``redirect``."""

    def test_base(self) -> None:
        """Scheme, host and path count; the path is cleaned as distribution 3.1 does it."""
        for text, base in (
            ("https://cdn.example.com", "https://cdn.example.com"),
            ("HTTP://cdn.example.com:8080/", "http://cdn.example.com:8080"),
            ("'http://[::1]:5001/a'", "http://[::1]:5001/a"),
            ("https://a/b/c/", "https://a/b/c"),
            ("https://a//b/../c/./", "https://a/c"),
            ("https://a/../..", "https://a"),
            ("https://a/x%20y%2Fz%5c!", "https://a/x%20y/z%5C%21"),
            ("https://a/é", "https://a/%C3%A9"),
        ):
            reading = redirect(text)
            [use] = reading.require().middleware.storage
            self.assertEqual((use.options, reading.warnings), (RedirectOptions(base), ()), text)

    def test_without_effect(self) -> None:
        """What is not part of the base is warned of."""
        reading = redirect("'https://user:pass@a/b?c=d#e'")
        [use] = reading.require().middleware.storage
        self.assertEqual(use.options, RedirectOptions("https://a/b"))
        place = "middleware.storage[0].options.baseurl: its"
        self.assertEqual(
            reading.warnings,
            tuple(f"{place} {what} has no effect" for what in ("user name", "query", "fragment")),
        )

    def test_faults(self) -> None:
        """Anything but an absolute URL of http or https is a fault."""
        for text, problem in (
            ("/x", "lacks scheme or host"),
            ("cdn.example.com", "lacks scheme or host"),
            ("http:/x", "lacks scheme or host"),
            ("http:///x", "lacks scheme or host"),
            ("ftp://a/", "is neither http nor https"),
            ("'https://a/\\b'", "holds a backslash, which browsers take for a slash"),
            ("'https://a\\.example.com/'", "has a bad host name"),
            ("'https://a<b>/'", "has a bad host name"),
            ('"https://a/\\n"', "holds control characters"),
        ):
            [fault] = redirect(text).faults
            self.assertIn("middleware.storage[0].options.baseurl: must be a URL such as", fault)
            self.assertTrue(fault.endswith(problem), fault)
        for text in ("", "''"):
            self.assertEqual(redirect(text).faults, ("middleware.storage[0].options.baseurl: must be given",))
        [fault] = redirect("[a]").faults[:1]
        self.assertIn("must be text, not a list", fault)


class RewriteOptionsTests(SynchronousTestCase):
    """The options of ``rewrite``."""

    def test_all(self) -> None:
        """Each option has its field."""
        reading = rewrite("{scheme: http, host: 'a:81', trimpathprefix: /b}")
        [use] = reading.require().middleware.storage
        self.assertEqual((use.options, reading.warnings), (RewriteOptions("http", "a:81", "/b"), ()))

    def test_nothing(self) -> None:
        """Without any, it does nothing, which a warning says."""
        place = "middleware.storage[0].options.scheme"
        told = f"{place}: nothing is rewritten without scheme, host or trimpathprefix"
        reading = rewrite("{}")
        self.assertEqual((reading.faults, reading.warnings), ((), (told,)))

    def test_faults(self) -> None:
        """Scheme and host must be such."""
        for options, fault in (
            ("{scheme: ftp}", "scheme: must be http or https, not 'ftp'"),
            ("{host: a/b}", "host: must be a host name with or without a port, not 'a/b'"),
            ("{host: 'a\\b'}", "host: must be a host name with or without a port, not 'a\\\\b'"),
            ("{host: 'u@a'}", "host: must be a host name with or without a port, not 'u@a'"),
        ):
            self.assertEqual(rewrite(options).faults, (f"middleware.storage[0].options.{fault}",))


class PageTests(SynchronousTestCase):
    """The page on middlewares."""

    def test_options(self) -> None:
        """Each middleware has its part, with a row for each option."""
        page = (PAGES / "middleware.md").read_text()
        for (layer, name), reader in MIDDLEWARE_OPTIONS.items():
            self.assertIn(layer, LAYERS)
            cursor = Noting({}, ("middleware", layer, 0, "options"), Findings())
            reader(cursor)
            part = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
            self.assertGreater(len(cursor.asked), 0)
            for key in cursor.asked:
                self.assertIn(f"\n| `{key}` |", part)
