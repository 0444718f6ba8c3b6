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

    def test_clear(self) -> None:
        """All can be forgotten at once."""
        self.memory.put(self.memory.key("x"), "x")
        self.memory.clear()
        self.assertIsNone(self.memory.get(self.memory.key("x")))

    def test_keys(self) -> None:
        """A key says nothing of the credential, and is another one in another memory; any text will do."""
        other: CredentialMemory[str] = CredentialMemory(self.clock.seconds, 60, 3)
        for text in ("alice:password", "", "\udcff", "\0"):
            self.assertEqual(self.memory.key(text), self.memory.key(text))
            self.assertNotEqual(self.memory.key(text), other.key(text))
        self.assertNotIn("password", repr(vars(self.memory)))
