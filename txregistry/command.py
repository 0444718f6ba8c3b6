"""The ``txregistry`` command."""

from __future__ import annotations

import os
import sys

import click

from txregistry import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", prog_name="txregistry")
def main() -> None:
    """A container image registry."""


@main.command()
@click.argument("file", required=False, type=click.Path())
def serve(file: str | None) -> None:
    """
    Serve with the configuration in FILE, or in $REGISTRY_CONFIGURATION_PATH.

    The same as ``twistd -n txregistry --config FILE``.
    """
    _open_standard_streams()
    from twisted.scripts.twistd import run

    config = [] if file is None else ["--config", file]
    sys.argv = ["twistd", "--nodaemon", "--pidfile=", "txregistry", *config]
    run()


def _open_standard_streams() -> None:
    """Open those that are closed: else the next file gets the number of one, and our lines."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
