"""
A configuration file and the environment, read into a :class:`~txregistry.config.values.Config`.

Faults and warnings are collected and returned together: an operator mends a file in one go.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from attrs import field, frozen

from txregistry.config.auth import read_auth
from txregistry.config.cursor import Cursor
from txregistry.config.decoding import Value, decode
from txregistry.config.document import (
    LONGEST_TEXT,
    DocumentFault,
    MappingNode,
    Node,
    ScalarNode,
    parse_document,
)
from txregistry.config.environ import overlay
from txregistry.config.findings import Findings, quoted
from txregistry.config.health import read_health
from txregistry.config.http import read_http
from txregistry.config.kinds import Kinds
from txregistry.config.log import read_log
from txregistry.config.middleware import read_middleware
from txregistry.config.redis import read_redis
from txregistry.config.schema import SCHEMA
from txregistry.config.storage import read_storage
from txregistry.config.unsupported import refuse_unsupported, warn_of_tracing
from txregistry.config.validation import read_policy, read_validation
from txregistry.config.values import CatalogConfig, Config, TagsConfig

#: The one version of the file format.
VERSION = "0.1"
#: The longest file that is read, in bytes.
LONGEST_FILE = LONGEST_TEXT


class ConfigError(Exception):
    """The configuration cannot be used."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        #: One line each.
        self.faults = faults


@frozen
class Reading:
    """
    What came of reading: a configuration or faults, and in either case warnings; one line each.

    :ivar settings: what the file and the environment say, as plain values; secrets too.
    """

    config: Config | None
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Value] = field(factory=dict, repr=False, eq=False)

    def require(self) -> Config:
        """
        Give the configuration.

        :raises ConfigError: there are faults.
        """
        if self.config is None:
            raise ConfigError(self.faults)
        return self.config


def load_config(path: str, environ: Mapping[str, str], kinds: Kinds) -> Reading:
    """
    Read the file at *path* with the variables of *environ* laid over it.

    A file that cannot be read is a fault like any other.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LONGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Reading(None, (f"{path}: {reason}",))
    if len(content) > LONGEST_FILE:
        return Reading(None, (f"{path}: longer than {LONGEST_FILE} bytes",))
    try:
        text = _decoded(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Reading(None, (f"line {line}: not valid UTF-8",))
    return read_config(text, environ, kinds)


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")


def read_config(text: str, environ: Mapping[str, str], kinds: Kinds) -> Reading:
    """
    Read the YAML *text* with the variables of *environ* laid over it.

    :param kinds: what ``storage``, ``auth`` and ``middleware`` may name.
    """
    findings = Findings()
    try:
        document = parse_document(text)
    except DocumentFault as fault:
        return Reading(None, (str(fault),))
    if document.more:
        findings.warnings.append("only the first YAML document is read")
    if not _is_sections(document.root):
        return Reading(None, ("line 1: must be a mapping of sections, such as 'version: 0.1'",))
    written = decode(document.root, SCHEMA, (), findings)
    version = _read_version(_cursor(written, findings))
    settings = overlay(written, SCHEMA, environ, findings)
    root = _cursor(settings, findings)
    log, storage, http = read_log(root), read_storage(root, kinds.drivers), read_http(root)
    catalog, tags = _read_catalog(root.section("catalog")), _read_tags(root.section("tags"))
    validation, policy = read_validation(root.section("validation")), read_policy(root.section("policy"))
    auth, health = read_auth(root, kinds.access), read_health(root)
    redis = read_redis(root)
    middleware = read_middleware(root, kinds.middleware, kinds.find_plugins)
    refuse_unsupported(root)
    warn_of_tracing(root, environ)
    warnings = tuple(findings.warnings)
    if findings.faults or storage is None:
        return Reading(None, tuple(findings.faults), warnings)
    config = Config(
        version, log, storage, http, catalog, tags, validation, policy, auth, health, redis, middleware
    )
    return Reading(config, (), warnings, settings if isinstance(settings, dict) else {})


def _is_sections(root: Node | None) -> bool:
    empty = root is None or (isinstance(root, ScalarNode) and root.value is None)
    return empty or isinstance(root, MappingNode)


def _cursor(values: Value, findings: Findings) -> Cursor:
    return Cursor(values if isinstance(values, dict) else {}, (), findings)


def _read_version(root: Cursor) -> str:
    version = root.text("version")
    if version != VERSION:
        root.fault(
            "version", f"must be {VERSION}, " + (f"not {quoted(version)}" if version else "but is missing")
        )
    return version


def _read_catalog(catalog: Cursor) -> CatalogConfig:
    maxentries = catalog.integer("maxentries")
    return CatalogConfig(maxentries) if maxentries > 0 else CatalogConfig()


def _read_tags(tags: Cursor) -> TagsConfig:
    maxtags = tags.integer("maxtags")
    if maxtags < 0:
        tags.fault("maxtags", f"must not be negative, not {maxtags}")
    return TagsConfig(maxtags) if maxtags > 0 else TagsConfig()
