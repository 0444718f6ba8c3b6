"""How often mails may go out."""

from __future__ import annotations

from collections import deque

#: Seconds from one mail to the next.
APART = 60.0
#: Mails in an hour.
HOURLY = 12
_HOUR = 3600.0


class Pace:
    """Knows when the last mails went out, and so when the next one may."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque(maxlen=HOURLY)

    def sent(self, now: float) -> None:
        """One is sent *now*, or at least tried to."""
        self._sent.append(now)

    def wait(self, now: float, apart: float = APART) -> float:
        """Seconds from *now* until one more may be sent, *apart* from the last one."""
        if not self._sent:
            return 0.0
        soonest = self._sent[-1] + apart
        if len(self._sent) == HOURLY:
            soonest = max(soonest, self._sent[0] + _HOUR)
        return max(0.0, soonest - now)
