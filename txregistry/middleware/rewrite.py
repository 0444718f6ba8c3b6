"""Clients are sent elsewhere than the storage would send them."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from twisted.python.components import proxyForInterface

from txregistry.interfaces import IStorageDriver


class RewriteDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """
    Change the addresses that *driver* sends clients to.

    :param scheme: takes the place of theirs, unless it is empty.
    :param host: takes the place of theirs, with or without a port, unless it is empty.
    :param trim: is taken away from the begin of their paths.
    """

    def __init__(self, driver: IStorageDriver, scheme: str, host: str, trim: str) -> None:
        super().__init__(driver)
        self._scheme, self._host, self._trim = scheme, host, trim

    async def redirect_url(self, path: str, method: str) -> str | None:
        """What the driver says, changed; where it sends nobody away, neither does this."""
        inner: str | None = await self._driver.redirect_url(path, method)
        if inner is None:
            return None
        parts = urlsplit(inner)
        trimmed = parts.path.removeprefix(self._trim)
        host = parts.netloc
        if self._host:
            user, at, _ = host.rpartition("@")
            host = f"{user}{at}{self._host}"
        if trimmed and not trimmed.startswith("/"):
            trimmed = f"/{trimmed}"
        return urlunsplit((self._scheme or parts.scheme, host, trimmed, parts.query, parts.fragment))
