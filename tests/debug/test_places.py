"""How deep stacks are shown."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txregistry.debug.places import DEEPEST, places, threads_page


async def below(depth: int, end: Deferred[None]) -> None:
    """Wait for *end*, so many coroutines further down."""
    if depth:
        await below(depth - 1, end)
    else:
        await end


def page_below(depth: int) -> str:
    """The page of threads, made so many frames further down."""
    return page_below(depth - 1) if depth else threads_page()


class PlacesTests(SynchronousTestCase):
    """Stacks without end do not make pages without end."""

    def test_coroutines(self) -> None:
        """Of coroutines that wait for one another the outermost are shown."""
        for depth, shown in ((2, 3), (DEEPEST - 1, DEEPEST), (DEEPEST * 2, DEEPEST)):
            end: Deferred[None] = Deferred()
            coroutine = below(depth, end)
            waiting = Deferred.fromCoroutine(coroutine)
            found = [place for place in places(coroutine) if place.endswith(" in below")]
            self.assertEqual(len(found), shown)
            end.callback(None)
            self.successResultOf(waiting)

    def test_threads(self) -> None:
        """Of a thread's frames the innermost are shown."""
        name = "in page_below"
        self.assertEqual(page_below(5).count(name), 6)
        text = page_below(2 * DEEPEST)
        self.assertEqual(text.count(name) + text.count("in threads_page"), DEEPEST)
