"""
A mail server of a test's own, in a process beside it.

It is run as ``python -m tests.live.mailbox DIRECTORY PORT [CERT KEY]``.
"""

from __future__ import annotations

import json
import os
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.live.processes import Program, free_port, wait_for
from tests.live.registries import SOURCE


@frozen
class Letter:
    """
    One mail that came.

    :ivar secure: the connection was encrypted.
    :ivar user: who showed a password.
    """

    to: list[str]
    secure: bool
    user: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return str(self.message.get_content())


class Mailbox:
    """
    The server, running.

    :param directory: for what it gets, and what it says.
    :param certificate: paths of a certificate and its key; with them it encrypts, and asks for the password
        of :mod:`tests.fakes.smtp`.
    """

    def __init__(self, directory: Path, certificate: tuple[str, str] | None = None) -> None:
        self.port = free_port()
        self._mails = directory / "mails"
        self._mails.mkdir(parents=True)
        argv = [
            sys.executable,
            "-m",
            "tests.live.mailbox",
            str(self._mails),
            str(self.port),
            *(certificate or ()),
        ]
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.program = Program("mailbox", argv, directory, env={"PYTHONPATH": os.pathsep.join(paths)})
        self.program.wait_until((self._mails / "ready").exists, "listening")

    def letters(self) -> list[Letter]:
        """What has come, in order."""
        return [_read(path) for path in sorted(self._mails.glob("*.json"))]

    def wait(self, number: int, seconds: float = 30) -> list[Letter]:
        """Wait until *number* mails have come."""
        wait_for(lambda: len(self.letters()) >= number, f"{number} mails", seconds)
        return self.letters()


def _read(path: Path) -> Letter:
    facts = json.loads(path.read_text())
    message = message_from_bytes(path.with_suffix(".eml").read_bytes(), policy=policy.default)
    return Letter(facts["to"], facts["secure"], facts["user"], message)


def _main(reactor: Any, mails: str, port: str, *certificate: str) -> Any:
    """Keep mails until SIGTERM."""
    from twisted.internet.defer import Deferred
    from twisted.internet.ssl import DefaultOpenSSLContextFactory

    from tests.fakes.smtp import Mail, MailServer

    directory = Path(mails)

    def keep(mail: Mail) -> None:
        name = f"{len(server.mails):06d}"
        (directory / f"{name}.eml").write_bytes(mail.content)
        facts = directory / f"{name}.part"
        facts.write_text(json.dumps({"to": mail.to, "secure": mail.secure, "user": mail.user}))
        facts.rename(facts.with_suffix(".json"))

    tls = DefaultOpenSSLContextFactory(certificate[1], certificate[0]) if certificate else None
    server = MailServer(tls=tls, login=bool(certificate), arrived=keep)
    reactor.listenTCP(int(port), server.factory(), interface="127.0.0.1")
    (directory / "ready").touch()
    return Deferred()


if __name__ == "__main__":
    from twisted.internet.task import react

    react(_main, sys.argv[1:])
