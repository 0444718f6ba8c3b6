"""The token server of these tests gives what users may have, and nothing else."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import jwt

from tests.auth.making import SERVICE, make_key
from tests.live.case import LiveTestCase
from tests.live.tokens.running import TokenServer
from tests.live.tokens.scopes import Scope, allowed, parse_scopes
from tests.live.tokens.settings import PUBLIC
from tests.live.wire import Answer, Wire

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class ScopeTests(LiveTestCase):
    """What clients ask for, and how much of it they get."""

    def test_parse(self) -> None:
        """Scopes come one by one or several in a line; a class and a name with a port are no trouble."""
        one, other = "repository:a:pull,push registry:catalog:*", "repository(plugin):host:80/b:pull"
        asked = parse_scopes([one, other])
        self.assertEqual(
            asked,
            (
                Scope("repository", "a", ("pull", "push")),
                Scope("registry", "catalog", ("*",)),
                Scope("repository", "host:80/b", ("pull",)),
            ),
        )
        self.assertRaises(ValueError, parse_scopes, ["repository:a"])

    def test_allowed(self) -> None:
        """Of what is asked for, what the rights allow is left; what nothing is left of is not there."""
        rights = {"repository:team/*": ["pull"], "repository:team/a": ["push"]}
        asked = parse_scopes(["repository:team/a:pull,push,delete repository:team/b:push repository:c:pull"])
        self.assertEqual(allowed(asked, rights, {}), (Scope("repository", "team/a", ("pull", "push")),))


class TokenServerTests(LiveTestCase):
    """The server as clients find it."""

    def setUp(self) -> None:
        """Start a server that knows alice."""
        self.key = make_key()
        rights = {"alice": {"repository:a": ["pull", "push"]}, PUBLIC: {"repository:public": ["pull"]}}
        self.server = TokenServer(self.directory(), self.key, {"alice": "her word"}, rights)
        self.addCleanup(self.server.program.terminate)
        self.server.wait_ready()

    def access(self, answer: Answer) -> Any:
        """Verify the token in an answer, and give what it allows."""
        self.assertEqual(answer.status, 200, answer)
        token = json.loads(answer.body)["token"]
        claims = jwt.decode(token, self.key.public, [self.key.algorithm], audience=SERVICE)
        return {entry["name"]: entry["actions"] for entry in claims["access"]}

    def post(self, **form: str) -> Answer:
        """Post a form, as OAuth 2 has it."""
        body = urlencode({"service": SERVICE, "scope": "repository:a:pull", **form})
        return Wire("127.0.0.1", self.server.port).request("POST", "/token", body.encode(), FORM)

    def test_rights(self) -> None:
        """Users get what they may have, everybody what is public; a wrong password is a 401."""
        scopes = "repository:a:push", "repository:public:pull,push"
        self.assertEqual(self.access(self.server.ask("alice", *scopes)), {"a": ["push"], "public": ["pull"]})
        self.assertEqual(self.access(self.server.ask(PUBLIC, *scopes)), {"public": ["pull"]})
        for form in (
            {"grant_type": "password", "username": "alice", "password": "another"},
            {"grant_type": "refresh_token", "refresh_token": "made up"},
        ):
            self.assertEqual(self.post(**form).status, 401, form)
        self.assertEqual(len(self.server.requests()), 4)

    def test_refresh(self) -> None:
        """A refresh token is good for another token of the same user."""
        form = {"username": "alice", "password": "her word", "access_type": "offline"}
        answer = self.post(grant_type="password", **form)
        self.assertEqual(self.access(answer), {"a": ["pull"]})
        refresh = json.loads(answer.body)["refresh_token"]
        again = self.post(grant_type="refresh_token", refresh_token=refresh)
        self.assertEqual(self.access(again), {"a": ["pull"]})
        self.assertIn(refresh, self.server.secrets())
