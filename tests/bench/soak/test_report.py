"""Tests for :mod:`bench.soak.report`."""

import json
from datetime import date

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from bench.soak.report import Report, plot
from bench.soak.samples import Sample, Survey
from bench.soak.verdict import Check
from tests.bench.test_report import MACHINE

GAUGES = {"txregistry_connections": 3.0, "txregistry_manifest_memory_bytes": 3.0 * 2**20}
SAMPLE = Sample(0.0, 70 * 2**20, 12, 9, 1.0, GAUGES)
REPORT = Report(
    machine=MACHINE,
    day=date(2030, 1, 2),
    seconds=100.0,
    clients=9,
    encrypted=True,
    idle=SAMPLE,
    samples=[
        SAMPLE,
        *(evolve(SAMPLE, at=at, cpu=11.0) for at in (50.0, 75.0)),
        evolve(SAMPLE, at=100.0, cpu=26.0),
    ],
    rested=evolve(SAMPLE, at=160.0),
    statuses={200: 900.0, 404: 100.0},
    done={"image pushed": 7},
    events={"Redis stopped": 2},
    surveys=[Survey(0.0, 10 * 2**20, 5, 123456, 2**21), Survey(60.0, 20 * 2**20, 6, 234567, 2**22)],
    checks=[Check("promises broken", "0", "0", True)],
    problems=[],
)


class PlotTests(SynchronousTestCase):
    """Figures as letters."""

    def test_rise(self) -> None:
        """What is higher is drawn higher, from left to right, and the axis begins at zero."""
        drawn = plot([(0.0, 1.0), (1.0, 2.0), (2.0, 4.0)], width=3, height=4).splitlines()
        self.assertEqual(["  #", "  #", " ##", "###"], [row.partition("|")[2] for row in drawn[:4]])
        self.assertEqual("     4.0 |  #", drawn[0])
        self.assertEqual("     0.0 +---", drawn[4])

    def test_gap(self) -> None:
        """Where nothing was measured nothing is drawn, and peaks are not averaged away."""
        drawn = plot([(0.0, 1.0), (0.1, 4.0), (9.0, 4.0)], width=3, height=1).splitlines()
        self.assertEqual("# #", drawn[0].partition("|")[2])

    def test_one(self) -> None:
        """A single value has a picture, too."""
        self.assertIn("#", plot([(5.0, 3.0)]))


class ReportTests(SynchronousTestCase):
    """All of it."""

    def test_text(self) -> None:
        """It ends with the verdict, names what went wrong, and has rates and sizes of the right moments."""
        text = REPORT.text()
        self.assertTrue(text.endswith("passed"))
        self.assertIn("1000 answers (10 a second), the daemon used 25 % of a core", text)
        self.assertIn(
            "50 s      70.0         3.0     2.0    123456           12        9            3       10\n", text
        )
        self.assertIn(
            "rested      70.0         3.0     4.0    234567           12        9            3       20\n",
            text,
        )
        failed = evolve(
            REPORT, checks=[Check("promises broken", "1", "0", False)], problems=["a blob is lost"]
        )
        self.assertTrue(failed.text().endswith("PROBLEM: a blob is lost\n\nFAILED"))

    def test_short(self) -> None:
        """A short run says that it proves nothing about memory, and how memory moved; a long one does not."""
        self.assertIn("too short", REPORT.text())
        self.assertIn("+0.00 MiB a minute", REPORT.markdown())
        for text in (evolve(REPORT, seconds=1800.0).text(), evolve(REPORT, seconds=1800.0).markdown()):
            self.assertNotIn("too short", text)

    def test_json(self) -> None:
        """Programs get every sample and every check."""
        said = json.loads(REPORT.json())
        self.assertEqual([0.0, 50.0, 75.0, 100.0], [each["at"] for each in said["samples"]])
        self.assertEqual("promises broken", said["checks"][0]["title"])

    def test_markdown(self) -> None:
        """The page says when, where, and what; nothing is left to fill in."""
        page = REPORT.markdown()
        for words in (
            "2030-01-02",
            "2 cores",
            "(Fast CPU)",
            "passwords, TLS, a",
            "image pushed 7",
            "| held |",
        ):
            self.assertIn(words, page)
        self.assertNotIn("{", page)
        self.assertNotIn("TLS", evolve(REPORT, encrypted=False).markdown())
