"""The environment over the file."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txregistry.config.decoding import Value, decode
from txregistry.config.document import parse_document
from txregistry.config.environ import overlay
from txregistry.config.findings import Findings
from txregistry.config.schema import SCHEMA


class OverlayTests(SynchronousTestCase):
    """Variables find their place, or say that they do not."""

    def setUp(self) -> None:
        self.findings = Findings()

    def overlay(self, text: str, **variables: str) -> Value:
        """Lay variables, given without their common prefix, over a file."""
        values = decode(parse_document(text).root, SCHEMA, (), self.findings)
        environ = {f"REGISTRY_{name}": value for name, value in variables.items()}
        return overlay(values, SCHEMA, environ, self.findings)

    def quiet(self, text: str, **variables: str) -> Value:
        """The same without fault or warning."""
        values = self.overlay(text, **variables)
        self.assertEqual(([], []), (self.findings.faults, self.findings.warnings))
        return values

    def test_replaces(self) -> None:
        """A variable beats the file, and makes sections that the file has not."""
        self.assertEqual(
            {"http": {"addr": ":2", "debug": {"addr": ":3"}}},
            self.quiet("http: {addr: ':1'}", HTTP_ADDR=":2", HTTP_DEBUG_ADDR=":3"),
        )

    def test_typed_values(self) -> None:
        """The value is YAML of the type that belongs there: text stays text, lists are lists."""
        self.assertEqual(
            {"http": {"secret": "0x10", "relativeurls": True, "tls": {"clientcas": ["/a", "/b"]}}},
            self.quiet("", HTTP_SECRET="0x10", HTTP_RELATIVEURLS="yes", HTTP_TLS_CLIENTCAS="[/a, /b]"),
        )

    def test_whole_section(self) -> None:
        """A variable for a section replaces all of it, and comes before the variables below it."""
        self.assertEqual(
            {"http": {"addr": ":3", "net": "tcp"}},
            self.quiet("http: {secret: x}", HTTP_ADDR=":3", HTTP="{addr: ':2', net: tcp}"),
        )

    def test_empty_value(self) -> None:
        """An empty variable empties what it names."""
        self.assertEqual({"http": {"addr": None}}, self.quiet("http: {addr: ':1'}", HTTP_ADDR=""))

    def test_storage_by_name(self) -> None:
        """A driver's name alone replaces the whole storage section."""
        self.assertEqual(
            {"storage": {"inmemory": {}}}, self.quiet("storage: {filesystem: }", STORAGE="inmemory")
        )

    def test_storage_below(self) -> None:
        """Parameters are changed one by one; new keys are in lower case."""
        self.assertEqual(
            {"storage": {"filesystem": {"rootdirectory": "/b", "maxthreads": 30}}},
            self.quiet(
                "storage: {filesystem: {rootdirectory: /a}}",
                STORAGE_FILESYSTEM_ROOTDIRECTORY="/b",
                STORAGE_FILESYSTEM_MAXTHREADS="30",
            ),
        )

    def test_case_of_map_keys(self) -> None:
        """Below an existing key any case matches; a value of its own always gets the lower-case key."""
        self.assertEqual(
            {"storage": {"FileSystem": {"RootDirectory": "/a", "rootdirectory": "/b"}}},
            self.quiet("storage: {FileSystem: {RootDirectory: /a}}", STORAGE_FILESYSTEM_ROOTDIRECTORY="/b"),
        )

    def test_headers(self) -> None:
        """A header can be added; its name is in lower case."""
        self.assertEqual(
            {"http": {"headers": {"x-foo": ["a"]}}}, self.quiet("", **{"HTTP_HEADERS_X-FOO": "[a]"})
        )

    def test_new_nested_map(self) -> None:
        """A variable makes the mappings above it, where distribution panics."""
        self.assertEqual(
            {"storage": {"maintenance": {"readonly": {"enabled": True}}}},
            self.quiet("", STORAGE_MAINTENANCE_READONLY_ENABLED="true"),
        )

    def test_nested_map_of_the_file(self) -> None:
        """A variable reaches mappings of the file at any depth."""
        self.assertEqual(
            {"storage": {"maintenance": {"readonly": {"enabled": False}}}},
            self.quiet(
                "storage: {maintenance: {readonly: {enabled: true}}}",
                STORAGE_MAINTENANCE_READONLY_ENABLED="false",
            ),
        )

    def test_names_that_differ(self) -> None:
        """Some settings have another name in the environment than in the file."""
        self.assertEqual(
            {
                "notifications": {"events": {"includereferences": True}},
                "health": {"file": [], "http": [], "tcp": []},
                "compatibility": {"schema1": {"signingkeyfile": "/k"}},
                "log": {"hooks": [{"options": {"from": "a"}}]},
            },
            self.quiet(
                "",
                NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES="true",
                HEALTH_FILECHECKERS="[]",
                HEALTH_HTTPCHECKERS="[]",
                HEALTH_TCPCHECKERS="[]",
                COMPATIBILITY_SCHEMA1_TRUSTKEY="/k",
                LOG_HOOKS_0_MAILOPTIONS_FROM="a",
            ),
        )

    def test_part(self) -> None:
        """What distribution inlines into a section has a name in the environment, and none in the file."""
        self.assertEqual(
            {"redis": {"addrs": ["a:1", "b:2"], "mastername": "m", "db": 3, "pool": {"maxactive": 1}}},
            self.quiet(
                "redis: {db: 1, pool: {maxactive: 1}}",
                REDIS_OPTIONS_ADDRS="[a:1]",
                REDIS_OPTIONS_ADDRS_1="b:2",
                REDIS_OPTIONS_MASTERNAME="m",
                REDIS_OPTIONS_DB="3",
                REDIS_DB="2",
            ),
        )

    def test_whole_part(self) -> None:
        """A variable for such a part replaces all its keys, and nothing else of the section."""
        file = "redis: {addr: 'a:1', addrs: ['b:1'], db: 1, tls: {rootcas: [/a]}}"
        kept: Value = {"addr": "a:1", "tls": {"rootcas": ["/a"]}}
        assert isinstance(kept, dict)
        self.assertEqual({"redis": {**kept, "db": 2}}, self.quiet(file, REDIS_OPTIONS="{db: 2}"))
        self.assertEqual({"redis": kept}, self.quiet(file, REDIS_OPTIONS=""))
        self.assertEqual({"redis": {"db": 2}}, self.quiet("", REDIS_OPTIONS="{db: 2}"))

    def test_not_in_a_part(self) -> None:
        """A part has its own keys only, and a wrong value in it is a fault of the key."""
        self.overlay(
            "redis: {options: {db: 1}}",
            REDIS_OPTIONS_ADDR="a:1",
            REDIS_OPTIONS_TLS_KEY="/k",
            REDIS_OPTIONS_DB="x",
            REDIS_OPTIONS="{maxretries: y}",
        )
        self.assertEqual(
            [
                "redis.maxretries: must be an integer, not 'y' (set by REGISTRY_REDIS_OPTIONS)",
                "redis.db: must be an integer, not 'x' (set by REGISTRY_REDIS_OPTIONS_DB)",
            ],
            self.findings.faults,
        )
        self.assertEqual(
            [
                "redis.options: unknown key, ignored",
                "REGISTRY_REDIS_OPTIONS_ADDR: names no setting, ignored",
                "REGISTRY_REDIS_OPTIONS_TLS_KEY: names no setting, ignored",
            ],
            self.findings.warnings,
        )

    def test_list_items(self) -> None:
        """An index changes an item or adds the next one."""
        self.assertEqual(
            {"notifications": {"endpoints": [{"name": "b", "url": "u"}, {"name": "c"}]}},
            self.quiet(
                "notifications: {endpoints: [{name: a, url: u}]}",
                NOTIFICATIONS_ENDPOINTS_0_NAME="b",
                NOTIFICATIONS_ENDPOINTS_1_NAME="c",
            ),
        )

    def test_leads_nowhere(self) -> None:
        """A variable that names nothing is a warning, whatever its value."""
        self.assertEqual(
            {"http": {"addr": ":1"}},
            self.overlay(
                "http: {addr: ':1'}",
                PORT_5000_TCP="tcp://10.0.0.1:5000",
                HTTP_FOO="[",
                HTTP_ADDR_FOO="x",
                http_addr="x",
                NOTIFICATIONS_ENDPOINTS_X_URL="u",
                NOTIFICATIONS_ENDPOINTS_1_URL="u",
                VERSION="latest",
            ),
        )
        self.assertEqual([], self.findings.faults)
        self.assertEqual(
            [
                "REGISTRY_HTTP_ADDR_FOO: goes below a plain value, ignored",
                "REGISTRY_HTTP_FOO: names no setting, ignored",
                "REGISTRY_NOTIFICATIONS_ENDPOINTS_1_URL: no item 1 to change or to add, ignored",
                "REGISTRY_NOTIFICATIONS_ENDPOINTS_X_URL: 'X' is no index of a list, ignored",
                "REGISTRY_PORT_5000_TCP: names no setting, ignored",
                "REGISTRY_VERSION: has no effect, the file alone says its version",
                "REGISTRY_http_addr: names no setting, ignored",
            ],
            self.findings.warnings,
        )

    def test_other_variables(self) -> None:
        """A variable without the prefix, or one that says where the file is, is no setting."""
        environ = {"HTTP_ADDR": ":1", "registry_http_addr": ":1", "REGISTRY_CONFIGURATION_PATH": "/etc"}
        values = overlay({}, SCHEMA, environ, self.findings)
        self.assertEqual(({}, []), (values, self.findings.warnings))

    def test_wrong_type(self) -> None:
        """An unfit value is a fault that names the key and the variable."""
        self.overlay("", CATALOG_MAXENTRIES="x", HTTP_SECRET="{a: b}")
        self.assertEqual(
            [
                "catalog.maxentries: must be an integer, not 'x' (set by REGISTRY_CATALOG_MAXENTRIES)",
                "http.secret: must be text, not a mapping (set by REGISTRY_HTTP_SECRET)",
            ],
            self.findings.faults,
        )

    def test_no_yaml(self) -> None:
        """A value that is no YAML is a fault, which does not show it."""
        self.overlay("", HTTP_SECRET="[hidden", HTTP_HOST="\udc80")
        self.assertEqual(
            [
                "REGISTRY_HTTP_HOST: not valid YAML: holds the character '\\udc80'",
                "REGISTRY_HTTP_SECRET",
            ],
            [self.findings.faults[0], self.findings.faults[1].partition(":")[0]],
        )
        self.assertNotIn("hidden", self.findings.faults[1])

    def test_the_file_stays(self) -> None:
        """Laying over changes nothing in what was given."""
        values: Value = {"http": {"addr": ":1", "headers": {"a": ["b"]}}}
        overlay(values, SCHEMA, {"REGISTRY_HTTP_HEADERS_A": "[c]"}, self.findings)
        self.assertEqual({"http": {"addr": ":1", "headers": {"a": ["b"]}}}, values)
