"""Which descriptor cache the whole registry gets."""

from __future__ import annotations

import subprocess
import sys

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.certificates import Authority
from tests.fakes.repository import MemoryBlobs
from tests.test_assembly import config_of
from txregistry.assembly import Daemon, assemble
from txregistry.assembly.storing import descriptor_cache
from txregistry.cache.encryption import Encryption
from txregistry.cache.link import RedisLink
from txregistry.config.values import Config
from txregistry.model.names import RepositoryName
from txregistry.threads import Workers

REDIS = "redis: {addr: '127.0.0.1:6379'}"


def links(daemon: Daemon) -> list[RedisLink]:
    """The ways to Redis among the daemon's services."""
    return [service for service in daemon if isinstance(service, RedisLink)]


class DescriptorCacheTests(SynchronousTestCase):
    """What stands between a request and the storage."""

    def test_redis(self) -> None:
        """A cache in Redis has a way to it, which opens with the daemon and not before."""
        for storage in ("inmemory: {}", "filesystem: {}"):
            reactor = MemoryReactorClock()
            config = config_of(storage=f"{storage}, cache: {{blobdescriptor: redis}}", rest=REDIS)
            (link,) = links(assemble(config, reactor))
            self.assertEqual(reactor.tcpClients, [])
            link.startService()
            self.addCleanup(link.stopService)
            self.assertEqual(len(reactor.tcpClients), 1)

    def test_reload(self) -> None:
        """What encrypts the way to Redis is read again with the configuration."""
        reloads = []

        async def reload(encryption: Encryption) -> bool:
            reloads.append(encryption)
            return True

        self.patch(Encryption, "reload", reload)

        async def take_over(daemon: Daemon, config: Config) -> None:
            await daemon.take_over(config)

        ca = Authority.root().write(self.mktemp())
        for tls, count in ((f", tls: {{rootcas: [{ca}]}}", 1), ("", 0)):
            redis = f"redis: {{addr: '127.0.0.1:6379'{tls}}}"
            config = config_of(storage="inmemory: {}, cache: {blobdescriptor: redis}", rest=redis)
            daemon = assemble(config, MemoryReactorClock())
            self.assertEqual(reloads, [])
            self.successResultOf(take_over(daemon, config))
            self.assertEqual(len(reloads), count)
            del reloads[:]

    def test_unused(self) -> None:
        """A Redis that nobody uses is not connected to."""
        for cache in ("", "cache: {blobdescriptor: inmemory}"):
            config = config_of(storage=f"inmemory: {{}}, {cache}", rest=REDIS)
            self.assertEqual(links(assemble(config, MemoryReactorClock())), [])

    def test_not_loaded(self) -> None:
        """Whoever has no Redis does not load what speaks to it."""
        program = (
            "import sys, txregistry.assembly; sys.exit(bool({'txredisapi', 'hiredis'} & set(sys.modules)))"
        )
        self.assertEqual(subprocess.run([sys.executable, "-c", program], check=False).returncode, 0)

    def test_drivers(self) -> None:
        """Before a driver that remembers as well as we could, nothing is remembered in memory."""
        name, reactor = RepositoryName("a"), MemoryReactorClock()
        for storage, cached in (("filesystem: {}", False), ("inmemory: {}", True)):
            config = config_of(storage=f"{storage}, cache: {{blobdescriptor: inmemory}}")
            wrap, _, _ = descriptor_cache(config, reactor, None, Workers(reactor, 1))
            blobs = MemoryBlobs(name, {})
            digest = blobs.add(b"content").digest
            for _ in range(2):
                self.successResultOf(wrap(name, blobs).stat(digest))
            self.assertEqual(blobs.stats, 1 if cached else 2, storage)
