"""Serve tokens until SIGTERM."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort, IReactorTCP
from twisted.internet.task import react
from twisted.web.server import Site

from tests.live.tokens.app import TokenApp
from tests.live.tokens.settings import Settings
from tests.live.tokens.signing import Signer


def main(reactor: IReactorTCP, path: str) -> Deferred[object]:
    """Serve what the file at *path* says."""
    settings = Settings.read(Path(path))

    def log(line: dict[str, Any]) -> None:
        with Path(settings.log).open("a") as file:
            file.write(json.dumps(line) + "\n")

    site = Site(TokenApp(settings, Signer(settings).sign, log).app.resource())
    listening: Deferred[IListeningPort] = TCP4ServerEndpoint(
        reactor, settings.port, interface="127.0.0.1"
    ).listen(site)
    return listening.addCallback(lambda _: Deferred())


react(main, sys.argv[1:])
