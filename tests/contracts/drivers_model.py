"""The contract of storage drivers, in one sentence: they are dictionaries."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.contracts.stored import paths_below
from txregistry.interfaces import IStorageDriver

if TYPE_CHECKING:
    _SynchronousCase = SynchronousTestCase
else:  # mixed in beside it
    _SynchronousCase = object

T = TypeVar("T")

_PREFIXES = ("/a", "/a/ab", "/a/ab/b", "/ab")
_PATHS = st.builds(
    lambda prefix, name: f"{prefix}/{name}", st.sampled_from(_PREFIXES), st.sampled_from("xyz")
)
_CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _PATHS, st.binary(max_size=4)),
        st.tuples(st.just("append"), _PATHS, st.binary(max_size=4)),
        st.tuples(st.just("commit"), _PATHS, _PATHS),
        st.tuples(st.just("delete"), st.one_of(_PATHS, st.sampled_from(_PREFIXES)), st.none()),
    ),
    max_size=25,
)


class StorageDriverModel(_SynchronousCase):
    """
    Any sequence of calls has the effect that it has on a dictionary; mix in
    beside a ``SynchronousTestCase``, for a driver that never waits.
    """

    def make_driver(self) -> IStorageDriver:
        """A driver that stores nothing yet."""
        raise NotImplementedError

    def test_like_a_dictionary(self) -> None:
        """After any calls the driver stores, and lists page by page, exactly what a dictionary would."""

        @settings(max_examples=60, deadline=None)
        @given(_CALLS, st.integers(min_value=1, max_value=4))
        def check(calls: list[tuple[str, str, Any]], limit: int) -> None:
            driver, model = self.make_driver(), dict[str, bytes]()
            for name, path, argument in calls:
                self._apply(driver, model, name, path, argument)
            self.assertEqual(sorted(self._now(paths_below(driver, "/", limit))), sorted(model))
            for path, content in model.items():
                self.assertEqual(self._now(driver.get(path, 1000)), content)

        check()

    def _apply(
        self, driver: IStorageDriver, model: dict[str, bytes], name: str, path: str, argument: Any
    ) -> None:
        if name == "put":
            self._now(driver.put(path, argument, durable=False))
            model[path] = argument
        elif name == "append" and path in model:
            writer = self._now(driver.writer(path))
            self._now(writer.write([argument]))
            self._now(writer.close())
            model[path] += argument
        elif name == "commit" and path in model:
            self._now(self._now(driver.writer(path)).commit(argument))
            model[argument] = model.pop(path)
        elif name == "delete" and (gone := [key for key in model if f"{key}/".startswith(f"{path}/")]):
            self._now(driver.delete(path))
            for key in gone:
                del model[key]

    def _now(self, call: Coroutine[Deferred[Any], Any, T]) -> T:
        return self.successResultOf(Deferred.fromCoroutine(call))
