"""
The same configuration files before Debian's ``docker-registry`` and before our reader: do both start, or both
refuse?

What our reader refuses although the other starts is listed here too, with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path

from attrs import field, frozen

from tests.config.texts import KINDS
from tests.live.case import LiveTestCase
from tests.live.processes import Program, free_port, require
from txregistry.config.reading import load_config

BASE = "version: 0.1\nstorage: {filesystem: {rootdirectory: @DIR@/root}}\n"
HTTP = "http: {addr: '@ADDR@'}\n"
MEMORY = "version: 0.1\n" + HTTP


@frozen
class Case:
    """A file and variables; ``@ADDR@`` and ``@DIR@`` become a free address and a directory."""

    text: str
    environ: dict[str, str] = field(factory=dict)


def storage(text: str) -> Case:
    """A file with this storage section."""
    return Case(f"{MEMORY}storage: {text}\n")


def http(text: str) -> Case:
    """A file with these keys in its http section."""
    return Case(f"{BASE}http: {{addr: '@ADDR@', {text}}}\n")


def more(text: str) -> Case:
    """A file with this beside what it must have."""
    return Case(f"{BASE}{HTTP}{text}\n")


def urls(*allow: str) -> Case:
    """A good file with these regular expressions."""
    return more(f"validation: {{manifests: {{urls: {{allow: {json.dumps(allow)}}}}}}}")


def environ(**variables: str) -> Case:
    """A good file with these variables, given without their common prefix."""
    return Case(BASE + HTTP, {f"REGISTRY_{name}": value for name, value in variables.items()})


#: What both start with.
GOOD = [
    more(""),
    Case("version: '0.1'\nstorage: inmemory\n" + HTTP),
    Case("\ufeff" + BASE + HTTP),
    Case((BASE + HTTP).replace("\n", "\r\n")),
    Case(BASE + "http:\n  addr:\t@ADDR@\t# tabs\n"),
    Case("version: 0.1\nx: &x {addr: '@ADDR@'}\nhttp: {<<: *x}\nstorage: inmemory\n"),
    Case(BASE + "http:\n  addr: nowhere\n  addr: '@ADDR@'\n"),
    more(HTTP + "http: {secret: x}"),
    more("---\nfoo: ["),
    more("foo: {bar: [1, {baz: 2}]}"),
    Case(MEMORY + "storage:\n  filesystem: {maxthreads: x}\n  filesystem: {rootdirectory: @DIR@/root}\n"),
    storage("{inmemory: , cache: , delete: , maintenance: }"),
    storage("{inmemory: {foo: bar}}"),
    storage("{filesystem: {rootdirectory: @DIR@/root, maxthreads: }}"),
    storage("{filesystem: {rootdirectory: @DIR@/root, maxthreads: '0x40'}}"),
    storage("{filesystem: {rootdirectory: @DIR@/root, maxthreads: -1}}"),
    storage("{inmemory: , delete: {enabled: 'true'}}"),
    storage("{inmemory: , redirect: {disable: yes}}"),
    storage("{inmemory: , maintenance: {readonly: {enabled: on}, uploadpurging: {enabled: off}}}"),
    storage("{inmemory: , maintenance: {readonly: {}}}"),
    storage("{inmemory: , cache: {blobdescriptor: inmemory}}"),
    storage("{inmemory: , cache: {blobdescriptor: other}}"),
    storage("{inmemory: , cache: {blobdescriptor: [a]}}"),
    storage("{inmemory: , cache: {layerinfo: inmemory}}"),
    more("log: {level: Debug, formatter: json, fields: {a: 1, b: yes, c: ~}}"),
    more("log: {level: , hooks: [{type: pager}], accesslog: {disabled: y}}"),
    more("log: {formatter: logstash}\nloglevel: INFO"),
    http("secret: yes, relativeurls: y"),
    http("draintimeout: 5, net: tcp"),
    http("draintimeout: 1.5, net: ''"),
    http("draintimeout: 1h30m, prefix: /reg"),
    http("host: 'registry:5000'"),
    http("host: 'https://registry.example.com/'"),
    http("headers: {X-A: [1, yes, ~], X-B: , 'X C': [a]}"),
    http(
        "tls: {clientcas: [x], minimumtls: foo}, debug: {prometheus: {enabled: yes}}, http2: {disabled: yes}"
    ),
    Case(BASE),
    Case(BASE + "http: {addr: '@DIR@/s', net: unix}\n"),
    more("catalog: {maxentries: 10.7}"),
    more("catalog: {maxentries: !!int '5'}"),
    more("auth: none"),
    more("auth: {None: {a: b}}"),
    more("auth:\nredis:\nhealth:\nproxy:\nnotifications:\nmiddleware:\nreporting:\npolicy:\nvalidation:"),
    more("middleware: {storage: [], other: [{name: x}]}"),
    more("middleware: {storage: [{name: redirect, options: {baseurl: 'https://a:b@c:8443/d/?e'}}]}"),
    more("middleware: {storage: [{name: redirect, options: {baseurl: 'http://[::1]:81', x: y}}]}"),
    more("reporting: {bugsnag: {apikey: k}}"),
    more("notifications: {endpoints: [{disabled: yes}]}\nredis: {db: 1}\nproxy: {username: x}"),
    more("validation: {enabled: yes, disabled: yes, manifests: {urls: {allow: , deny: []}}}"),
    more("validation: {disabled: yes, manifests: {urls: {allow: ['('], deny: ['*']}}}"),
    more("validation: {enabled: no, manifests: {indexes: {platforms: List, platformlist: [{os: linux}]}}}"),
    urls("\\p{Greek}"),
    urls("^https?://([^/]+\\.)*example\\.com/", "(?i)EVIL|(?P<n>a)(?s:.)\\z", ""),
    urls("[[:alpha:]]\\d{2,}?", "\\Q*+\\E[]a-]", "a{,2}", "\\pL\\p{^Lu}\\x{65e5}", "(a{10}){100}", "^*"),
    more("policy: {repository: {classes: [image, plugin, Foo]}}"),
    environ(VALIDATION_MANIFESTS_URLS_ALLOW="['^https://']", POLICY_REPOSITORY_CLASSES="[image]"),
    Case(BASE, {"REGISTRY_HTTP_ADDR": "@ADDR@"}),
    Case(BASE, {"REGISTRY_HTTP": "{addr: '@ADDR@'}"}),
    Case(MEMORY, {"REGISTRY_STORAGE": "inmemory"}),
    Case(MEMORY, {"REGISTRY_STORAGE_INMEMORY_X": "1"}),
    Case(MEMORY + "storage: {filesystem: }\n", {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "@DIR@/root"}),
    environ(STORAGE="inmemory"),
    environ(FOO_BAR="x: [", PORT="tcp://127.0.0.1:5000", HTTP_ADDR_FOO="x", HTTP_TLS_FOO="x"),
    environ(STORAGE_MAINTENANCE_READONLY="{enabled: true}", HTTP_SECRET="0x10", LOG_LEVEL="WARN"),
    environ(**{"HTTP_HEADERS_X-FOO": "[a]", "HTTP_ADDR": "127.0.0.1:0", "CATALOG_MAXENTRIES": ""}),
]

#: What both refuse.
BAD = [
    Case(""),
    Case("[]\n"),
    Case("words\n"),
    Case("storage: inmemory\n" + HTTP),
    Case("version: 0.2\nstorage: inmemory\n" + HTTP),
    Case("version: 0.10\nstorage: inmemory\n" + HTTP),
    Case("version: 1\nstorage: inmemory\n" + HTTP),
    Case("version: 0.2\nstorage: inmemory\n" + HTTP, {"REGISTRY_VERSION": "0.1"}),
    Case(BASE + "http:\n\taddr: @ADDR@\n"),
    Case(BASE + HTTP + "# \x01\n"),
    more("foo: *x"),
    more("? [a]\n: b"),
    more("catalog: {maxentries: !!int x}"),
    more("log: {fields: {a: &x [*x]}}"),
    more(
        "a: &a [l,l,l,l,l,l,l,l,l,l]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
        "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nlog: {fields: {x: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]}}"
    ),
    storage(""),
    storage("{}"),
    storage("''"),
    storage("[inmemory]"),
    storage("floppy"),
    storage("{delete: {enabled: true}}"),
    storage("{inmemory: , filesystem: }"),
    storage("{inmemory: yes}"),
    storage("{inmemory: , delete: true}"),
    storage("{inmemory: , redirect: }"),
    storage("{inmemory: , redirect: {disable: 'true'}}"),
    storage("{inmemory: , maintenance: {readonly: }}"),
    storage("{inmemory: , maintenance: {readonly: true}}"),
    storage("{inmemory: , maintenance: {readonly: {enabled: 1}}}"),
    storage("{inmemory: , maintenance: {readonly: {enabled: }}}"),
    storage("{inmemory: , maintenance: {uploadpurging: }}"),
    storage("{inmemory: , maintenance: {uploadpurging: false}}"),
    storage("{inmemory: , cache: {blobdescriptor: redis}}"),
    *[
        storage(f"{{filesystem: {{rootdirectory: @DIR@/root, maxthreads: {value}}}}}")
        for value in ("x", "yes", "30.0", "'-1'", "''")
    ],
    more("log: x"),
    more("log: {level: warning}"),
    more("log: {level: ''}"),
    more("log: {level: warn}\nloglevel: loud"),
    more("log: {formatter: xml}"),
    more("log: {fields: []}"),
    more("log: {accesslog: {disabled: 'true'}}"),
    http("relativeurls: 'true'"),
    http("draintimeout: '5'"),
    http("draintimeout: ''"),
    http("draintimeout: 1h1"),
    http("headers: {X-A: nosniff}"),
    http("headers: {X-A: [[a]]}"),
    http("secret: {a: b}"),
    http("net: udp"),
    http("net: TCP"),
    *[
        http(f"host: '{host}'")
        for host in ("127.0.0.1:5000", ":5000", "http://a:b", "http://a/%zz", "http://a b/", "http://[::1")
    ],
    *[
        Case(f"{BASE}http: {{addr: '{addr}'}}\n")
        for addr in ("5000", ":70000", "::1:5000", ":no-such-service")
    ],
    more("catalog: {maxentries: '10'}"),
    more("catalog: {maxentries: .inf}"),
    more("catalog: []"),
    more("auth: foo"),
    more("auth: {none: yes}"),
    more("auth: {none: , silly: }"),
    more("health: 5"),
    more("health: {storagedriver: {interval: often}}"),
    *[
        urls(expression)
        for expression in (
            "(",
            "*",
            "a**",
            "a++",
            "(?=a)",
            "\\1",
            "[z-a]",
            "\\Z",
            "a{1001}",
            "[[:x:]]",
            "(?i",
        )
    ],
    more("validation: {manifests: {urls: {allow: a}}}"),
    more("validation: {disabled: 'yes'}"),
    more("policy: {repository: {classes: image}}"),
    more("redis: {db: x}"),
    more("middleware: {storage: [{name: x}]}"),
    *[
        more(f"middleware: {{storage: [{{name: redirect, options: {{{options}}}}}]}}")
        for options in ("", "baseurl: 5", "baseurl: /x", "baseurl: 'http:/x'", "baseurl: 'http://a\\b/'")
    ],
    Case(BASE + HTTP + "catalog: {maxentries: x}\n", {"REGISTRY_CATALOG_MAXENTRIES": "5"}),
    environ(HTTP_SECRET="x: ["),
    environ(HTTP_SECRET="a: b"),
    environ(STORAGE_INMEMORY=""),
    environ(STORAGE_FILESYSTEM="foo"),
    environ(**{"HTTP_HEADERS_X-FOO": "a"}),
    environ(LOG_LEVEL="loud"),
    environ(LOG_ACCESSLOG_DISABLED="x"),
]

#: What docker-registry 2.8 refuses and we take: what was meant is clear, or it is a setting of 3.1.
MORE_THAN_THERE = [
    storage("{inmemory: , maintenance: {uploadpurging: {}}}"),
    environ(STORAGE_MAINTENANCE_READONLY_ENABLED="true"),
    environ(VERSION="latest"),
    Case(MEMORY + "storage: {inmemory: , filesystem: }\n", {"REGISTRY_STORAGE": "inmemory"}),
    storage("{inmemory: , tag: {concurrencylimit: 5}}"),
    more("middleware: {storage: [{name: x, disabled: yes}]}"),  # disabled means so here
    more("middleware: {storage: [{name: rewrite, options: {host: a}}]}"),
]

#: What docker-registry starts with and we refuse, beside settings that are not supported yet: nobody can want
#: what happens there.
LESS_THAN_THERE = [
    storage("{filesystem: {rootdirectory: }}"),  # writes below a directory called <nil>
    http("prefix: reg/"),  # answers every request with 404
    Case(BASE + "http: {addr: '', net: unix}\n"),  # listens on a socket that nobody can find
    more("middleware: {storage: [{name: redirect, options: {baseurl: 'ftp://a/'}}]}"),  # no client speaks it
    more("middleware: {storage: [{name: redirect, options: {baseurl: 'http://a/b\\c'}}]}"),  # it is no URL
    more("middleware: {repository: [{name: x}]}"),  # answers every request with 500
    more("validation: {manifests: {indexes: {platforms: some}}}"),  # 3.1 refuses it, 2.8 does not know it
]


class ConfigurationDropInTests(LiveTestCase):
    """Debian's daemon is the judge of what a configuration file may say."""

    def judge(self, cases: list[Case]) -> list[tuple[bool, bool]]:
        """Say for each case whether docker-registry starts, and whether our reader takes it."""
        return [_verdict(case, self.short_directory()) for case in cases]

    def assert_judged(self, cases: list[Case], there: bool, here: bool) -> None:
        """Compare the verdicts, and show the cases that got another."""
        verdicts = self.judge(cases)
        surprises = [
            (case, verdict) for case, verdict in zip(cases, verdicts, strict=True) if verdict != (there, here)
        ]
        self.assertEqual([], surprises)

    def test_good(self) -> None:
        """A file that works there works here."""
        self.assert_judged(GOOD, there=True, here=True)

    def test_bad(self) -> None:
        """A file that is refused there is refused here."""
        self.assert_judged(BAD, there=False, here=False)

    def test_more_than_there(self) -> None:
        """Some of what is refused there is taken here, on purpose."""
        self.assert_judged(MORE_THAN_THERE, there=False, here=True)

    def test_less_than_there(self) -> None:
        """Very little of what starts there is refused here, on purpose."""
        self.assert_judged(LESS_THAN_THERE, there=True, here=False)


def _verdict(case: Case, directory: Path) -> tuple[bool, bool]:
    port = free_port()

    def filled(text: str) -> str:
        return text.replace("@ADDR@", f"127.0.0.1:{port}").replace("@DIR@", str(directory))

    path = directory / "config.yml"
    path.write_bytes(filled(case.text).encode())
    variables = {name: filled(value) for name, value in case.environ.items()}
    there = _starts(path, variables, directory)
    here = load_config(str(path), variables, KINDS).config is not None
    return there, here


def _starts(path: Path, variables: dict[str, str], directory: Path) -> bool:
    """Start docker-registry, wait until it listens or has ended, and end it."""
    argv = ["env", "-C", str(directory), require("docker-registry"), "serve", str(path)]
    program = Program("docker-registry", argv, directory, env=variables)
    try:
        program.wait_until(lambda: not program.running() or _listens(program), "listening or ended")
        return program.running()
    finally:
        program.kill()


def _listens(program: Program) -> bool:
    """Say whether the program has a socket open that takes connections."""
    try:
        links = [str(fd.readlink()) for fd in Path(f"/proc/{program.pid}/fd").iterdir()]
    except FileNotFoundError:
        return False  # a descriptor, or the program, went away meanwhile
    return any(f"socket:[{inode}]" in links for inode in _listening_inodes())


def _listening_inodes() -> list[str]:
    """List the sockets of the whole machine that take connections."""
    inodes = []
    for name, state_column, listening, inode_column in [
        ("tcp", 3, "0A", 9),
        ("tcp6", 3, "0A", 9),
        ("unix", 3, "00010000", 6),
    ]:
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[state_column] == listening:
                inodes.append(columns[inode_column])
    return inodes
