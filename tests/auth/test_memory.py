"""Tests for the memory of credentials."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txregistry.auth.memory import CredentialMemory


class CredentialMemoryTests(SynchronousTestCase):
    """Sixty seconds, three credentials."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.memory: CredentialMemory[str] = CredentialMemory(self.clock.seconds, 60, 3)

    def test_lifetime(self) -> None:
        """What is remembered is there until its lifetime is over, however often it is asked for."""
        key = self.memory.key("alice:password")
        self.assertIsNone(self.memory.get(key))
        self.memory.put(key, "alice")
        for _ in range(6):
            self.clock.advance(10)
            self.assertEqual(self.memory.get(key), "alice")
        self.clock.advance(0.1)
        self.assertIsNone(self.memory.get(key))
        self.assertEqual(len(self.memory), 0)

    def test_clock_set_back(self) -> None:
        """A clock that is set back makes nothing live longer."""
        key = self.memory.key("x")
        self.memory.put(key, "x")
        self.clock.rightNow -= 30
        self.assertIsNone(self.memory.get(key))

    def test_size(self) -> None:
        """The oldest go first; what is put once more is young again."""
        keys = [self.memory.key(str(number)) for number in range(4)]
        for number in (0, 1, 2, 0, 3):
            self.memory.put(keys[number], str(number))
        self.assertEqual([self.memory.get(key) for key in keys], ["0", None, "2", "3"])

    def test_weight(self) -> None:
        """A heavy one takes the place of several, and leaves it when it goes, in whichever way."""
        keys = [self.memory.key(str(number)) for number in range(4)]

        def known() -> str:
            return "".join(self.memory.get(key) or "-" for key in keys)

        self.memory.put(keys[0], "0")
        self.memory.put(keys[1], "1", 2)
        self.assertEqual(known(), "01--")
        self.memory.put(keys[2], "2", 2)
        self.assertEqual(known(), "--2-")
        self.memory.put(keys[2], "2")
        self.memory.put(keys[3], "3", 2)
        self.assertEqual(known(), "--23")
        self.clock.advance(61)
        self.assertEqual(known(), "----")
        self.memory.put(keys[0], "0", 3)
        self.assertEqual(known(), "0---")
        self.memory.put(keys[1], "1", 4)
        self.assertEqual(known(), "----")

    def test_clear(self) -> None:
        """All can be forgotten at once, and leave their room to others."""
        for weight in (3, 1, 2):
            self.memory.put(self.memory.key("x"), "x", weight)
            self.assertEqual(self.memory.get(self.memory.key("x")), "x")
            self.memory.clear()
            self.assertIsNone(self.memory.get(self.memory.key("x")))
        for text in "abc":
            self.memory.put(self.memory.key(text), text)
        self.assertEqual(len(self.memory), 3)

    def test_keys(self) -> None:
        """A key says nothing of the credential, and is another one in another memory; any text will do."""
        other: CredentialMemory[str] = CredentialMemory(self.clock.seconds, 60, 3)
        for text in ("alice:password", "", "\udcff", "\0"):
            self.assertEqual(self.memory.key(text), self.memory.key(text))
            self.assertNotEqual(self.memory.key(text), other.key(text))
        self.assertNotIn("password", repr(vars(self.memory)))
