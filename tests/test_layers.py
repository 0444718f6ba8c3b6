"""The import rule: which part of the package may know which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

PACKAGE = Path(__file__).parent.parent / "txregistry"

#: Rooms never import each other.
ROOMS = frozenset(
    (
        "web",
        "storage",
        "drivers",
        "cache",
        "middleware",
        "auth",
        "notifications",
        "proxy",
        "health",
        "maintenance",
    )
)
#: What everybody may import.
COMMON = frozenset(("model", "errors", "interfaces", "aftermath", "files", "endpoints", "_version", ""))

#: Part of the package -> what it may import beside itself.
ALLOWED: dict[str, frozenset[str]] = {
    "model": frozenset(("", "_version")),
    "errors": frozenset(("model",)),
    "interfaces": frozenset(("model", "errors")),
    "aftermath": frozenset(("errors",)),
    "config": frozenset(("model",)),
    "threads": COMMON,
    "heap": frozenset(),
    "files": frozenset(),
    "endpoints": frozenset(),
    "metrics": COMMON,
    "callers": frozenset(),
    "log": frozenset(("model", "callers", "")),
    "mailing": COMMON | {"log"},
    "lines": frozenset(),
    "tls": COMMON,
    "listening": COMMON | {"web", "tls"},
    "debug": COMMON | {"web", "metrics", "threads", "listening", "heap"},
    "plugins": frozenset(),
    "extensions": COMMON | {"config", "middleware", "plugins"},
    "assembly": COMMON
    | ROOMS
    | {
        "debug",
        "extensions",
        "heap",
        "metrics",
        "config",
        "log",
        "lines",
        "mailing",
        "threads",
        "tls",
        "listening",
    },
    "tap": COMMON | {"heap", "config", "assembly", "lines", "reloading", "signals", "systemd"},
    "reloading": COMMON | {"config"},
    "signals": frozenset(),
    "systemd": frozenset(),
    "command": COMMON | {"config", "assembly", "tap"},
    "_version": frozenset(),
    "": frozenset(("_version",)),
    **{room: COMMON | {"metrics"} for room in ROOMS},
}


def part_of(module: str) -> str:
    """The first part below the package: ``txregistry.web.app`` is in ``web``."""
    return module.split(".")[1] if "." in module else ""


def module_of(path: Path) -> str:
    """The dotted name of the module at *path*."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str) -> Iterator[str]:
    """The modules of the package that *source* imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
            if node.module == "txregistry":
                names = [f"txregistry.{alias.name}" for alias in node.names if alias.name != "__version__"]
        elif isinstance(node, ast.ImportFrom):
            names = ["relative import"]
        yield from (name for name in names if name.split(".")[0] in ("txregistry", "relative import"))


class LayerTests(SynchronousTestCase):
    """Every import in the package is allowed by the table."""

    def test_imports(self) -> None:
        """No module reaches past what its part may know."""
        faults = []
        for path in sorted(PACKAGE.rglob("*.py")):
            part = part_of(module_of(path))
            for name in imports(path.read_text(encoding="utf-8")):
                target = part_of(name)
                if target != part and target not in ALLOWED[part]:
                    faults.append(f"{path.relative_to(PACKAGE.parent)} imports {name}")
        self.assertEqual(faults, [])

    def test_a_forbidden_import_is_seen(self) -> None:
        """The walk finds plain, from- and nested imports."""
        source = "def f():\n    from txregistry.web import app\nimport txregistry.storage.tags\n"
        self.assertEqual(sorted(imports(source)), ["txregistry.storage.tags", "txregistry.web"])

    def test_global_reactor_only_in_tap(self) -> None:
        """Nothing but ``tap`` imports the reactor that runs; it is handed to everybody else."""
        faults = [
            str(path.relative_to(PACKAGE.parent))
            for path in sorted(PACKAGE.rglob("*.py"))
            if path.name != "tap.py" and "import reactor" in path.read_text(encoding="utf-8")
        ]
        self.assertEqual(faults, [])
