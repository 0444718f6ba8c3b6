"""The token server's two requests: the GET of docker's registries, and the form of OAuth 2."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any, ClassVar

from attrs import frozen
from klein import Klein
from twisted.web.server import Request

from tests.live.tokens.scopes import Scope, allowed, claim, parse_scopes
from tests.live.tokens.settings import PUBLIC, Settings


@frozen
class Refused(Exception):
    """The request gets no token, but *status* and a reason."""

    status: int
    code: str
    reason: str


@frozen
class Asked:
    """What a request asks for, by whom, and whether it wants a refresh token."""

    user: str
    scopes: tuple[Scope, ...]
    service: str
    lasting: bool


class TokenApp:
    """
    Answers requests for tokens.

    :param sign: makes a token of claims.
    :param log: is told of each request, what it asked for and what it got.
    """

    app: ClassVar[Klein] = Klein()

    def __init__(
        self,
        settings: Settings,
        sign: Callable[[dict[str, Any]], str],
        log: Callable[[dict[str, Any]], None],
    ) -> None:
        self._settings, self._sign, self._log = settings, sign, log
        self._refresh: dict[str, str] = {}

    @app.route("/token", methods=["GET"])
    def get(self, request: Request) -> bytes:
        """Give a token to a client that asks with a query and, unless it is anybody, a Basic header."""
        return self._answer(request, self._asked_by_query)

    @app.route("/token", methods=["POST"])
    def post(self, request: Request) -> bytes:
        """Give a token to a client that posts a form."""
        return self._answer(request, self._asked_by_form)

    def _answer(self, request: Request, read: Callable[[Request], Asked]) -> bytes:
        request.setHeader("Content-Type", "application/json")
        line: dict[str, Any] = {"method": request.method.decode(), "grant": _field(request, "grant_type")}
        try:
            asked = read(request)
            answer, granted = self._issue(asked)
            line |= {
                "user": asked.user,
                "scopes": [str(scope) for scope in asked.scopes],
                "granted": [str(scope) for scope in granted],
                "secrets": [answer["token"], *([answer["refresh_token"]] if asked.lasting else [])],
            }
        except Refused as refusal:
            request.setResponseCode(refusal.status)
            if refusal.status == 401:
                request.setHeader("WWW-Authenticate", 'Basic realm="tokens"')
            answer = {"errors": [{"code": refusal.code, "message": refusal.reason}]}
            line |= {"refused": refusal.reason}
        self._log({**line, "status": request.code})
        return json.dumps(answer).encode()

    def _asked_by_query(self, request: Request) -> Asked:
        user = PUBLIC
        if request.getHeader("Authorization") is not None:
            user = self._known(request.getUser().decode(), request.getPassword().decode())
        lasting = _field(request, "offline_token") == "true" and user != PUBLIC
        return self._asked(request, user, lasting)

    def _asked_by_form(self, request: Request) -> Asked:
        if not self._settings.oauth:
            raise Refused(405, "UNSUPPORTED", "no form is known here")
        kind = _field(request, "grant_type")
        if kind == "password":
            user = self._known(_field(request, "username"), _field(request, "password"))
        elif kind == "refresh_token":
            user = self._refresh.get(_field(request, "refresh_token"), PUBLIC)
            if user == PUBLIC:
                raise Refused(401, "UNAUTHORIZED", "this refresh token is not known")
        else:
            raise Refused(400, "UNSUPPORTED", f"no grant is called {kind!r}")
        return self._asked(request, user, _field(request, "access_type") == "offline")

    def _asked(self, request: Request, user: str, lasting: bool) -> Asked:
        try:
            scopes = parse_scopes(value.decode() for value in request.args.get(b"scope", []))
        except ValueError as error:
            raise Refused(400, "INVALID", str(error)) from None
        return Asked(user, scopes, _field(request, "service"), lasting)

    def _known(self, user: str, password: str) -> str:
        right = self._settings.passwords.get(user)
        if right is None or not compare_digest(right.encode(), password.encode()):
            raise Refused(401, "UNAUTHORIZED", "wrong user name or password")
        return user

    def _issue(self, asked: Asked) -> tuple[dict[str, Any], tuple[Scope, ...]]:
        settings = self._settings
        if asked.service != settings.service:
            raise Refused(400, "INVALID", f"no service is called {asked.service!r} here")
        granted = allowed(asked.scopes, settings.rights.get(asked.user, {}), settings.rights.get(PUBLIC, {}))
        issued = int(time.time()) - settings.age
        begins = issued - settings.early
        token = self._sign(
            {
                "iss": settings.issuer,
                "sub": asked.user,
                "aud": settings.service,
                "iat": begins,
                "nbf": begins,
                "exp": begins + settings.told,
                "jti": uuid.uuid4().hex,
                "access": claim(granted, settings.classes),
            }
        )
        answer: dict[str, Any] = {
            "token": token,
            "access_token": token,
            "expires_in": settings.told,
            "issued_at": datetime.fromtimestamp(issued, UTC).isoformat(),
        }
        if asked.lasting:
            answer["refresh_token"] = uuid.uuid4().hex
            self._refresh[answer["refresh_token"]] = asked.user
        return answer, granted


def _field(request: Request, name: str) -> str:
    """The first value of a field of the query or the form, or nothing."""
    values: list[bytes] = request.args.get(name.encode(), [b""])
    return values[0].decode()
