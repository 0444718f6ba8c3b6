"""
What the configuration says, one frozen class per section.

Nobody past this point asks for a key or a type: a value that exists is right.  The defaults are those of an
empty section.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from txregistry.config.addresses import Address
from txregistry.model.tls import MINIMUM, REQUIRE_AND_VERIFY

#: What ``log.fields`` may hold; lists and mappings have become JSON text.
FieldValue = str | int | float | bool

#: The levels that ``log.level`` may name, the most severe first.
LOG_LEVELS = ("error", "warn", "info", "debug")

#: The formats that ``log.formatter`` may name.
LOG_FORMATTERS = ("text", "json", "logstash")


#: The levels that ``log.hooks`` may name, the most severe first.
HOOK_LEVELS = ("panic", "fatal", "error", "warning", "info", "debug", "trace")


def _frozen_fields(fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    return MappingProxyType(dict(fields))


@frozen
class MailHookConfig:
    """
    Entries of the *levels* are mailed *to* somebody.

    *host* and *port* take the mail.  *username* is empty where nobody is asked for one.  With *insecure*,
    any certificate of theirs will do.
    """

    levels: frozenset[str]
    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    insecure: bool = False


@frozen
class LogConfig:
    """What is logged, and in which form."""

    level: str = "info"
    formatter: str = "text"
    #: Added to every entry.
    fields: Mapping[str, FieldValue] = field(factory=dict, converter=_frozen_fields, hash=False)
    accesslog_disabled: bool = False
    #: Say of each entry which line of the code made it.
    reportcaller: bool = False
    hooks: tuple[MailHookConfig, ...] = ()


@frozen
class DescriptorCacheConfig:
    """
    Where blob descriptors are remembered: ``inmemory`` or ``redis``.

    In memory at most *size* of them are, any number when it is not positive.
    """

    kind: str = "inmemory"
    size: int = 10000


@frozen
class UploadPurgingConfig:
    """Upload sessions that began more than *age* seconds ago are removed, every *interval* seconds."""

    age: float = 168 * 3600.0
    interval: float = 24 * 3600.0
    #: Only say what would be removed.
    dryrun: bool = False


@frozen
class StorageConfig:
    """Where content lives, and what may be done with it."""

    driver: str
    #: The options object that the driver's row of the driver table made.
    parameters: object
    delete_enabled: bool = False
    redirect_disabled: bool = False
    readonly: bool = False
    #: Tags looked up at the same time when a manifest is deleted; 0 leaves it to the program.
    tag_concurrency_limit: int = 0
    #: ``None``: nothing is remembered.
    descriptor_cache: DescriptorCacheConfig | None = None
    #: ``None``: sessions are kept for ever.
    purging: UploadPurgingConfig | None = field(factory=UploadPurgingConfig)


@frozen
class TlsConfig:
    """How connections are encrypted, and what is asked of clients."""

    #: The path of a PEM file: the server's certificate, and behind it those that lead to its root.
    certificate: str
    #: The path of its private key.
    key: str
    #: The paths of PEM files with the authorities of clients; without any, nothing is asked of clients.
    clientcas: tuple[str, ...] = ()
    #: One of :data:`txregistry.model.tls.CLIENT_AUTH`.
    clientauth: str = REQUIRE_AND_VERIFY
    #: One of :data:`txregistry.model.tls.VERSIONS`.
    minimum: str = MINIMUM
    #: Go's names; none of them means those that are good today.
    ciphersuites: tuple[str, ...] = ()


@frozen
class DebugConfig:
    """The debug server."""

    addr: Address
    #: Where metrics are, a path; ``None``: nothing is counted.
    prometheus: str | None = None


@frozen
class HttpConfig:
    """How the registry is reached."""

    #: ``host:port`` for *net* ``tcp`` (see :func:`txregistry.config.addresses.parse_address`), else a path.
    addr: str = ""
    net: str = "tcp"
    #: Empty, or begins with a slash.
    prefix: str = ""
    #: Empty, or an absolute URL that all links shall begin with.
    host: str = ""
    relativeurls: bool = False
    #: Signs the state of uploads; ``None``: any state is believed, whoever made it.
    secret: str | None = field(default=None, repr=False)
    #: Added to every answer of the API; sorted by name.
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: Seconds that a stopping daemon waits for requests under way; 0 does not wait.
    draintimeout: float = 0.0
    #: ``None``: connections are not encrypted.
    tls: TlsConfig | None = None
    #: ``None``: there is no debug server.
    debug: DebugConfig | None = None


@frozen
class RedisTlsConfig:
    """How connections to Redis are encrypted."""

    #: The path of a PEM file with the client's certificate and those that lead to its root; or empty.
    certificate: str = ""
    #: The path of its private key; or empty.
    key: str = ""
    #: The paths of PEM files with the authorities of servers; without any, those of the system.
    rootcas: tuple[str, ...] = ()


@frozen
class RedisConfig:
    """
    Which Redis there is, and how to reach it.

    Durations are in seconds.  An answer is waited for as long as *readtimeout* and *writetimeout* together.
    """

    #: One; or those of sentinels, if there is a *mastername*.
    addrs: tuple[Address, ...]
    #: What sentinels call the master; empty without sentinels.
    mastername: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    sentinelusername: str = ""
    sentinelpassword: str = field(default="", repr=False)
    db: int = 0
    clientname: str = ""
    dialtimeout: float = 1.0
    readtimeout: float = 0.25
    writetimeout: float = 0.25
    #: So many questions may wait for an answer at the same time; further ones are not asked.
    underway: int = 1000
    #: ``None``: connections are not encrypted.
    tls: RedisTlsConfig | None = None


@frozen
class AuthConfig:
    """Who may do what."""

    #: The row of the table of access controllers.
    kind: str = "none"
    #: The options object that the row made.
    options: object = field(default=None, repr=False)


@frozen
class CatalogConfig:
    """The page size of the catalog."""

    maxentries: int = 1000


@frozen
class TagsConfig:
    """The page size of tag lists."""

    maxtags: int = 1000


@frozen
class ValidationConfig:
    """What is demanded of manifests that are pushed."""

    #: Regular expressions of which a URL must match one, unless there is none.
    urls_allow: tuple[str, ...] = ()
    #: Regular expressions of which a URL must match none.
    urls_deny: tuple[str, ...] = ()
    #: Which configs and layers must exist: ``all`` or ``none``.
    blobs: str = "all"
    #: Which children of an index must exist: ``all``, ``none`` or ``list``.
    platforms: str = "all"
    #: Architecture and operating system of the children that ``list`` means; none of them means all children.
    platformlist: tuple[tuple[str, str], ...] = ()


@frozen
class PolicyConfig:
    """What may be pushed at all."""

    #: The classes of manifests that are taken; if there is none, all are.
    classes: tuple[str, ...] = ()


@frozen
class StorageCheck:
    """The storage answers.  *interval* is in seconds; *threshold* failures in a row are one too many."""

    interval: float
    threshold: int


@frozen
class FileCheck:
    """There is no *file*."""

    file: str
    interval: float


@frozen
class HttpCheck:
    """HEAD of *uri* is answered with *statuscode* within *timeout* seconds."""

    uri: str
    statuscode: int
    headers: tuple[tuple[str, tuple[str, ...]], ...]
    timeout: float
    interval: float
    threshold: int


@frozen
class TcpCheck:
    """Somebody listens at *host* and *port*; *addr* is how the configuration writes that."""

    addr: str
    host: str
    port: int
    timeout: float
    interval: float
    threshold: int


@frozen
class HealthConfig:
    """What must be well for the registry to serve."""

    storage: StorageCheck | None = None
    files: tuple[FileCheck, ...] = ()
    http: tuple[HttpCheck, ...] = ()
    tcp: tuple[TcpCheck, ...] = ()


@frozen
class MiddlewareUse:
    """
    One middleware in its place.

    :ivar path: where the configuration chooses it.
    :ivar kind: what can build it.
    """

    path: str
    name: str
    kind: Any = field(repr=False)
    #: The options object that its reader made.
    options: object = field(default=None, repr=False)


@frozen
class MiddlewareConfig:
    """What wraps the storage, the registry and each repository; the last one stands outermost."""

    storage: tuple[MiddlewareUse, ...] = ()
    registry: tuple[MiddlewareUse, ...] = ()
    repository: tuple[MiddlewareUse, ...] = ()


@frozen
class Config:
    """A whole configuration."""

    version: str
    log: LogConfig
    storage: StorageConfig
    http: HttpConfig
    catalog: CatalogConfig
    tags: TagsConfig
    validation: ValidationConfig = field(factory=ValidationConfig)
    policy: PolicyConfig = field(factory=PolicyConfig)
    auth: AuthConfig = field(factory=AuthConfig)
    health: HealthConfig = field(factory=HealthConfig)
    #: ``None``: there is none.
    redis: RedisConfig | None = None
    middleware: MiddlewareConfig = field(factory=MiddlewareConfig)
