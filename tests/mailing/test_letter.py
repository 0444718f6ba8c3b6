"""How a mail is written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.mailing.making import WHEN, entry, parsed
from txregistry.log import Entry
from txregistry.mailing.batch import KEPT, Batch
from txregistry.mailing.letter import LONGEST, ROOM, SUBJECT, letter

HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]
NASTY = (
    "a\r\nBcc: victim@example.com",
    "a\nBcc: victim@example.com\n\nbody",
    "=?utf-8?q?a=0D=0ABcc:_victim?=",
    "=?utf-8?b?YQ0KQmNjOiB2aWN0aW0=?= é",
    "a\x00\x1b[2J\u2028Bcc: x\x85\ud800",
    "\r\n.\r\nMAIL FROM:<x@y>",
)


def written(*entries: Entry) -> bytes:
    """The mail about some entries."""
    batch = Batch()
    for each in entries:
        batch.add(each)
    return letter(
        batch, "mail.example.com", "registry@example.com", ["a@example.com", "root"], WHEN + timedelta(days=1)
    )


def body(*entries: Entry) -> str:
    """The text of that mail."""
    return str(parsed(written(*entries)).get_content())


class LetterTests(SynchronousTestCase):
    """What a reader sees."""

    def test_headers(self) -> None:
        """Who, to whom, when, and in the subject level, host and message as distribution has them."""
        mail = parsed(written(entry("no space left")))
        self.assertEqual(mail.keys(), HEADERS)
        self.assertEqual(mail["From"], "registry@example.com")
        self.assertEqual(mail["To"], "a@example.com, root")
        self.assertEqual(mail["Subject"], "[error] mail.example.com: no space left")
        self.assertEqual(mail["Date"].datetime, WHEN.replace(microsecond=0) + timedelta(days=1))
        self.assertTrue(str(mail["Message-ID"]).endswith("@example.com>"))

    def test_body(self) -> None:
        """Message, time and level, and a line for each field, in order."""
        text = body(entry("no space left", b=True, a="x y", http__response__status=507))
        self.assertEqual(
            text,
            "no space left\ntime: 2026-05-01T10:20:30.045+00:00\nlevel: error\n"
            "a: x y\nb: true\nhttp.response.status: 507\n",
        )

    def test_structure(self) -> None:
        """A field that is a structure is shown as JSON."""
        self.assertIn('err.detail: {"n": [1, "x"]}\n', body(entry(err__detail={"n": [1, "x"]})))

    def test_several(self) -> None:
        """Each different entry has its part, and the subject says how many more there are."""
        entries = [entry("a", after=1), entry("b", level="fatal"), entry("a", after=2)]
        self.assertEqual(
            body(*entries),
            "a\ntime: 2026-05-01T10:20:31.045+00:00\n"
            "times: 2, the last one at 2026-05-01T10:20:32.045+00:00\nlevel: error\n\n"
            "b\ntime: 2026-05-01T10:20:30.045+00:00\nlevel: fatal\n",
        )
        self.assertEqual(parsed(written(*entries))["Subject"], "[error] mail.example.com: a (and 2 more)")

    def test_too_many(self) -> None:
        """What is not told is counted."""
        text = body(*(entry(f"entry {number}") for number in range(KEPT + 123)))
        self.assertIn(f"entry {KEPT - 1}\n", text)
        self.assertNotIn(f"entry {KEPT}\n", text)
        self.assertTrue(text.endswith("\n\nand 123 more\n"))

    def test_too_long(self) -> None:
        """Long values are cut, and so is a long mail."""
        text = body(entry("m" * 10_000, a="v" * 10_000))
        self.assertEqual((text.count("m") > LONGEST, len(text) < 2 * LONGEST + 500), (True, True))
        self.assertIn("… (5904 characters more)", text)
        fields: Any = {f"f{number}": "v" * LONGEST for number in range(10)}
        entries = [entry(f"{number}", **fields) for number in range(KEPT)]
        text = body(*entries)
        self.assertLess(len(text), ROOM + 50_000)
        told = text.count("level: error")
        self.assertTrue(text.endswith(f"\n\nand {KEPT - told} more\n"))
        self.assertLess(len(str(parsed(written(entry("s" * 999)))["Subject"])), SUBJECT + 50)

    def test_traceback(self) -> None:
        """The lines of a value are lines, and none of them looks like a field or an entry."""
        text = body(entry("x\nlevel: fine", err__stack="File\n\tline\n\nlevel: fine"))
        self.assertIn("err.stack: File\n    \\tline\n    \n    level: fine\n", text)
        self.assertEqual([line for line in text.splitlines() if line.startswith("level:")], ["level: error"])

    def test_dots(self) -> None:
        """A dot that begins a line, be it of one that was broken, arrives, and begins none on the way."""
        for message in (".", ".x", ".\nx", "." * 300):
            mail = written(entry(message, a="." * 300))
            self.assertEqual([line for line in mail.split(b"\n") if line.startswith(b".")], [])
            text = str(parsed(mail).get_content())
            self.assertTrue(text.startswith(message.replace("\n", "\n    ") + "\ntime: "), text)
            self.assertTrue(text.endswith("\na: " + "." * 300 + "\n"), text)

    def test_other_letters(self) -> None:
        """Whatever is not ASCII arrives as it is."""
        mail = parsed(written(entry("Größe ✓", a="日本")))
        self.assertEqual(mail["Subject"], "[error] mail.example.com: Größe ✓")
        self.assertIn("a: 日本\n", mail.get_content())

    def test_injection(self) -> None:
        """Nothing that an entry says makes a header."""
        for text in NASTY:
            mail = parsed(written(Entry(WHEN, "error", text, {text: text})))
            self.assertEqual(mail.keys(), HEADERS, text)
            self.assertNotIn("\n", mail["Subject"])
            self.assertEqual(mail["To"], "a@example.com, root")

    @given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
    def test_any_text(self, message: str, fields: dict[str, str]) -> None:
        """Whatever is said: the same headers, ASCII lines of a bounded length, none beginning with a dot."""
        mail = written(Entry(WHEN, "error", message, fields))
        self.assertEqual(parsed(mail).keys(), HEADERS)
        self.assertNotIn(b"\r", mail)
        self.assertNotIn(b"\n.", mail)
        self.assertTrue(mail.isascii())
        self.assertLess(max(map(len, mail.splitlines())), 400)
        text = str(parsed(mail).get_content())
        lines = [line for line in text.split("\n") if not line.startswith("    ")]
        self.assertEqual(len(lines), 4 + len(fields))
