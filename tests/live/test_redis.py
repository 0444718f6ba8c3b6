"""The descriptor cache in a real Redis, alone and together with Debian's daemon."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hiredis import Reader
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tests.certificates import Authority
from tests.contracts.cache import DescriptorCacheContract
from tests.live.case import LiveTestCase
from tests.live.processes import free_port, remove_tree, wait_for
from tests.live.redis import Monitor, RedisServer, Sentinel
from tests.live.registries import Registry, start_docker_registry
from txregistry.cache.link import Login, RedisLink
from txregistry.cache.metering import Unmetered
from txregistry.cache.reaching import redis_link
from txregistry.cache.redis import RedisDescriptorCache
from txregistry.config.addresses import Address
from txregistry.config.values import RedisConfig
from txregistry.interfaces import IDescriptorCache
from txregistry.model.digest import Digest

GONE = "the descriptor cache is not used"
BACK = "the descriptor cache is used again"
USED = "using redis blob descriptor cache"


def settings(redis: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """What makes a daemon of either kind remember in Redis."""
    return {"storage": {"cache": {"blobdescriptor": "redis"}}, "redis": dict(redis)}


class RedisCase(LiveTestCase):
    """Starts Redis, and daemons that use it."""

    def redis(self, *options: str, client: tuple[str, ...] = ()) -> RedisServer:
        server = RedisServer(self.directory(), options, client)
        self.addCleanup(server.end)
        return server

    def ours(self, redis: Mapping[str, object], storage: Path | None = None, used: bool = True) -> Registry:
        """Start our daemon, and wait for it to have found Redis."""
        registry = self.registry(storage, settings=settings(redis))
        if used:
            wait_for(lambda: USED in registry.output(), "the cache to be used")
        return registry

    def debians(self, redis: Mapping[str, object], storage: Path) -> Registry:
        registry = start_docker_registry(storage, self.directory(), settings=settings(redis))
        self.addCleanup(registry.program.terminate)
        return registry

    def monitor(self, server: RedisServer) -> Monitor:
        monitor = server.monitor()
        self.addCleanup(monitor.end)
        return monitor

    def push(self, registry: Registry, content: bytes = b"content", name: str = "a/b") -> str:
        digest = str(Digest.of(content))
        location = registry.wire.start_upload(name)
        joint = "&" if "?" in location else "?"
        answer = registry.wire.request("PUT", f"{location}{joint}digest={digest}", content)
        self.assertEqual(answer.status, 201)
        return digest

    def remembers(self, server: RedisServer, digest: str) -> None:
        """Wait until Redis has an entry, which nobody waits for who answers a client."""
        wait_for(
            lambda: server.cli("sismember", "repository::a/b::blobs", digest) == "1", "an entry to be written"
        )

    def head(self, registry: Registry, digest: str, name: str = "a/b") -> int:
        return registry.wire.request("HEAD", f"/v2/{name}/blobs/{digest}").status

    def delete(self, registry: Registry, digest: str, name: str = "a/b") -> int:
        return registry.wire.request("DELETE", f"/v2/{name}/blobs/{digest}").status


class RedisTests(RedisCase):
    """One daemon and its Redis."""

    def test_remembered(self) -> None:
        """What Redis knows is not asked of the storage, and is forgotten when it turns out to be gone."""
        server = self.redis()
        registry = self.ours({"addr": server.address})
        digest = self.push(registry)
        remove_tree(registry.storage)
        self.assertEqual(self.head(registry, digest), 200)
        answer = registry.wire.request("GET", f"/v2/a/b/blobs/{digest}")
        self.assertEqual(answer.status, 404)
        self.assertEqual(self.head(registry, digest), 404)
        server.cli("flushdb")
        self.assertEqual(self.head(registry, digest), 404)

    def test_stopped_and_started(self) -> None:
        """Without Redis all works, deletions too; when it is back it is used, and two lines tell of it."""
        server = self.redis()
        registry = self.ours({"addr": server.address})
        kept, gone = self.push(registry, b"kept"), self.push(registry, b"gone")
        server.end()
        for digest in (kept, gone):
            self.assertEqual(self.head(registry, digest), 200)
        self.assertEqual(self.delete(registry, gone), 202)
        self.assertEqual(self.head(registry, gone), 404)
        self.push(registry, b"pushed meanwhile")
        server.restart()
        wait_for(lambda: BACK in registry.output(), "Redis to be back")
        self.assertEqual(self.head(registry, kept), 200)
        self.remembers(server, kept)
        self.assertEqual((registry.output().count(GONE), registry.output().count(BACK)), (1, 1))

    def test_hung(self) -> None:
        """While Redis hangs, one moment is lost, and not one for each request; deletions reach it later."""
        server = self.redis()
        registry = self.ours({"addr": server.address})
        kept, gone = self.push(registry, b"kept"), self.push(registry, b"gone")
        server.hang()
        began = time.monotonic()
        for _ in range(100):
            self.assertEqual(self.head(registry, kept), 200)
        self.assertEqual(self.delete(registry, gone), 202)
        self.assertLess(time.monotonic() - began, 20)  # half a second each would be 50
        self.assertEqual(self.head(registry, gone), 404)
        self.assertEqual(registry.output().count(GONE), 1)
        server.wake()
        self.remembers(server, kept)
        wait_for(lambda: BACK in registry.output(), "Redis to be back")
        self.assertEqual(server.cli("sismember", "repository::a/b::blobs", gone), "0")
        self.assertEqual(self.head(registry, gone), 404)

    def test_never_there(self) -> None:
        """A daemon starts without Redis, and finds it later."""
        server = self.redis()
        server.end()
        registry = self.ours({"addr": server.address}, used=False)
        digest = self.push(registry)
        self.assertEqual(self.head(registry, digest), 200)
        server.restart()
        wait_for(lambda: BACK in registry.output(), "Redis to be found")
        self.assertEqual(self.head(registry, digest), 200)
        self.remembers(server, digest)

    def test_replica(self) -> None:
        """A replica takes no deletions, so it is not used, until it is a master."""
        server = self.redis()
        server.cli("replicaof", "127.0.0.1", "1")
        registry = self.ours({"addr": server.address}, used=False)
        self.assertEqual(self.head(registry, self.push(registry)), 200)
        wait_for(lambda: "READONLY" in registry.output(), "the reason to be told")
        server.cli("replicaof", "no", "one")
        wait_for(lambda: BACK in registry.output(), "the replica to be used")

    def test_out_of_memory(self) -> None:
        """A Redis without memory costs nothing but what it cannot remember."""
        server = self.redis("--maxmemory", "1", "--maxmemory-policy", "noeviction")
        registry = self.ours({"addr": server.address})
        digest = self.push(registry)
        self.assertEqual(self.head(registry, digest), 200)
        self.assertEqual(self.delete(registry, digest), 202)
        self.assertEqual(self.head(registry, digest), 404)
        self.assertNotIn(GONE, registry.output())

    def test_password_and_database(self) -> None:
        """The password, the user and the database are those of the configuration."""
        server = self.redis("--requirepass", "secret", client=("-a", "secret", "-n", "3"))
        for who in ({"password": "secret"}, {"username": "default", "password": "secret"}):
            server.cli("flushall")
            registry = self.ours({"addrs": [server.address], "db": 3, "clientname": "registry", **who})
            self.push(registry)
            self.assertEqual(len(server.keys()), 3)
            self.assertIn("name=registry", server.cli("client", "list"))

    def test_wrong_password(self) -> None:
        """With a wrong password all works without Redis, the log says why, and never the password."""
        server = self.redis("--requirepass", "secret", client=("-a", "secret"))
        registry = self.ours({"addr": server.address, "password": "mistaken"}, used=False)
        self.assertEqual(self.head(registry, self.push(registry)), 200)
        wait_for(lambda: "WRONGPASS" in registry.output(), "the reason to be told")
        self.assertNotIn("mistaken", registry.output())
        self.assertEqual(server.keys(), [])

    def test_tls(self) -> None:
        """A Redis behind TLS is spoken to if its certificate is good, and shown ours."""
        directory, authority = self.directory(), Authority.root()
        ca = authority.write(directory)
        certificate, key = authority.server().write(directory, "server")
        shown, shown_key = authority.client().write(directory, "client")
        # both ports: the plain one is for the test
        server = self.redis()
        tls_port = free_port()
        files = {"tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": ca}
        for name, value in files.items():
            server.cli("config", "set", name, value)
        server.cli("config", "set", "tls-port", str(tls_port))
        address = f"127.0.0.1:{tls_port}"
        tls = {"rootcas": [ca], "certificate": shown, "key": shown_key}
        registry = self.ours({"addrs": [address], "tls": tls})
        self.push(registry)
        self.assertEqual(len(server.keys()), 3)
        for bad in ({"rootcas": [ca]}, {"rootcas": [Authority.root("Other").write(directory, "other")]}):
            registry = self.ours({"addrs": [address], "tls": bad}, used=False)
            self.assertEqual(self.head(registry, self.push(registry)), 200)
            wait_for(lambda registry=registry: GONE in registry.output(), "Redis to be left alone")  # type: ignore[misc]

    def test_new_authority(self) -> None:
        """Files that were exchanged count from SIGHUP on, with the next connection."""
        directory, other = self.directory(), Authority.root("Other")
        certificate, key = other.server().write(directory, "server")
        ca = Authority.root().write(directory)
        server = self.redis()
        tls_port = free_port()
        for name, value in (("cert-file", certificate), ("key-file", key), ("ca-cert-file", ca)):
            server.cli("config", "set", f"tls-{name}", value)
        server.cli("config", "set", "tls-auth-clients", "no")
        server.cli("config", "set", "tls-port", str(tls_port))
        tls = {"addrs": [f"127.0.0.1:{tls_port}"], "tls": {"rootcas": [ca]}}
        registry = self.ours(tls, used=False)
        wait_for(lambda: GONE in registry.output(), "Redis to be left alone")
        other.write(directory)
        registry.program.send(signal.SIGHUP)
        wait_for(lambda: BACK in registry.output(), "Redis to be used")
        self.push(registry)
        self.assertEqual(len(server.keys()), 3)

    def test_sentinel(self) -> None:
        """When the master fails, the one that takes its place is found, and told what was deleted."""
        master = self.redis()
        replica = self.redis("--replicaof", "127.0.0.1", str(master.port))
        sentinel = Sentinel(self.directory(), master, "mymaster")
        self.addCleanup(sentinel.program.kill)
        registry = self.ours({"addrs": ["127.0.0.1:1", sentinel.address], "mastername": "mymaster"})
        kept, gone = self.push(registry, b"kept"), self.push(registry, b"gone")
        wait_for(lambda: sentinel.replicas("mymaster") == 1, "the sentinel to know of the replica")
        wait_for(lambda: replica.cli("dbsize") == "5", "the replica to have all")
        master.end()
        self.assertEqual(self.delete(registry, gone), 202)
        wait_for(lambda: sentinel.master("mymaster") == replica.port, "another master")
        wait_for(lambda: BACK in registry.output(), "the new master to be used")
        self.assertEqual(replica.cli("sismember", "repository::a/b::blobs", gone), "0")
        self.assertEqual(self.head(registry, gone), 404)
        self.assertEqual(self.head(registry, kept), 200)


class SharedRedisTests(RedisCase):
    """Our daemon and Debian's, with one storage and one Redis."""

    def setUp(self) -> None:
        self.server = self.redis()
        storage = self.directory() / "storage"
        redis = {"addr": self.server.address}
        self.mine, self.theirs = self.ours(redis, storage), self.debians(redis, storage)

    def test_read_by_both(self) -> None:
        """What one has cached the other answers from, though the storage has it no more."""
        for pusher, reader in ((self.mine, self.theirs), (self.theirs, self.mine)):
            digest = self.push(pusher, b"by %d" % pusher.port)
            remove_tree(self.mine.storage)
            self.assertEqual((self.head(reader, digest), self.head(pusher, digest)), (200, 200))

    def test_same_commands(self) -> None:
        """Both say the same to Redis for a push, a miss and a hit."""
        monitor = self.monitor(self.server)
        seen = []
        for number, registry in enumerate((self.mine, self.theirs)):
            name, content = f"n{number}", b"content %d" % number
            digest = self.push(registry, content, name)
            pushed = monitor.commands()
            self.assertEqual(self.head(registry, digest, name), 200)
            hit = monitor.commands()
            self.server.cli("flushdb")
            monitor.commands()
            self.assertEqual(self.head(registry, digest, name), 200)
            missed = monitor.commands()
            plain = [_plain(commands, name, digest) for commands in (pushed, hit, missed)]
            seen.append(plain)
        mine, theirs = seen
        hit = mine[1]
        self.assertEqual([words[0] for words in hit], ["SISMEMBER", "HMGET", "HGET"])
        self.assertEqual(mine[0], mine[2][3:])
        self.assertEqual(mine[2], [*hit, *mine[0]])  # all three are asked for at once
        # Debian's asks several times for one answer, and for the blob alone as well, and tells that alone
        # before; but it says nothing else.
        for ours, other in zip(mine, theirs, strict=True):
            self.assertEqual(_told(ours), _told(other))
            self.assertLessEqual({tuple(words) for words in other}, {tuple(words) for words in mine[2]})
        self.assertEqual(theirs[1][:3], hit)

    def test_deleted_here(self) -> None:
        """What is deleted here is unknown there at once, and stays so after others warm the cache."""
        for name in ("a/b", "c/d"):
            digest = self.push(self.mine, name=name)
        for name in ("a/b", "c/d"):
            self.assertEqual(self.head(self.theirs, digest, name), 200)
        self.assertEqual(self.delete(self.mine, digest), 202)
        self.assertEqual(self.head(self.theirs, digest), 404)
        for registry in (self.mine, self.theirs):
            self.assertEqual(self.head(registry, digest, "c/d"), 200)
        for registry in (self.mine, self.theirs):
            self.assertEqual(self.head(registry, digest), 404)

    def test_deleted_there(self) -> None:
        """What is deleted there is unknown here at once."""
        digest = self.push(self.mine)
        self.assertEqual(self.head(self.mine, digest), 200)
        self.assertEqual(self.delete(self.theirs, digest), 202)
        self.assertEqual(self.head(self.mine, digest), 404)


WRITES = ("SADD", "HMSET", "HSETNX", "HSET")


def _told(commands: list[list[str]]) -> list[list[str]]:
    """The first time that an entry is written."""
    written = [words for words in commands if words[0] in WRITES]
    names = [words[0] for words in written]
    begin = names.index("SADD") if written else 0
    return written[begin : begin + 4]


def _plain(commands: list[list[str]], name: str, digest: str) -> list[list[str]]:
    """What is the same in the commands of two daemons about two repositories."""
    return [[word.replace(name, "NAME").replace(digest, "DIGEST") for word in words] for words in commands]


@implementer(IStreamClientEndpoint)
class BlockingEndpoint:
    """Leads to a real server, whose replies are there when a command has been written."""

    def __init__(self, port: int) -> None:
        self._port = port

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        protocol = protocolFactory.buildProtocol(IPv4Address("TCP", "127.0.0.1", self._port))
        assert protocol is not None
        transport: Any = BlockingTransport(socket.create_connection(("127.0.0.1", self._port)), protocol)
        protocol.makeConnection(transport)
        return succeed(protocol)


class BlockingTransport:
    """Writes, and waits for as many replies as commands were written."""

    disconnecting = False

    def __init__(self, connection: socket.socket, protocol: IProtocol) -> None:
        self._connection, self._protocol = connection, protocol
        self._commands, self._replies = Reader(), Reader()

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)
        self._commands.feed(data)
        received = b""
        while self._commands.gets() is not False:
            while self._replies.gets() is False:
                more = self._connection.recv(65536)
                self._replies.feed(more)
                received += more
        self._protocol.dataReceived(received)

    def abortConnection(self) -> None:
        self._connection.close()


class RealRedisContractTests(DescriptorCacheContract, RedisCase):
    """The whole contract, kept with a real Redis."""

    def make_cache(self) -> IDescriptorCache:
        clock = Clock()
        link = RedisLink(clock, BlockingEndpoint(self.redis().port), Login(), 1.0)
        link.startService()
        self.addCleanup(link.stopService)
        self.assertTrue(link.usable)
        return RedisDescriptorCache(link, clock, Unmetered())


class RealRedisLinkTests(TestCase):
    """The way to Redis, as a reactor drives it."""

    timeout = 60

    def setUp(self) -> None:
        directory = Path(self.mktemp()).resolve()
        self.server = RedisServer(directory)
        self.addCleanup(self.server.end)
        config = RedisConfig((Address("127.0.0.1", self.server.port),))
        self.link: RedisLink = redis_link(config, reactor, None)
        self.link.startService()
        self.addCleanup(self.link.stopService)

    def usable(self) -> Deferred[None]:
        """Fires when Redis has been found."""

        async def look() -> None:
            while not self.link.usable:
                await deferLater(reactor, 0.01)

        return Deferred.fromCoroutine(look())

    def test_too_many_deletions(self) -> Deferred[None]:
        """When everything has to go, the sets of all repositories do, and nothing else."""
        self.server.cli("set", "of::others", "x")
        script = "for i = 1, 3000 do redis.call('sadd', 'repository::m' .. i .. '::blobs', 'x') end"
        self.server.cli("eval", script, "0")

        async def ask() -> None:
            await self.usable()
            self.link._clearings.add_all()
            conversation = self.link._conversation
            assert conversation is not None
            conversation.give_up("for the test")
            await self.usable()
            self.assertEqual(self.server.keys(), ["of::others"])

        return Deferred.fromCoroutine(ask())
