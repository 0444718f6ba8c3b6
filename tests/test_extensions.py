"""Middlewares that a configuration may choose."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import frozen
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

import txregistry.plugins
from tests.config.texts import KINDS, LEAST
from tests.fakes.workers import InlineWorkers
from txregistry.config.kinds import Kinds
from txregistry.config.reading import Reading, read_config
from txregistry.config.values import MiddlewareUse
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.errors import BadOption, Misconfigured
from txregistry.extensions import BUILT_IN, Offer, build_beside, build_stack, find_plugins
from txregistry.interfaces import IRepository, IRepositoryMiddleware, IStorageDriver, MiddlewareMeans
from txregistry.middleware.redirect import RedirectDriver

MEANS = MiddlewareMeans(Clock(), InlineWorkers())

HEAD = """
from twisted.plugin import IPlugin
from zope.interface import implementer
from txregistry.errors import BadOption
from txregistry.interfaces import *
"""
PLUGIN = (
    HEAD
    + """
@implementer(IPlugin, {interface})
class Factory:
    name = "{name}"
    def read_options(self, options):
        {read}
    def build(self, inner, options, means):
        return inner

factory = Factory()
"""
)


def plugin(
    name: str, interface: str = "IRegistryMiddlewareFactory", read: str = "return dict(options)"
) -> str:
    """The source of a module with one plug-in."""
    return PLUGIN.format(name=name, interface=interface, read=read)


class PluginCase(SynchronousTestCase):
    """Has a package of plug-ins of its own."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.package = ModuleType(f"plugins_of_{self.id().rpartition('.')[2]}")
        self.package.__path__ = [str(self.directory)]
        sys.modules[self.package.__name__] = self.package
        self.addCleanup(self.forget)

    def forget(self) -> None:
        """Leave no module behind."""
        for name in list(sys.modules):
            if name.partition(".")[0] == self.package.__name__:
                del sys.modules[name]

    def module(self, name: str, source: str) -> str:
        """Write a module of plug-ins, and give its whole name."""
        (self.directory / f"{name}.py").write_text(source)
        invalidate_caches()
        return f"{self.package.__name__}.{name}"

    def read(self, text: str) -> Reading:
        """Read a good file with this middleware section."""
        kinds = Kinds(KINDS.drivers, KINDS.access, BUILT_IN, lambda: find_plugins(self.package))
        return read_config(f"{LEAST}middleware: {text}\n", {}, kinds)


class FindPluginsTests(PluginCase):
    """Which plug-ins there are."""

    def test_none(self) -> None:
        """An empty directory has none, and one that does not exist neither."""
        self.package.__path__ = [str(self.directory), "/nonexistent"]
        found = find_plugins(self.package)
        self.assertEqual((dict(found.kinds), dict(found.broken)), ({}, {}))

    def test_found(self) -> None:
        """Each object that is a plug-in stands under its layer and name; other objects do not count."""
        self.module("a", plugin("x") + "other = Factory\nnumber = 5\n")
        self.module("b", plugin("x", "IRepositoryMiddlewareFactory", "return None").replace("inner, ", ""))
        self.module("c", plugin("y", "IStorageMiddlewareFactory").replace("IPlugin, ", ""))
        found = find_plugins(self.package)
        self.assertEqual(set(found.kinds), {("registry", "x"), ("repository", "x")})
        self.assertEqual(dict(found.broken), {})
        self.assertEqual(found.kinds["registry", "x"].name, "x")

    def test_nothing_is_written(self) -> None:
        """Looking for plug-ins leaves no cache behind, and nothing in the log."""
        self.module("a", plugin("x"))
        with capturedLogs() as events:
            find_plugins(self.package)
        self.assertEqual(events, [])
        self.assertEqual({path.name for path in self.directory.iterdir()} - {"__pycache__"}, {"a.py"})

    def test_broken(self) -> None:
        """A module that cannot be imported, or has half a plug-in, is told in a line; others work."""
        raising = self.module("a", "x = 1\nraise ValueError('two\\nlines')\n")
        leaving = self.module("b", "raise SystemExit(3)\n")
        wrong = self.module("c", "def f(:\n")
        lacking = self.module("d", plugin("x").replace("def build", "def built"))
        nameless = self.module("e", plugin("x").replace('name = "x"', ""))
        self.module("f", plugin("good"))
        found = find_plugins(self.package)
        self.assertEqual(set(found.kinds), {("registry", "good")})
        self.assertEqual(set(found.broken), {raising, leaving, wrong, lacking, nameless})
        self.assertEqual(
            found.broken[raising],
            f"this plug-in cannot be imported: ValueError: two lines ({self.directory / 'a.py'}, line 2)",
        )
        self.assertIn("this plug-in cannot be imported: SystemExit: 3", found.broken[leaving])
        self.assertIn("this plug-in cannot be imported: SyntaxError: ", found.broken[wrong])
        self.assertIn("c.py, line 1", found.broken[wrong])
        for module, missing in ((lacking, "build"), (nameless, "name")):
            self.assertIn("this plug-in cannot be used: BrokenImplementation: ", found.broken[module])
            self.assertIn(missing, found.broken[module])
        self.assertFalse([line for line in found.broken.values() if "\n" in line])

    def test_two_of_a_name(self) -> None:
        """Where two modules offer the same, neither is used."""
        first = self.module("a", plugin("x"))
        second, third = self.module("b", plugin("x")), self.module("c", plugin("x"))
        found = find_plugins(self.package)
        told = f"its registry middleware x is in {first} too, so neither is used"
        self.assertEqual((dict(found.kinds), dict(found.broken)), ({}, {second: told, third: told}))

    def test_package(self) -> None:
        """Plug-ins are looked for wherever Python imports from; none comes with the daemon."""
        ours = Path(txregistry.plugins.__file__).parent
        self.assertEqual(Path(txregistry.plugins.__path__[0]), ours)
        self.assertGreater(len(txregistry.plugins.__path__), 1)
        for place in txregistry.plugins.__path__:
            self.assertEqual(Path(place).parts[-2:], ("txregistry", "plugins"))
        self.assertEqual([path.name for path in ours.glob("*.py")], ["__init__.py"])


class PluginOptionsTests(PluginCase):
    """What a plug-in is told."""

    def options(self, read: str, options: str) -> Reading:
        """Have a plug-in whose reader is *read* read *options*."""
        self.module("a", plugin("x", read=read))
        return self.read(f"{{registry: [{{name: x, options: {options}}}]}}")

    def test_read(self) -> None:
        """It gets plain values, and its answer is what it is built with."""
        reading = self.options("return dict(options)", "{a: 1, b: [c, {d: ~}], e: yes}")
        [use] = reading.require().middleware.registry
        self.assertEqual(use.options, {"a": 1, "b": ["c", {"d": None}], "e": True})
        self.assertEqual((use.path, use.name, reading.warnings), ("middleware.registry[0]", "x", ()))

    def test_no_options(self) -> None:
        """Without options it gets none."""
        self.module("a", plugin("x", read="return len(options)"))
        [use] = self.read("{registry: [{name: x}]}").require().middleware.registry
        self.assertEqual(use.options, 0)

    def test_unknown(self) -> None:
        """A key that it did not ask for is warned of."""
        reading = self.options("return 'b' in options and options.get('a', 5)", "{a: 1, b: 2, c: 3}")
        told = "middleware.registry[0].options.c: unknown key, ignored"
        self.assertEqual((reading.faults, reading.warnings), ((), (told,)))

    def test_faults(self) -> None:
        """What it complains of is told with the place, what it fails by too."""
        place = "middleware.registry[0].options"
        for number, (read, fault) in enumerate(
            (
                ("raise BadOption('a', 'must be odd')", f"{place}.a: must be odd"),
                ("raise BadOption('', 'a needs b')", f"{place}: a needs b"),
                ("return options['z']", f"{place}: the middleware x fails to read them: KeyError: 'z'"),
            )
        ):
            self.module(f"m{number}", plugin(f"x{number}", read=read))
            reading = self.read(f"{{registry: [{{name: x{number}, options: {{a: 1, b: 2}}}}]}}")
            [told] = reading.faults
            self.assertTrue(told.startswith(fault.replace(" x ", f" x{number} ")), told)
            if "BadOption" in read:
                self.assertEqual(reading.warnings, ())


@implementer(IRepositoryMiddleware)
class Nothing:
    """Wraps nothing."""

    def wrap(self, inner: IRepository, caller: object) -> IRepository:
        """Give it back."""
        return inner


@frozen
class Building:
    """Builds what a test says, or fails as it says."""

    outcome: Any

    def __call__(self, *given: object) -> object:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def use(outcome: object, index: int = 0, layer: str = "storage") -> MiddlewareUse:
    """One that builds *outcome*."""
    kind = Offer("x", lambda cursor: None, Building(outcome))
    return MiddlewareUse(f"middleware.{layer}[{index}]", "x", kind)


class BuildTests(SynchronousTestCase):
    """Middlewares that are built."""

    def test_stack(self) -> None:
        """Each wraps the one before it."""
        inner = InMemoryDriver()
        kinds: Mapping[tuple[str, str], Offer] = BUILT_IN
        uses: list[MiddlewareUse] = []
        for name, options in (("redirect", {"baseurl": "https://a"}), ("rewrite", {"host": "b"})):
            text = f"{{storage: [{{name: {name}, options: {options}}}]}}"
            reading = read_config(
                f"{LEAST}middleware: {text}\n", {}, Kinds(KINDS.drivers, KINDS.access, kinds)
            )
            uses += reading.require().middleware.storage
        built = build_stack("storage", uses, inner, MEANS)
        self.assertEqual(len(built), 2)
        verifyObject(IStorageDriver, built[1])
        self.assertEqual(self.successResultOf(built[0].redirect_url("/x", "GET")), "https://a/x")
        self.assertEqual(self.successResultOf(built[1].redirect_url("/x", "GET")), "https://b/x")
        self.assertEqual(build_stack("storage", [], inner, MEANS), [])

    def test_beside(self) -> None:
        """Those of repositories are built of their options alone."""
        one, other = Nothing(), Nothing()
        built = build_beside([use(one, layer="repository"), use(other, 1, "repository")], MEANS)
        self.assertEqual(built, [one, other])

    def test_faults(self) -> None:
        """What cannot be built, or is something else, is a line with its place."""
        for outcome, fault in (
            (BadOption("url", "nobody answers"), "middleware.storage[1].options.url: nobody answers"),
            (BadOption("", "a needs b"), "middleware.storage[1].options: a needs b"),
            (Misconfigured("somewhere: else"), "somewhere: else"),
            (5, "middleware.storage[1]: x built no IStorageDriver, but int"),
        ):
            error = self.assertRaises(
                Misconfigured, build_stack, "storage", [use(InMemoryDriver()), use(outcome, 1)], None, MEANS
            )
            self.assertEqual(error.faults, (fault,))
        error = self.assertRaises(
            Misconfigured, build_stack, "storage", [use(OSError("no\nway"))], None, MEANS
        )
        [fault] = error.faults
        self.assertTrue(
            fault.startswith("middleware.storage[0]: x cannot be built: OSError: no way ("), fault
        )

    def test_built_in(self) -> None:
        """Those that come with the daemon are known by their names."""
        self.assertIsInstance(
            BUILT_IN["storage", "redirect"].build(InMemoryDriver(), _Base("https://a"), MEANS), RedirectDriver
        )


@frozen
class _Base:
    base: str
