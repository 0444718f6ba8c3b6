"""Clients fetch blobs from a server that has the same content, such as a CDN before the storage."""

from __future__ import annotations

from twisted.python.components import proxyForInterface

from txregistry.interfaces import IStorageDriver


class RedirectDriver(proxyForInterface(IStorageDriver, "_driver")):  # type: ignore[misc]
    """
    Send clients to *base* for whatever *driver* holds, whether or not that knows an address itself.

    :param base: a URL without a slash at its end, before the driver's paths.
    """

    def __init__(self, driver: IStorageDriver, base: str) -> None:
        super().__init__(driver)
        self._base = base

    async def redirect_url(self, path: str, method: str) -> str | None:
        """*path* below the base."""
        return f"{self._base}{path}"
