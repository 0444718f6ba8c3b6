"""The pages on configuration."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import txregistry
from tests.config.texts import LEAST, read
from tests.strategies_config import FIXED_PLACES
from txregistry.config.auth import AUTH_OPTIONS, SIGNING_ALGORITHMS
from txregistry.config.cursor import Cursor
from txregistry.config.decoding import Value
from txregistry.config.findings import Findings


class Noting(Cursor):
    """Notes which keys it is asked for."""

    def __init__(self, values: dict[str, Value], path: tuple[str | int, ...], findings: Findings) -> None:
        super().__init__(values, path, findings)
        self.asked: set[str] = set()

    def raw(self, key: str) -> Value:
        self.asked.add(key)
        return super().raw(key)


PAGES = Path(txregistry.__file__).resolve().parent.parent / "docs" / "configuration"
EXAMPLE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class PageTests(SynchronousTestCase):
    """What the pages say holds."""

    def test_examples(self) -> None:
        """Each example is good, and free of warnings."""
        examples = [
            example for page in sorted(PAGES.glob("*.md")) for example in EXAMPLE.findall(page.read_text())
        ]
        self.assertGreater(len(examples), 5)
        for example in examples:
            missing = [
                line for line in LEAST.splitlines() if f"\n{line.split(':')[0]}:" not in f"\n{example}"
            ]
            reading = read("\n".join(missing) + "\n" + example)
            self.assertEqual(((), ()), (reading.faults, reading.warnings), example)

    def test_keys(self) -> None:
        """Each supported key has a row on the page of its section."""
        for place in FIXED_PLACES:
            page = (PAGES / f"{place[0]}.md").read_text()
            self.assertIn(f"\n| `{'.'.join(place)}` |", page)

    def test_auth_keys(self) -> None:
        """So has each key of each kind of access control, and each algorithm."""
        page = (PAGES / "auth.md").read_text()
        for kind, reader in AUTH_OPTIONS.items():
            cursor = Noting({}, ("auth", kind), Findings())
            reader(cursor)
            for key in cursor.asked:
                self.assertIn(f"\n| `auth.{kind}.{key}` |", page)
        for algorithm in SIGNING_ALGORITHMS:
            self.assertIn(f"`{algorithm}`", page)

    def test_index(self) -> None:
        """The index leads to every page."""
        index = (PAGES / "index.md").read_text()
        for page in PAGES.glob("*.md"):
            if page.name != "index.md":
                self.assertIn(f"({page.name})", index)
