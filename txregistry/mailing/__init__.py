"""Entries of the log that go out as mail: ``log.hooks``."""
