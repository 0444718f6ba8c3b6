"""The requests that run: whose they are, how far they have come, and what they wait for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from time import time
from typing import Any

from twisted.internet.interfaces import IReactorTime

from txregistry.debug.places import places
from txregistry.web.body import Body
from txregistry.web.counting import running
from txregistry.web.request import RegistryRequest
from txregistry.web.shield import left_alone
from txregistry.web.site import RegistrySite

#: Requests that are shown, those that run for longest.
SHOWN = 1000
#: Query parameters whose values are no secrets.
_HARMLESS = frozenset(("artifactType", "digest", "digest-algorithm", "from", "last", "mount", "n", "tag"))
#: Characters of a path that are shown.
_LENGTH = 400


def requests_page(site: RegistrySite, clock: IReactorTime) -> str:
    """What goes on in *site*, the longest running first, with what each request's coroutine waits for."""
    found = {id(request): request for request in running(site)}
    without = 0
    for work in site.serving:
        if isinstance(work, RegistryRequest):
            found[id(work)] = work
        elif left_alone(work):
            without += 1
    requests = sorted(found.values(), key=lambda request: request.started)
    idle = sum(1 for channel in site.connections if channel.idle)
    lines = [
        f"{len(requests)} requests run; {without} pieces of work outlive their requests",
        f"{len(site.connections)} connections, {idle} of them idle",
        f"{site.budget.held} bytes of request bodies wait in memory",
    ]
    if len(requests) > SHOWN:
        lines.append(f"the {SHOWN} that run for longest:")
    for request in requests[:SHOWN]:
        lines += ["", *_described(request, clock.seconds())]
    return "\n".join(lines) + "\n"


def _described(request: RegistryRequest, now: float) -> Iterator[str]:
    age = max(0.0, now - request.started)
    since = datetime.fromtimestamp(time() - age, UTC).isoformat(timespec="milliseconds")
    body: Any = request.body
    announced = "" if body.length is None else f" of {body.length}"
    port = getattr(request.client, "port", None)
    client = request.client_host() or "-"
    yield f"{request.id}  {age:.3f} s  {_plain(request.method.decode('latin-1'))} {shown_uri(request.uri)}"
    yield (
        f"    client {f'[{client}]' if ':' in client else client}{'' if port is None else f':{port}'}"
        f"  user {_plain(request.user_name) or '-'}  since {since}  route {request.handler or '-'}"
    )
    yield f"    received {body.received}{announced}  sent {request.sentLength}  state: {state(request)}"
    for place in places(request.answering):
        yield f"        {place}"


def state(request: RegistryRequest) -> str:
    """What *request* is about."""
    body = request.body
    if request.gone:
        return "its client has left, and its work goes on"
    if request.startedWriting:
        slow = request.channel is not None and request.channel.takes_nothing()
        return "answering, its client takes nothing" if slow else "answering"
    if isinstance(body, Body) and not body.complete:
        if body.paused:
            return "working, more than enough of its body has come"
        return "waiting for its body" if body.wanted else "working, its body is not asked for yet"
    return "working"


def shown_uri(uri: bytes) -> str:
    """*uri* without the values of query parameters that may be secrets, such as ``_state``."""
    path, mark, query = uri.decode("latin-1").partition("?")
    pairs = []
    for pair in query.split("&") if mark else ():
        name, equals, _ = pair.partition("=")
        pairs.append(pair if name in _HARMLESS or not equals else f"{name}=...")
    return _plain(path + mark + "&".join(pairs))


def _plain(text: str) -> str:
    """*text* on one line and not endless, whatever a client put into it."""
    if len(text) > _LENGTH:
        text = text[:_LENGTH] + "..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
