"""The section ``redis``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.addresses import Address
from txregistry.config.reading import Reading
from txregistry.config.values import RedisConfig, RedisTlsConfig

HERE, THERE = Address("localhost", 6379), Address("::1", 26379)


def reading(redis: str) -> Reading:
    """Read a section."""
    return read(f"{LEAST}redis: {redis}\n")


class ReadRedisTests(SynchronousTestCase):
    """Which Redis there is."""

    def good(self, redis: str) -> RedisConfig | None:
        """Read a section without fault or warning."""
        result = reading(redis)
        self.assertEqual(((), ()), (result.faults, result.warnings))
        return result.require().redis

    def warned(self, redis: str) -> tuple[RedisConfig | None, tuple[str, ...]]:
        """Read a section without fault, and give the warnings too."""
        result = reading(redis)
        return result.require().redis, result.warnings

    def test_none(self) -> None:
        """Without an address there is no Redis, whatever else is said of it."""
        for redis in ("", "{}", "{addr: ''}", "{addrs: []}", "{password: p, db: 1, pool: {maxidle: 16}}"):
            self.assertIsNone(self.good(redis))

    def test_address(self) -> None:
        """Either generation's key names it."""
        for redis in ("{addr: 'localhost:6379'}", "{addrs: ['localhost:6379']}"):
            self.assertEqual(RedisConfig((HERE,)), self.good(redis))
        self.assertEqual(
            RedisConfig((HERE,)), self.good("{addr: 'localhost:6379', addrs: ['localhost:6379']}")
        )

    def test_container(self) -> None:
        """The names that docker gives to containers are good."""
        self.assertEqual(
            RedisConfig((Address("project_redis_1", 6379),)), self.good("{addr: 'project_redis_1:6379'}")
        )

    def test_two_addresses(self) -> None:
        """If both do, and differ, the newer counts."""
        self.assertEqual(
            (RedisConfig((THERE,)), ("redis.addr: has no effect, since addrs is given",)),
            self.warned("{addr: 'localhost:6379', addrs: ['[::1]:26379']}"),
        )

    def test_bad_address(self) -> None:
        """An address has a host and a port."""
        for text in ("bad host:1", "a..b:1", "localhost", ":6379", "localhost:", "/run/redis.sock"):
            self.assertEqual(("redis.addr: must be host:port",), reading(f"{{addr: '{text}'}}").faults)
            faults = reading(f"{{addrs: ['{text}', 'localhost:1'], mastername: m}}").faults
            self.assertEqual(("redis.addrs[0]: must be host:port",), faults)

    def test_cluster(self) -> None:
        """Several addresses without a master's name are a cluster, and refused with one line."""
        (fault,) = reading("{addrs: ['localhost:6379', '[::1]:26379']}").faults
        self.assertTrue(
            fault.startswith("redis.addrs: several addresses without mastername are a Redis cluster")
        )

    def test_sentinels(self) -> None:
        """With a master's name they are sentinels."""
        self.assertEqual(
            RedisConfig((HERE, THERE), mastername="m", sentinelusername="u", sentinelpassword="p"),
            self.good(
                "{addrs: ['localhost:6379', '[::1]:26379'], mastername: m, sentinelusername: u, "
                "sentinelpassword: p}"
            ),
        )

    def test_who(self) -> None:
        """User, password, database and the client's name are passed on; secrets are not shown."""
        config = self.good("{addr: 'localhost:6379', username: u, password: 007, db: 3, clientname: c}")
        self.assertEqual(RedisConfig((HERE,), username="u", password="007", db=3, clientname="c"), config)
        self.assertNotIn("007", repr(config))

    def test_bad_database(self) -> None:
        """Databases are counted from 0."""
        self.assertEqual(
            ("redis.db: must not be negative or huge, not -1",),
            reading("{addr: 'localhost:6379', db: -1}").faults,
        )

    def test_timeouts(self) -> None:
        """Timeouts are as given; nothing and less mean the default, and writing takes as long as reading."""
        self.assertEqual(
            RedisConfig((HERE,), dialtimeout=3, readtimeout=0.01, writetimeout=0.02),
            self.good("{addr: 'localhost:6379', dialtimeout: 3s, readtimeout: 10ms, writetimeout: 20ms}"),
        )
        self.assertEqual(
            RedisConfig((HERE,), readtimeout=0.01, writetimeout=0.01),
            self.good("{addr: 'localhost:6379', readtimeout: 10ms, dialtimeout: 0, writetimeout: -1ns}"),
        )

    def test_long_timeouts(self) -> None:
        """A request does not wait longer than a second for a cache."""
        self.assertEqual(
            (
                RedisConfig((HERE,), readtimeout=0.5, writetimeout=0.5),
                (
                    "redis.readtimeout: taken as 0.5s, since requests wait for it",
                    "redis.writetimeout: taken as 0.5s, since requests wait for it",
                ),
            ),
            self.warned("{addr: 'localhost:6379', readtimeout: 3s, writetimeout: 3s}"),
        )

    def test_underway(self) -> None:
        """What limits connections elsewhere limits questions under way here, the smallest first."""
        for redis, limit in [
            ("pool: {maxactive: 64}", 64),
            ("pool: {maxactive: 0}", 1000),
            ("poolsize: 20, maxactiveconns: 10", 10),
            ("poolsize: 20, pool: {maxactive: -1}", 20),
        ]:
            self.assertEqual(
                RedisConfig((HERE,), underway=limit), self.good(f"{{addr: 'localhost:6379', {redis}}}")
            )

    def test_tls(self) -> None:
        """Any key of TLS switches it on."""
        for tls, expected in [
            ("{rootcas: [/a, /b]}", RedisTlsConfig(rootcas=("/a", "/b"))),
            ("{certificate: /c, key: /k}", RedisTlsConfig("/c", "/k")),
            ("{certificate: '', rootcas: []}", None),
        ]:
            self.assertEqual(
                RedisConfig((HERE,), tls=expected), self.good(f"{{addr: 'localhost:6379', tls: {tls}}}")
            )

    def test_half_a_certificate(self) -> None:
        """A certificate without its key, or the reverse, is not shown, but the connection is encrypted."""
        for given, other in (("certificate", "key"), ("key", "certificate")):
            self.assertEqual(
                (
                    RedisConfig((HERE,), tls=RedisTlsConfig()),
                    (f"redis.tls.{given}: has no effect without tls.{other}",),
                ),
                self.warned(f"{{addr: 'localhost:6379', tls: {{{given}: /c}}}}"),
            )

    def test_empty_authority(self) -> None:
        """An authority is a file."""
        self.assertEqual(
            ("redis.tls.rootcas[0]: must be the path of a file",),
            reading("{addr: 'localhost:6379', tls: {rootcas: ['']}}").faults,
        )

    def test_without_effect(self) -> None:
        """Each key that cannot have an effect is told once."""
        for keys, warned in [
            ("protocol: 3", "protocol"),
            ("maxretries: 3", "maxretries"),
            ("minretrybackoff: 8ms", "minretrybackoff"),
            ("maxretrybackoff: 8ms", "maxretrybackoff"),
            ("pooltimeout: 1s", "pooltimeout"),
            ("poolfifo: true", "poolfifo"),
            ("minidleconns: 1", "minidleconns"),
            ("maxidleconns: 1", "maxidleconns"),
            ("connmaxidletime: 1s", "connmaxidletime"),
            ("connmaxlifetime: 1s", "connmaxlifetime"),
            ("maxredirects: 1", "maxredirects"),
            ("readonly: true", "readonly"),
            ("routebylatency: true", "routebylatency"),
            ("routerandomly: true", "routerandomly"),
            ("identitysuffix: x", "identitysuffix"),
            ("unstableresp3: true", "unstableresp3"),
            ("contexttimeoutenabled: true", "contexttimeoutenabled"),
            ("pool: {maxidle: 16}", "pool.maxidle"),
            ("pool: {idletimeout: 300s}", "pool.idletimeout"),
        ]:
            config, warnings = self.warned(f"{{addr: 'localhost:6379', {keys}}}")
            self.assertEqual(RedisConfig((HERE,)), config)
            self.assertEqual(1, len(warnings), keys)
            self.assertTrue(warnings[0].startswith(f"redis.{warned}: has no effect, since "), warnings)

    def test_said_by_default(self) -> None:
        """What only says the default is no news."""
        self.good("{addr: 'localhost:6379', poolfifo: false, maxretries: 0, disableidentity: true}")
