"""The form of the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

DOCS = Path(__file__).parent.parent / "docs"
#: The line between the head of a table and its rows.
RULE = re.compile(r"(\|\s*:?-+:?\s*)+\|")
CELL_END = re.compile(r"(?<!\\)\|")


def tables(text: str) -> Iterator[list[str]]:
    """Runs of lines that look like rows, outside of examples."""
    run: list[str] = []
    fenced = False
    for line in [*text.splitlines(), ""]:
        fenced ^= line.startswith("```")
        if line.startswith("|") and not fenced:
            run.append(line)
        elif run:
            yield run
            run = []


class TableTests(SynchronousTestCase):
    """Tables are shown as tables."""

    def test_rows(self) -> None:
        """Each row belongs to a table with a head, and has as many cells as that."""
        found = 0
        for page in sorted(DOCS.rglob("*.md")):
            for head, *rows in tables(page.read_text()):
                found += 1
                self.assertTrue(rows and RULE.fullmatch(rows[0]), f"{page.name}: no head above {head}")
                for row in rows:
                    cells = len(CELL_END.findall(head)), len(CELL_END.findall(row))
                    self.assertEqual(cells[0], cells[1], f"{page.name}: {row}")
        self.assertGreater(found, 20)
