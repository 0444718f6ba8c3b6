"""What ``twistd txregistry`` calls: options to configuration, configuration to services."""

from __future__ import annotations

import os
import sys

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.python import usage

from txregistry.assembly import CONFIGURABLE, assemble
from txregistry.config.reading import Reading, load_config

#: Ends the process when the configuration cannot be used (EX_USAGE of sysexits.h).
EXIT_CONFIG = 64


def read_configuration(path: str | None) -> Reading:
    """
    Read the configuration at *path*, else at ``$REGISTRY_CONFIGURATION_PATH``.

    :raises SystemExit: it cannot be used; stderr has a line for each fault.
    """
    path = path or os.environ.get("REGISTRY_CONFIGURATION_PATH")
    if not path:
        reading = Reading(None, ("configuration path unspecified: give --config FILE",))
    else:
        reading = load_config(path, os.environ, CONFIGURABLE)
    if reading.config is None:
        for line in (*reading.faults, *(f"warning: {text}" for text in reading.warnings)):
            sys.stderr.write(f"{line}\n")
        raise SystemExit(EXIT_CONFIG)
    return reading


class Options(usage.Options):
    """The options behind ``twistd txregistry``."""

    longdesc = "A container image registry, configured like docker distribution."
    optParameters = [["config", "c", None, "The YAML configuration file."]]

    reading: Reading

    def postOptions(self) -> None:
        """Read the configuration before anything daemonizes, while the operator still sees complaints."""
        self.reading = read_configuration(self["config"])


def makeService(options: Options) -> IService:
    """The registry as a service."""
    from twisted.internet import reactor

    log = Logger("txregistry.config")
    for warning in options.reading.warnings:
        log.warn("{warning}", warning=warning)
    return assemble(options.reading.require(), reactor)
