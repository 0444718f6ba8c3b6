"""The ``txregistry`` command."""

from __future__ import annotations

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
    from twisted.scripts.twistd import run

    config = [] if file is None else ["--config", file]
    sys.argv = ["twistd", "--nodaemon", "--pidfile=", "txregistry", *config]
    run()
