"""Clients that fetch blobs elsewhere."""

from __future__ import annotations

from attrs import frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.contracts.drivers import StorageDriverContract
from tests.fakes.workers import InlineWorkers
from txregistry.drivers.inmemory import InMemoryDriver
from txregistry.interfaces import IStorageDriver, MiddlewareMeans
from txregistry.middleware.redirect import RedirectDriver
from txregistry.middleware.rewrite import RewriteDriver
from txregistry.middleware.table import STORAGE

MEANS = MiddlewareMeans(Clock(), InlineWorkers())


@frozen
class Chosen:
    """The options of all rows."""

    base: str = "https://base"
    scheme: str = "ftp"
    host: str = "host"
    trimpathprefix: str = "/a"


class Pointing(InMemoryDriver):
    """Sends clients to *url*, if there is one."""

    def __init__(self, url: str | None) -> None:
        super().__init__()
        self._url = url

    async def redirect_url(self, path: str, method: str) -> str | None:
        return self._url


class RedirectDriverTests(StorageDriverContract, TestCase):
    """A driver whose content is elsewhere too."""

    def make_driver(self) -> IStorageDriver:
        driver: IStorageDriver = RedirectDriver(InMemoryDriver(), "https://a")
        return driver

    async def test_redirect(self) -> None:
        """Whatever the driver says, clients are sent to the path below the base."""
        for inner in (None, "https://b/c"):
            driver = RedirectDriver(Pointing(inner), "https://a/base")
            for method in ("GET", "HEAD"):
                url = await driver.redirect_url("/docker/x", method)
                self.assertEqual(url, "https://a/base/docker/x")

    def test_name(self) -> None:
        """It goes by the name of the driver."""
        self.assertEqual(RedirectDriver(InMemoryDriver(), "https://a").name, "inmemory")


class RewriteDriverTests(SynchronousTestCase):
    """A driver that sends clients elsewhere than it would."""

    def rewritten(self, url: str | None, scheme: str = "", host: str = "", trim: str = "") -> str | None:
        """What becomes of *url*."""
        driver = RewriteDriver(Pointing(url), scheme, host, trim)
        result: str | None = self.successResultOf(driver.redirect_url("/p", "GET"))
        return result

    def test_parts(self) -> None:
        """Each part is replaced alone; the query stays as it was signed."""
        url = "https://bucket.s3.example.com/root/docker/x%2By?X-Sig=a%2Fb%3D&c="
        for change, expected in (
            ({"scheme": "http"}, "http://bucket.s3.example.com/root/docker/x%2By?X-Sig=a%2Fb%3D&c="),
            ({"host": "cdn:81"}, "https://cdn:81/root/docker/x%2By?X-Sig=a%2Fb%3D&c="),
            ({"trim": "/root"}, "https://bucket.s3.example.com/docker/x%2By?X-Sig=a%2Fb%3D&c="),
            ({"trim": "/root/"}, "https://bucket.s3.example.com/docker/x%2By?X-Sig=a%2Fb%3D&c="),
            ({"trim": "root"}, url),
            ({}, url),
        ):
            self.assertEqual(self.rewritten(url, **change), expected, change)

    def test_user(self) -> None:
        """Who is named in the address stays there, as in distribution."""
        self.assertEqual(self.rewritten("https://u:p@a:1/x", host="b"), "https://u:p@b/x")

    def test_nowhere(self) -> None:
        """Where the driver sends nobody away, nobody is sent away."""
        self.assertIsNone(self.rewritten(None, scheme="https", host="a"))


class TableTests(SynchronousTestCase):
    """The table of middlewares."""

    def test_rows(self) -> None:
        """Each name makes its driver, of all its options."""
        options = Chosen()
        for name, expected in (
            ("redirect", "https://base/p"),
            ("rewrite", "ftp://host/b?c"),
        ):
            driver = STORAGE[name].build(Pointing("http://x/a/b?c"), options, MEANS)
            self.assertEqual(self.successResultOf(driver.redirect_url("/p", "GET")), expected)
        self.assertEqual(len(STORAGE), 2)
