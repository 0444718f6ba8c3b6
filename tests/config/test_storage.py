"""The section ``storage``."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import read
from txregistry.config.drivers import InMemoryOptions
from txregistry.config.reading import Reading
from txregistry.config.values import DescriptorCacheConfig, StorageConfig, UploadPurgingConfig

DEFAULTS = StorageConfig("inmemory", InMemoryOptions())


def reading(storage: str) -> Reading:
    """Read a storage section."""
    return read(f"version: 0.1\nstorage: {storage}\nhttp: {{addr: ':0'}}\n")


class ReadStorageTests(SynchronousTestCase):
    """Where content lives, and what may be done with it."""

    def good(self, more: str) -> StorageConfig:
        """Read keys beside the driver, without fault or warning."""
        result = reading(f"{{inmemory: , {more}}}")
        self.assertEqual(((), ()), (result.faults, result.warnings))
        return result.require().storage

    def bad(self, more: str) -> tuple[str, ...]:
        """Read keys beside the driver, and give the faults."""
        return reading(f"{{inmemory: , {more}}}").faults

    def test_driver_by_name(self) -> None:
        """A driver without parameters can be named alone."""
        self.assertEqual(DEFAULTS, reading("inmemory").require().storage)

    def test_driver_with_other_keys(self) -> None:
        """The keys that are no drivers may stand beside it, even empty."""
        self.assertEqual(DEFAULTS, self.good("cache: , delete: , maintenance: , tag: "))

    def test_no_driver(self) -> None:
        """Without a driver nothing can be stored."""
        for storage in ("", "{}", "''", "{delete: {enabled: true}}", "cache", "{tag: {concurrencylimit: 5}}"):
            self.assertEqual(
                ("storage: must name a driver, one of filesystem, inmemory",), reading(storage).faults
            )

    def test_two_drivers(self) -> None:
        """One driver is enough."""
        self.assertEqual(
            ("storage: must name exactly one driver, not 'filesystem' and 'inmemory'",),
            reading("{inmemory: , filesystem: }").faults,
        )

    def test_unsupported_drivers(self) -> None:
        """Distribution's other drivers are told from inventions."""
        for driver in ("s3", "s3aws", "gcs", "azure"):
            self.assertEqual((f"storage.{driver}: not supported yet",), reading(f"{{{driver}: }}").faults)
        for driver in ("swift", "oss"):
            told = f"storage.{driver}: not supported, distribution 3 has dropped it"
            self.assertEqual((told,), reading(f"{{{driver}: }}").faults)
        self.assertEqual(
            ("storage.floppy: unknown storage driver, not one of filesystem, inmemory",),
            reading("floppy").faults,
        )

    def test_unknown_parameters(self) -> None:
        """A parameter that the driver does not read has no effect."""
        self.assertEqual(
            ("storage.filesystem.rootdir: unknown key, ignored",),
            reading("{filesystem: {rootdir: /x}}").warnings,
        )

    def test_delete(self) -> None:
        """Deleting is allowed by a plain true; a text that looks like it is only a warning."""
        self.assertEqual(evolve(DEFAULTS, delete_enabled=True), self.good("delete: {enabled: yes}"))
        self.assertEqual(DEFAULTS, self.good("delete: {enabled: false}"))
        result = reading("{inmemory: , delete: {enabled: 'true'}}")
        self.assertFalse(result.require().storage.delete_enabled)
        self.assertEqual(
            ("storage.delete.enabled: taken as false, since 'true' is not a boolean",), result.warnings
        )
        self.assertEqual(("storage.delete: must be a mapping, not a single value",), self.bad("delete: true"))

    def test_redirect(self) -> None:
        """Where the section is given it must say true or false."""
        self.assertEqual(evolve(DEFAULTS, redirect_disabled=True), self.good("redirect: {disable: true}"))
        self.assertEqual(DEFAULTS, self.good("redirect: {disable: no}"))
        for redirect, got in [("", "empty"), ("{}", "empty"), ("{disable: 'true'}", "'true'")]:
            self.assertEqual(
                (f"storage.redirect.disable: must be true or false, not {got}",),
                self.bad(f"redirect: {redirect}"),
            )

    def test_readonly(self) -> None:
        """Readonly mode is switched on by a plain true."""
        self.assertEqual(
            evolve(DEFAULTS, readonly=True), self.good("maintenance: {readonly: {enabled: true}}")
        )
        self.assertEqual(DEFAULTS, self.good("maintenance: {readonly: {}}"))
        self.assertEqual(
            ("storage.maintenance.readonly: must be a mapping such as {enabled: true}, not empty",),
            self.bad("maintenance: {readonly: }"),
        )
        self.assertEqual(
            ("storage.maintenance.readonly: must be a mapping, not 'true'",),
            self.bad("maintenance: {readonly: true}"),
        )
        for value, got in [("", "empty"), ("1", "'1'"), ("'true'", "'true'")]:
            self.assertEqual(
                (f"storage.maintenance.readonly.enabled: must be true or false, not {got}",),
                self.bad(f"maintenance: {{readonly: {{enabled: {value}}}}}"),
            )

    def test_upload_purging(self) -> None:
        """Purging is on unless it is switched off; what is not said has distribution's default."""
        for purging, expected in (
            ("{enabled: false, age: 1h}", None),
            ("{}", UploadPurgingConfig(604800, 86400, False)),
            ("{enabled: true}", UploadPurgingConfig()),
            ("{age: 1h, interval: 90s, dryrun: true}", UploadPurgingConfig(3600, 90, True)),
        ):
            expected_storage = evolve(DEFAULTS, purging=expected)
            self.assertEqual(expected_storage, self.good(f"maintenance: {{uploadpurging: {purging}}}"))

    def test_bad_upload_purging(self) -> None:
        """What cannot be used is told."""
        for purging, fault in (
            ("", ": must be a mapping such as {enabled: false}, not empty"),
            ("false", ": must be a mapping, not 'false'"),
            ("{age: 5}", ".age: must be a duration such as 168h, not '5'"),
            ("{interval: soon}", ".interval: must be a duration such as 168h, not 'soon'"),
            ("{interval: 0s}", ".interval: must be more than nothing, not '0s'"),
            ("{age: -1h}", ".age: must be more than nothing, not '-1h'"),
            ("{dryrun: 'x'}", ".dryrun: must be true or false, not 'x'"),
        ):
            self.assertEqual(
                (f"storage.maintenance.uploadpurging{fault}",),
                self.bad(f"maintenance: {{uploadpurging: {purging}}}"),
            )

    def test_tag_concurrency_limit(self) -> None:
        """The limit is an integer and not negative."""
        self.assertEqual(evolve(DEFAULTS, tag_concurrency_limit=8), self.good("tag: {concurrencylimit: 8}"))
        for value, text in [
            ("'8'", "must be an integer, not '8'"),
            ("1.5", "must be an integer, not '1.5'"),
            ("", "must be an integer, not empty"),
            ("-1", "must not be negative, not -1"),
        ]:
            self.assertEqual(
                (f"storage.tag.concurrencylimit: {text}",), self.bad(f"tag: {{concurrencylimit: {value}}}")
            )

    def test_descriptor_cache(self) -> None:
        """Descriptors are remembered in memory, so many of them as is said."""
        for cache, size in [
            ("{blobdescriptor: inmemory}", 10000),
            ("{layerinfo: inmemory}", 10000),
            ("{blobdescriptor: inmemory, layerinfo: redis}", 10000),
            ("{blobdescriptor: inmemory, blobdescriptorsize: 5}", 5),
            ("{blobdescriptor: inmemory, blobdescriptorsize: '5'}", 5),
            ("{blobdescriptor: inmemory, blobdescriptorsize: -1}", -1),
            ("{blobdescriptor: inmemory, blobdescriptorsize: 5.0}", 5),
        ]:
            expected = evolve(DEFAULTS, descriptor_cache=DescriptorCacheConfig("inmemory", size))
            self.assertEqual(expected, self.good(f"cache: {cache}"))

    def test_no_descriptor_cache(self) -> None:
        """An empty kind is none."""
        for cache in (
            "{}",
            "{blobdescriptor: }",
            "{blobdescriptor: ''}",
            "{blobdescriptor: , layerinfo: inmemory}",
        ):
            self.assertEqual(DEFAULTS, self.good(f"cache: {cache}"))

    def test_unknown_descriptor_cache(self) -> None:
        """An unknown kind is none, with a warning; so is a size without cache."""
        result = reading("{inmemory: , cache: {blobdescriptor: memcached, blobdescriptorsize: 5, foo: 1}}")
        self.assertIsNone(result.require().storage.descriptor_cache)
        self.assertEqual(
            (
                "storage.cache.foo: unknown key, ignored",
                "storage.cache.blobdescriptor: nothing is cached, since no cache is called 'memcached'",
                "storage.cache.blobdescriptorsize: has no effect without blobdescriptor: inmemory",
            ),
            result.warnings,
        )

    def test_redis_cache(self) -> None:
        """Descriptors are remembered in the Redis of the section redis, under either name of the key."""
        for key in ("blobdescriptor", "layerinfo"):
            result = read(
                f"version: 0.1\nstorage: {{inmemory: , cache: {{{key}: redis}}}}\n"
                "http: {addr: ':0'}\nredis: {addr: 'localhost:6379'}\n"
            )
            expected = evolve(DEFAULTS, descriptor_cache=DescriptorCacheConfig("redis"))
            self.assertEqual((expected, ()), (result.require().storage, result.warnings))

    def test_redis_cache_without_redis(self) -> None:
        """Without that section there is no Redis."""
        for key in ("blobdescriptor", "layerinfo"):
            self.assertEqual(
                (f"storage.cache.{key}: redis: needs the section redis, with addr or addrs",),
                self.bad(f"cache: {{{key}: redis}}"),
            )

    def test_redis_cache_size(self) -> None:
        """How much Redis remembers is told to Redis."""
        result = read(
            "version: 0.1\nstorage: {inmemory: , cache: {blobdescriptor: redis, blobdescriptorsize: 5}}\n"
            "http: {addr: ':0'}\nredis: {addr: 'localhost:6379'}\n"
        )
        self.assertEqual(
            ("storage.cache.blobdescriptorsize: has no effect on Redis, which has a maxmemory of its own",),
            result.warnings,
        )

    def test_bad_cache_size(self) -> None:
        """The size must be a whole number."""
        for value, got in [
            ("x", "'x'"),
            ("5.5", "'5.5'"),
            ("'0x5'", "'0x5'"),
            ("", "empty"),
            ("[]", "a list"),
        ]:
            self.assertEqual(
                (f"storage.cache.blobdescriptorsize: must be an integer, not {got}",),
                self.bad(f"cache: {{blobdescriptor: inmemory, blobdescriptorsize: {value}}}"),
            )
