"""
Link files: small contents that hold nothing but a digest.

What a link says counts, not where it lies: distribution leaves links for
sha512 digests that name the sha256 under which the content is stored.  A link
that cannot be understood, as crashes and full disks leave them, is as good as
none: clients are told that something is missing, and so push it again, which
writes the link anew.  An operator's editor may have ended it with a newline.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from txregistry.errors import ContentTooLarge, LinkInvalid, PathNotFound
from txregistry.interfaces import IStorageDriver
from txregistry.model.digest import Digest, InvalidDigest
from txregistry.model.names import Page
from txregistry.storage import layout
from txregistry.storage.concurrency import concurrently

_log = Logger()

#: How many names an enumeration looks at in storage at the same time.
_WIDTH = 8


async def read_link(driver: IStorageDriver, path: str) -> Digest:
    """
    The digest that the link at *path* holds.

    :raises PathNotFound: there is no link.
    :raises LinkInvalid: which is a :class:`PathNotFound`: it holds something else.
    """
    try:
        content = await driver.get(path, layout.LINK_LIMIT)
        return Digest.parse(content.decode("ascii").removesuffix("\n").removesuffix("\r"))
    except (ContentTooLarge, UnicodeDecodeError, InvalidDigest):
        _log.error("{path} does not hold a digest", path=path)
        raise LinkInvalid(driver.name, path) from None


async def write_link(driver: IStorageDriver, path: str, digest: Digest) -> None:
    """Make the link at *path* hold *digest*, durably."""
    await driver.put(path, str(digest).encode("ascii"))


async def present(driver: IStorageDriver, path: str) -> bool:
    """Whether something is stored at *path* itself."""
    try:
        await driver.stat(path)
    except PathNotFound:
        return False
    return True


async def stored_digests(
    driver: IStorageDriver,
    directory: str,
    algorithm: str,
    content: Callable[[Digest], str],
    after: str,
    limit: int,
) -> Page[Digest]:
    """
    The digests whose encoded parts are names below *directory* and behind *after*.

    :param content: where the content is whose presence makes a digest count:
        deleting it leaves an empty directory on file systems.
    """
    found: list[Digest] = []

    async def checked(digest: Digest) -> Digest | None:
        return digest if await present(driver, content(digest)) else None

    more = True
    while more and len(found) <= limit:
        try:
            page = await driver.list(directory, after, max(1, min(1000, limit + 1 - len(found))))
        except PathNotFound:
            break
        named = (layout.digest_named(algorithm, entry.name) for entry in page.items)
        counted = await concurrently(checked, [digest for digest in named if digest], _WIDTH)
        found += [digest for digest in counted if digest]
        more = page.more
        if page.items:
            after = page.items[-1].name
    return Page(found[:limit], len(found) > limit)
