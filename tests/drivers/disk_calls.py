"""Seeing, and spoiling, what is asked of the operating system."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.python.monkey import MonkeyPatcher
from twisted.trial.unittest import SynchronousTestCase

_WATCHED = ("fsync", "fdatasync", "replace", "rename", "mkdir", "rmdir", "unlink", "ftruncate")


class DiskCalls:
    """
    Notes the calls that change files or directories below *root*, in order,
    as ``fsync /a/link``, and can make any call of :mod:`os` fail.

    :param case: the test, at whose end everything is as before.
    """

    def __init__(self, case: SynchronousTestCase, root: str) -> None:
        self._case = case
        self._root = os.path.abspath(root)
        self.seen: list[str] = []
        for name in _WATCHED:
            self.watch(name)

    def watch(self, name: str) -> None:
        """Note the successful calls of ``os.name``, too."""
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            subjects = arguments[: 2 if name in ("replace", "rename") else 1]
            paths = [self._path(subject) for subject in subjects]
            result = real(*arguments, **named)
            if paths[0] is not None:
                self.seen.append(" ".join([name, *map(str, paths)]))
            return result

        self._case.patch(os, name, call)

    def fail(self, name: str, number: int, when: Callable[[str], bool] = lambda path: True) -> MonkeyPatcher:
        """
        Make calls of ``os.name`` fail with the error *number*, on paths for
        which *when* is true.

        :return: with :meth:`MonkeyPatcher.restore`, to let them succeed again.
        """
        real = getattr(os, name)

        def call(subject: Any, *arguments: Any, **named: Any) -> Any:
            path = self._path(subject)
            if path is not None and when(path):
                raise OSError(number, os.strerror(number), path)
            return real(subject, *arguments, **named)

        patcher: MonkeyPatcher = self._case.patch(os, name, call)
        return patcher

    def take(self) -> list[str]:
        """What was noted since the last time."""
        seen, self.seen = self.seen, []
        return seen

    def _path(self, subject: int | str) -> str | None:
        """The driver path of a file name or a descriptor, the root as ``/``; None outside of the root."""
        path = os.readlink(f"/proc/self/fd/{subject}") if isinstance(subject, int) else subject
        path = os.path.abspath(path)
        if path == self._root:
            return "/"
        if path == os.path.dirname(self._root):
            return "above the root"
        if not path.startswith(self._root + "/"):
            return None
        path = path[len(self._root) :]
        return path[:-41] + ".TMP" if path.endswith(".tmp") else path


def open_descriptors() -> dict[str, str]:
    """The descriptors of this process, and what they are."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # the one with which the directory was listed
    return found
