"""What ``twistd txregistry`` calls: options to configuration, configuration to services."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - loaded late otherwise, when chroot or another user may hide it
import os
import resource
import stat
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python import usage

from txregistry.assembly import CONFIGURABLE, assemble
from txregistry.config.reading import Reading, load_config
from txregistry.errors import Misconfigured
from txregistry.heap import keep_freed_memory, spare_what_is_loaded
from txregistry.lines import STDERR, Descriptor, LogFile, Sink, SystemLog
from txregistry.reloading import Reloader
from txregistry.signals import obey_signals
from txregistry.systemd import SystemdNotice, handed_over, initial_environment

#: Names the configuration file where no option does.
CONFIG_VARIABLE = "REGISTRY_CONFIGURATION_PATH"
#: Ends the process when the configuration or an option cannot be used (EX_USAGE of sysexits.h).
EXIT_CONFIG = 64


def read_configuration(path: str | None) -> Reading:
    """
    Read the configuration at *path*, else at ``$REGISTRY_CONFIGURATION_PATH``.

    :raises SystemExit: it cannot be used; stderr has a line for each fault.
    """
    path = path or os.environ.get(CONFIG_VARIABLE)
    if not path:
        reading = Reading(
            None, ("configuration path unspecified: give --config FILE, or set REGISTRY_CONFIGURATION_PATH",)
        )
    else:
        reading = load_config(path, os.environ, CONFIGURABLE)
    if reading.config is None:
        for line in (*reading.faults, *(f"warning: {text}" for text in reading.warnings)):
            sys.stderr.write(f"{line}\n")
        raise SystemExit(EXIT_CONFIG)
    return reading


def reread_configuration(path: str, environ: Mapping[str, str]) -> Reading:
    """
    Read the configuration at *path* once more, while the daemon runs; blocking.

    A pipe, which the start may read, has nothing more to say, and would hold
    its reader, and a later stop with it.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        pass  # reading it tells why
    else:
        if not stat.S_ISREG(mode):
            return Reading(None, (f"{path}: it is not a regular file",))
    return load_config(path, environ, CONFIGURABLE)


class Options(usage.Options):
    """The options behind ``twistd txregistry``."""

    longdesc = "A container image registry, configured like docker distribution."
    optParameters = [["config", "c", None, "The YAML configuration file."]]

    reading: Reading
    #: Where it was read from; absolute, since daemons change their directory.
    path: str

    def postOptions(self) -> None:
        """Read the configuration before anything daemonizes, while the operator still sees complaints."""
        self.reading = read_configuration(self["config"])
        self.path = os.path.abspath(self["config"] or os.environ[CONFIG_VARIABLE])


def makeService(options: Options) -> IService:
    """The registry as a service."""
    from twisted.internet import reactor

    log = Logger("txregistry.config")
    for warning in options.reading.warnings:
        log.warn("{warning}", warning=warning)
    _raise_descriptor_limit()
    keep_freed_memory()
    sink = _log_sink(getattr(options, "parent", None))
    try:
        daemon = assemble(
            options.reading.require(), reactor, sink, sockets=handed_over(initial_environment())
        )
    except Misconfigured as error:
        for fault in error.faults:
            sys.stderr.write(f"{fault}\n")
        raise SystemExit(EXIT_CONFIG) from None
    notice = SystemdNotice(reactor, os.environ)
    notice.setServiceParent(daemon)
    reread = partial(reread_configuration, options.path, dict(os.environ))
    reloader = Reloader(
        partial(daemon.workers.run, reread), options.reading, daemon.take_over, notice.reloading, notice.ready
    )
    obey_signals(reactor, daemon.listener.hurry, lambda: Deferred.fromCoroutine(reloader.reload()))
    reactor.callWhenRunning(spare_what_is_loaded)
    return daemon


def _log_sink(twistd: Mapping[str, Any] | None) -> Sink:
    """
    Where twistd was told to log: on stderr by default, which a daemon does not have.

    :raises SystemExit: a file cannot be opened; stderr says why.
    """
    if twistd is None:
        return Descriptor(STDERR)
    if twistd["syslog"]:
        return SystemLog(twistd["prefix"])
    path = twistd["logfile"]
    if not path or path == "-":
        if twistd["nodaemon"]:
            return Descriptor(STDERR)
        path = "twistd.log"
    file = LogFile(path)
    try:
        file.open()
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}\n")
        raise SystemExit(EXIT_CONFIG) from None
    return file


def _raise_descriptor_limit() -> None:
    """Take as many descriptors as we may have: each connection and each upload needs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):  # some systems do not allow what they say
        return
