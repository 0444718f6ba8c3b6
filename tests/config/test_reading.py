"""Whole configurations."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import txregistry
from tests.config.texts import KINDS, LEAST, read
from tests.strategies_config import Settings, as_environ, as_file, settings
from txregistry.config.drivers import FilesystemOptions, InMemoryOptions
from txregistry.config.reading import LONGEST_FILE, ConfigError, load_config
from txregistry.config.values import (
    CatalogConfig,
    Config,
    DescriptorCacheConfig,
    HttpConfig,
    LogConfig,
    StorageConfig,
    TagsConfig,
)

SAMPLES = Path(txregistry.__file__).resolve().parent.parent / "conf"

LEAST_CONFIG = Config(
    "0.1",
    LogConfig(),
    StorageConfig("inmemory", InMemoryOptions()),
    HttpConfig(addr=":5000"),
    CatalogConfig(),
    TagsConfig(),
)

FAULTY = [
    # The file as a whole.
    (
        "",
        ("version: must be 0.1, but is missing", "storage: must name a driver, one of filesystem, inmemory"),
    ),
    ("[]", ("line 1: must be a mapping of sections, such as 'version: 0.1'",)),
    ("just words", ("line 1: must be a mapping of sections, such as 'version: 0.1'",)),
    ("version: 0.1\nstorage: *x", ("line 2: the anchor 'x' is not known here",)),
    # The version.
    ("storage: inmemory", ("version: must be 0.1, but is missing",)),
    ("version:\nstorage: inmemory", ("version: must be 0.1, but is missing",)),
    ("version: 0.2\nstorage: inmemory", ("version: must be 0.1, not '0.2'",)),
    ("version: 0.10\nstorage: inmemory", ("version: must be 0.1, not '0.10'",)),
    (
        "version: {}\nstorage: inmemory",
        ("version: must be text, not a mapping", "version: must be 0.1, but is missing"),
    ),
    # A fault in each supported section.
    (
        "version: 0.1\nstorage: {filesystem: {maxthreads: x}}",
        ("storage.filesystem.maxthreads: must be an integer, not 'x'",),
    ),
    (f"{LEAST}log: x", ("log: must be a mapping, not a single value",)),
    (f"{LEAST}log: {{fields: [a]}}", ("log.fields: must be a mapping, not a list",)),
    (
        f"{LEAST}log: {{accesslog: {{disabled: 'no'}}}}",
        ("log.accesslog.disabled: must be true or false, not 'no'",),
    ),
    (f"{LEAST}http: {{relativeurls: 1}}", ("http.relativeurls: must be true or false, not '1'",)),
    (
        f"{LEAST}http: {{draintimeout: 1 minute}}",
        ("http.draintimeout: must be a duration such as 30s, not '1 minute'",),
    ),
    (f"{LEAST}http: {{headers: {{X-A: a}}}}", ("http.headers.X-A: must be a list, not a single value",)),
    (f"{LEAST}http: {{headers: {{X-A: [[a]]}}}}", ("http.headers.X-A[0]: must be text, not a list",)),
    (f"{LEAST}catalog: {{maxentries: '5'}}", ("catalog.maxentries: must be an integer, not '5'",)),
    (f"{LEAST}tags: {{maxtags: -1}}", ("tags.maxtags: must not be negative, not -1",)),
    (f"{LEAST}tags: 5", ("tags: must be a mapping, not a single value",)),
    # Several at once.
    (
        "storage: {s3: {bucket: b}}\nhttp: {addr: ':5000', net: udp, debug: {addr: 'x'}}\n"
        "log: {level: loud}\nredis: {db: x}\nauth: token\n",
        (
            "log.level: must be one of error, warn, info, debug, not 'loud'",
            "redis.db: must be an integer, not 'x'",
            "version: must be 0.1, but is missing",
            "storage.s3: not supported yet",
            "http.net: must be tcp or unix, not 'udp'",
            "http.debug.addr: must be host:port, not 'x'",
            "auth.token.rootcertbundle: must be given, or jwks, since tokens need a key to be verified with",
            "auth.token.realm: must be given",
            "auth.token.issuer: must be given",
            "auth.token.service: must be given",
        ),
    ),
]

#: Variables at every kind of place.
VARIABLES = [
    "REGISTRY_" + name
    for name in (
        *("HTTP", "HTTP_ADDR", "HTTP_HEADERS", "HTTP_HEADERS_X", "HTTP_ADDR_X", "LOG_FIELDS", "LOG_HOOKS_0"),
        *("STORAGE", "STORAGE_CACHE", "STORAGE_FILESYSTEM", "STORAGE_MAINTENANCE_READONLY_ENABLED"),
        *("NOTIFICATIONS_ENDPOINTS_0_URL", "AUTH", "", "VERSION"),
    )
]


class ReadConfigTests(SynchronousTestCase):
    """Text and environment to values."""

    def test_least(self) -> None:
        """What is not said has a default."""
        reading = read(LEAST)
        self.assertEqual((LEAST_CONFIG, (), ()), (reading.require(), reading.faults, reading.warnings))

    def test_quoted_version(self) -> None:
        """The version may be quoted."""
        self.assertEqual(LEAST_CONFIG, read(LEAST.replace("0.1", "'0.1'")).require())

    def test_pages(self) -> None:
        """Page sizes are taken when they are positive."""
        for text, entries, tags in [
            ("catalog: {maxentries: 5}\ntags: {maxtags: 7}\n", 5, 7),
            ("catalog: {maxentries: 0}\ntags: {maxtags: 0}\n", 1000, 1000),
            ("catalog: {maxentries: -5}\ntags:\n", 1000, 1000),
        ]:
            expected = evolve(LEAST_CONFIG, catalog=CatalogConfig(entries), tags=TagsConfig(tags))
            self.assertEqual(expected, read(LEAST + text).require())

    def test_faults(self) -> None:
        """Each faulty file gives these very lines, and no configuration."""
        for text, faults in FAULTY:
            reading = read(text)
            self.assertEqual((None, faults), (reading.config, reading.faults), text)
            self.assertEqual(faults, self.assertRaises(ConfigError, reading.require).faults)

    def test_unknown_keys(self) -> None:
        """What nobody knows has no effect, at any level, and is told."""
        reading = read(LEAST + "foo: {bar: 1}\nlog: {colour: red}\nhttp: {TLS: {certificate: c}}\n")
        self.assertEqual(LEAST_CONFIG, reading.require())
        self.assertEqual(
            (
                "foo: unknown key, ignored",
                "log.colour: unknown key, ignored",
                "http: given more than once, what line 6 says counts",
                "http.TLS: unknown key, ignored",
            ),
            reading.warnings,
        )

    def test_another_document(self) -> None:
        """Only the first document of a file counts."""
        reading = read(LEAST + "---\nversion: 0.2\n")
        self.assertEqual(
            (LEAST_CONFIG, ("only the first YAML document is read",)), (reading.config, reading.warnings)
        )

    def test_environment(self) -> None:
        """Variables beat the file; two drivers are too many, wherever they come from."""
        environ = {"REGISTRY_HTTP_ADDR": ":1", "REGISTRY_PORT": "tcp://10.0.0.1:5000"}
        reading = read(LEAST, environ)
        self.assertEqual(evolve(LEAST_CONFIG, http=HttpConfig(addr=":1")), reading.require())
        self.assertEqual(("REGISTRY_PORT: names no setting, ignored",), reading.warnings)
        self.assertEqual(
            ("storage: must name exactly one driver, not 'filesystem' and 'inmemory'",),
            read(LEAST, {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "/x"}).faults,
        )

    def test_faults_of_the_file_stay(self) -> None:
        """A variable does not heal a wrong type in the file."""
        self.assertEqual(
            ("catalog.maxentries: must be an integer, not 'x'",),
            read(LEAST + "catalog: {maxentries: x}\n", {"REGISTRY_CATALOG_MAXENTRIES": "5"}).faults,
        )

    @given(settings(), settings())
    def test_environment_equals_the_file(self, written: Settings, overlaid: Settings) -> None:
        """Setting variables gives the same configuration as writing them into the file."""
        edited = read(as_file({**written, **overlaid})).require()
        self.assertEqual(edited, read(as_file(written), as_environ(overlaid)).require())

    @given(st.text("versionstoragehttpfilesystem01.:{}[]&*-'\"|>,? \n"))
    def test_any_text(self, text: str) -> None:
        """Every text is a configuration, or has faults of one line each."""
        reading = read("version: 0.1\n" + text)
        self.assertEqual(reading.config is None, bool(reading.faults))
        for line in (*reading.faults, *reading.warnings):
            self.assertEqual([line], line.splitlines())

    @given(st.dictionaries(st.sampled_from(VARIABLES), st.text("ab01:{}[]'~- ")))
    def test_any_environment(self, environ: dict[str, str]) -> None:
        """Every environment gives a configuration, or faults."""
        reading = read(LEAST, environ)
        self.assertEqual(reading.config is None, bool(reading.faults))


class LoadConfigTests(SynchronousTestCase):
    """Files."""

    def file(self, content: bytes) -> str:
        """Write a file."""
        path = Path(self.mktemp())
        path.write_bytes(content)
        return str(path)

    def test_file(self) -> None:
        """A file is read with the environment over it."""
        reading = load_config(self.file(LEAST.encode()), {"REGISTRY_HTTP_ADDR": ":1"}, KINDS)
        self.assertEqual(evolve(LEAST_CONFIG, http=HttpConfig(addr=":1")), reading.require())

    def test_encodings(self) -> None:
        """A byte order mark does no harm, and tells UTF-16 from UTF-8."""
        for encoding in ("utf-8-sig", "utf-16"):
            self.assertEqual(
                LEAST_CONFIG, load_config(self.file(LEAST.encode(encoding)), {}, KINDS).require()
            )

    def test_not_utf8(self) -> None:
        """Bytes that are no text are a fault with their line."""
        path = self.file(LEAST.encode() + b"# caf\xe9\n")
        self.assertEqual(("line 4: not valid UTF-8",), load_config(path, {}, KINDS).faults)

    def test_unreadable(self) -> None:
        """A file that is missing, or is a directory, or has an impossible name, is a fault with its path."""
        directory = self.mktemp()
        Path(directory).mkdir()
        for path, problem in [
            (directory, "Is a directory"),
            (f"{directory}/config.yml", "No such file or directory"),
            (self.file(b"") + "/config.yml", "Not a directory"),
            ("a\0b", "embedded null byte"),
        ]:
            self.assertEqual((f"{path}: {problem}",), load_config(path, {}, KINDS).faults)

    def test_huge(self) -> None:
        """A file that never ends is not read to its end."""
        self.assertEqual(
            (f"/dev/zero: longer than {LONGEST_FILE} bytes",),
            load_config("/dev/zero", {}, KINDS).faults,
        )


class SampleTests(SynchronousTestCase):
    """The files in ``conf/``."""

    def test_development(self) -> None:
        """The development file serves ./var on the loopback interface, and is free of warnings."""
        reading = load_config(str(SAMPLES / "development.yml"), {}, KINDS)
        config = reading.require()
        self.assertEqual((), reading.warnings)
        self.assertEqual("127.0.0.1:5000", config.http.addr)
        self.assertEqual(
            StorageConfig(
                "filesystem",
                FilesystemOptions("./var"),
                delete_enabled=True,
                descriptor_cache=DescriptorCacheConfig(),
            ),
            config.storage,
        )

    def test_production(self) -> None:
        """The production sample is free of warnings, also with each commented line switched on."""
        path = SAMPLES / "txregistry.yml"
        self.assertEqual((), load_config(str(path), {}, KINDS).warnings)
        lines = path.read_text().splitlines()
        switched_on = [line.replace("# ", "", 1) if _is_setting(line) else line for line in lines]
        self.assertNotEqual(lines, switched_on)
        reading = read("\n".join(switched_on))
        self.assertEqual(((), ()), (reading.faults, reading.warnings))
        self.assertEqual("something-long-and-random", reading.require().http.secret)


def _is_setting(line: str) -> bool:
    words = line.replace("#", "").replace("- ", "").split()
    return line.lstrip().startswith("#") and bool(words) and words[0].endswith(":") and len(words) <= 2
