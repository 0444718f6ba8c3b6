"""Who wants what: resources, actions, and what a request needs."""

from __future__ import annotations

from attrs import frozen


@frozen(slots=True)
class Access:
    """One right, in the words of the token specification: do *action* on the *name* of *type*."""

    type: str
    name: str
    action: str


@frozen(slots=True)
class Grant:
    """
    What an access controller found out.

    :ivar user: who asks; empty when nobody in particular.
    :ivar reads_everything: whoever it is may pull from every repository there is.
    """

    user: str = ""
    reads_everything: bool = False


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
