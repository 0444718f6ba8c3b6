"""Who wants what: resources, actions, and what a request needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from attrs import field, frozen


@frozen(slots=True)
class Access:
    """One right, in the words of the token specification: do *action* on the *name* of *type*."""

    type: str
    name: str
    action: str


_NO_CLASSES: Mapping[str, frozenset[str]] = MappingProxyType({})


@frozen(slots=True)
class Grant:
    """
    What an access controller found out.

    :ivar user: who asks; empty when nobody in particular.
    :ivar reads_everything: whoever it is may pull from every repository there is.
    :ivar classes: by repository, the classes of content that the rights in it are for
        (see :mod:`txregistry.model.policy`); repositories that are not named know no classes.
    """

    user: str = ""
    reads_everything: bool = False
    classes: Mapping[str, frozenset[str]] = field(factory=lambda: _NO_CLASSES)


CATALOG = (Access("registry", "catalog", "*"),)


def needed(method: str, name: str, mount_from: str = "") -> tuple[Access, ...]:
    """
    The rights that a request on the repository *name* needs, in distribution's order.

    :param mount_from: the repository that a cross-repository mount reads, or empty.
    """
    if method in ("GET", "HEAD"):
        actions: tuple[str, ...] = ("pull",)
    elif method in ("POST", "PUT", "PATCH"):
        actions = ("pull", "push")
    elif method == "DELETE":
        actions = ("delete",)
    else:
        actions = ()
    wanted = tuple(Access("repository", name, action) for action in actions)
    if mount_from:
        wanted += (Access("repository", mount_from, "pull"),)
    return wanted


def scopes(wanted: Sequence[Access]) -> str:
    """
    *wanted* in one text, as challenges and the log have it: ``repository:a:pull,push repository:b:pull``.

    Resources stand in the order of their first mention, and so do the actions on each.
    """
    actions: dict[str, dict[str, None]] = {}
    for access in wanted:
        actions.setdefault(f"{access.type}:{access.name}", {})[access.action] = None
    return " ".join(f"{resource}:{','.join(found)}" for resource, found in actions.items())


_UNPRINTABLE = re.compile(r"[^ !#-\[\]-~]")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """*text* as a quoted string in ``WWW-Authenticate``: plain ASCII, all else escaped as Go does it."""

    def escape(match: re.Match[str]) -> str:
        found = match[0]
        code = ord(found)
        if found in _ESCAPES:
            return _ESCAPES[found]
        if code < 0x80:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return f'"{_UNPRINTABLE.sub(escape, text)}"'
