"""The token server as tests see it: a program, and what it was asked for."""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from attrs import field, frozen

from tests.auth.making import ISSUER, SERVICE, SigningKey, jwk
from tests.live.processes import Program, free_port
from tests.live.registries import SOURCE
from tests.live.tokens.settings import Rights, Settings
from tests.live.wire import Answer, Wire, basic


@frozen
class Request:
    """
    A request for a token, as the server's log has it.

    :ivar granted: what the token allows.
    :ivar secrets: the tokens that the client was given.
    :ivar refused: why it got none, or empty.
    """

    method: str
    grant: str
    status: int
    user: str = ""
    scopes: tuple[str, ...] = field(default=(), converter=tuple)
    granted: tuple[str, ...] = field(default=(), converter=tuple)
    secrets: tuple[str, ...] = field(default=(), converter=tuple)
    refused: str = ""


class TokenServer:
    """
    A token server, running.

    :param directory: an empty one, for its files.
    :param key: signs its tokens.
    :param passwords: by user.
    :param rights: by user, and for everybody by the empty name.
    :param more: further :class:`Settings`.
    :ivar certificate: a file with a certificate for the key; *key_set* is one with a JSON Web Key Set.
    """

    def __init__(
        self,
        directory: Path,
        key: SigningKey,
        passwords: Mapping[str, str],
        rights: Mapping[str, Rights],
        **more: Any,
    ) -> None:
        self._log = directory / "requests"
        self.certificate = directory / "signing.crt"
        self.certificate.write_bytes(key.certificate_pem)
        self.key_set = directory / "signing.jwks"
        self.key_set.write_text(json.dumps({"keys": [jwk(key.public, kid=key.thumbprint)]}))
        private = directory / "signing.key"
        private.write_bytes(key.private_pem)
        settings = Settings(
            port=free_port(),
            issuer=ISSUER,
            service=SERVICE,
            key=str(private),
            certificate=str(self.certificate),
            algorithm=key.algorithm,
            log=str(self._log),
            passwords=passwords,
            rights=rights,
            **{"naming": "libtrust", **more},
        )
        settings.write(directory / "settings.json")
        self._wire = Wire("127.0.0.1", settings.port)
        self.port = settings.port
        self.realm = f"http://127.0.0.1:{self.port}/token"
        self._passwords = passwords
        argv = [sys.executable, "-m", "tests.live.tokens", str(directory / "settings.json")]
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.program = Program("tokens", argv, directory, env={"PYTHONPATH": os.pathsep.join(paths)})

    def wait_ready(self) -> None:
        """Wait until it listens; :raises AssertionError: it does not come up."""
        self.program.wait_until(self._listens, "listening")

    def auth(self, keys: str = "rootcertbundle") -> dict[str, object]:
        """
        Give the section ``auth`` of a registry that takes its tokens.

        :param keys: the setting that leads the registry to the key; ``jwks`` is the other one.
        """
        file = {"rootcertbundle": self.certificate, "jwks": self.key_set}[keys]
        names = {"realm": self.realm, "issuer": ISSUER, "service": SERVICE}
        return {"token": {**names, keys: str(file)}}

    def requests(self) -> list[Request]:
        """Give what it was asked for so far."""
        if not self._log.exists():
            return []
        return [Request(**json.loads(line)) for line in self._log.read_text().splitlines()]

    def secrets(self) -> set[str]:
        """Give every token that it gave out."""
        return {secret for request in self.requests() for secret in request.secrets}

    def ask(self, user: str, *scopes: str) -> Answer:
        """Ask for a token as clients do; as nobody in particular, if *user* is empty."""
        query = urlencode([("service", SERVICE), *(("scope", scope) for scope in scopes)])
        return self._wire.request(
            "GET", f"/token?{query}", headers=basic(user, self._passwords[user]) if user else {}
        )

    def token(self, user: str, *scopes: str) -> str:
        """
        Fetch a token.

        :raises AssertionError: there is none for them.
        """
        answer = self.ask(user, *scopes)
        if answer.status != 200:
            raise AssertionError(f"no token for {user!r}: {answer}")
        return str(json.loads(answer.body)["token"])

    def _listens(self) -> bool:
        try:
            return self._wire.request("GET", "/").status == 404
        except (OSError, http.client.HTTPException):
            return False
