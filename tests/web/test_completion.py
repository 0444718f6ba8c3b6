"""The log line at the end of each request."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.web.serving import Held, Server, echo
from tests.web.wire import request_bytes
from txregistry.web.completion import TOLD, CompletionLog, go_duration
from txregistry.web.refused import Refused
from txregistry.web.replies import NULL, Problem, Reply, problem_reply
from txregistry.web.request import RegistryRequest


class CompletionLogTests(SynchronousTestCase):
    """What is logged of whom."""

    def serve(
        self, serve: Any, quiet: bool = False, hang_up: bool = False, routed: bool = True
    ) -> list[dict[str, Any]]:
        """The events of one request, a GET that takes a second and a half."""

        async def found(request: RegistryRequest) -> None:
            request.routed = routed
            await serve(request)

        held = Held(found)
        server = Server(held)
        server.site.tell(CompletionLog(server.clock, quiet))
        connection = server.connect()
        with capturedLogs() as events:
            connection.send(request_bytes("GET", "/v2/a"))
            server.clock.advance(1.5)
            if hang_up:
                connection.hang_up()
            else:
                held.turns[0].callback(None)
        return [event for event in events if event["log_namespace"].endswith("CompletionLog")]

    def test_completed(self) -> None:
        """A request that went well is told with its status, size and time."""

        async def serve(request: RegistryRequest) -> None:
            request.answer(Reply(202, body=b"12345"))

        [event] = self.serve(serve)
        self.assertEqual((event["log_level"].name, event["log_format"]), ("info", "response completed"))
        fields = event["fields"]
        self.assertEqual(fields["http.response.status"], 202)
        self.assertEqual(fields["http.response.written"], 5)
        self.assertEqual(fields["http.response.duration"], "1.5s")
        self.assertEqual(fields["http.request.uri"], "/v2/a")

    def test_quiet(self) -> None:
        """Where nobody would see it, it is not told."""
        self.assertEqual(self.serve(echo, quiet=True), [])

    def test_problems(self) -> None:
        """One with problems has a line for each of them, quiet or not."""

        async def serve(request: RegistryRequest) -> None:
            request.fail([Problem(404, "BLOB_UNKNOWN", "no", {"a": 1}), Problem(400, "B", "b")])

        for quiet in (False, True):
            first, second = self.serve(serve, quiet)
            self.assertEqual(first["log_level"].name, "error")
            self.assertEqual(first["log_format"], "response completed with error")
            self.assertEqual(first["fields"]["err.code"], "blob unknown")
            self.assertEqual(first["fields"]["err.message"], "no")
            self.assertEqual(first["fields"]["err.detail"], {"a": 1})
            self.assertEqual(second["fields"]["err.code"], "b")
            self.assertNotIn("err.detail", second["fields"])

    def test_problem_reply(self) -> None:
        """It makes no difference whether a route fails, or answers with the problem."""

        async def serve(request: RegistryRequest) -> None:
            request.answer(problem_reply([Problem(404, "BLOB_UNKNOWN", "no")]))

        [event] = self.serve(serve, quiet=True)
        self.assertEqual(
            (event["log_level"].name, event["log_format"]), ("error", "response completed with error")
        )
        self.assertEqual(event["fields"]["err.code"], "blob unknown")

    def test_minor(self) -> None:
        """Minor problems have the level of a success, as all have that no route was found for."""
        for minor, routed in ((True, True), (False, False), (True, False)):

            async def serve(request: RegistryRequest, minor: bool = minor) -> None:
                request.answer(problem_reply([Problem(405, "A", "a"), Problem(405, "B", "b")], minor=minor))

            for event in self.serve(serve, routed=routed):
                self.assertEqual(
                    (event["log_level"].name, event["log_format"]), ("info", "response completed with error")
                )
            self.assertEqual(self.serve(serve, routed=routed, quiet=True), [])

    def test_unexplained(self) -> None:
        """An answer that says of no problem, but has the status of one, is no success."""

        async def serve(request: RegistryRequest) -> None:
            request.answer(Reply(503))

        [event] = self.serve(serve, quiet=True)
        self.assertEqual(
            (event["log_level"].name, event["log_format"]), ("error", "response completed with error")
        )
        self.assertEqual(event["fields"]["http.response.status"], 503)

    def test_refused(self) -> None:
        """One that was not let in has one line, of the level of its refusal, with status and error."""

        async def serve(request: RegistryRequest) -> None:
            fields = {"auth.user.name": "mallory"}
            request.refused = Refused(LogLevel.warn, "no entry: {reason}", "wrong password", fields)
            request.fail([Problem(401, "UNAUTHORIZED", "authentication required", NULL)])

        for quiet in (False, True):
            [event] = self.serve(serve, quiet)
            self.assertEqual(
                (event["log_level"].name, formatEvent(event)), ("warn", "no entry: wrong password")
            )
            fields = event["fields"]
            self.assertEqual(fields["http.response.status"], 401)
            self.assertEqual(fields["err.code"], "unauthorized")
            self.assertEqual(fields["err.message"], "authentication required")
            self.assertEqual(fields["auth.user.name"], "mallory")
            self.assertNotIn("err.detail", fields)

    def test_refused_quietly(self) -> None:
        """Where nobody would see the line of one without credentials, there is none."""

        async def serve(request: RegistryRequest) -> None:
            request.refused = Refused(LogLevel.info, "no entry: {reason}", "no credentials", {})
            request.fail([Problem(401, "UNAUTHORIZED", "authentication required")])

        self.assertEqual(self.serve(serve, quiet=True), [])
        [event] = self.serve(serve)
        self.assertEqual(event["log_level"].name, "info")

    def test_refused_and_left(self) -> None:
        """So has one whose client did not wait for the answer."""

        async def serve(request: RegistryRequest) -> None:
            request.refused = Refused(LogLevel.warn, "no entry: {reason}", "wrong password", {})
            await Deferred()

        held = Held(serve)
        server = Server(held)
        server.site.tell(CompletionLog(server.clock, False))
        connection = server.connect()
        with capturedLogs() as events:
            connection.send(request_bytes("GET", "/v2/a"))
            held.turns[0].callback(None)
            connection.hang_up()
        [event] = [event for event in events if event["log_namespace"].endswith("CompletionLog")]
        self.assertEqual(formatEvent(event), "no entry: wrong password")
        self.assertEqual(event["fields"]["http.response.status"], 499)

    def test_cause(self) -> None:
        """What clients are not told of a failure, the log is, in the same line as the status."""

        async def serve(request: RegistryRequest) -> None:
            request.cause = "data: Input/output error"
            request.fail([Problem(500, "UNKNOWN", "unknown error", "the registry's storage failed")])

        [event] = self.serve(serve)
        self.assertEqual(event["fields"]["err.detail"], "data: Input/output error")
        self.assertEqual(event["fields"]["http.response.status"], 500)

    def test_fault(self) -> None:
        """A fault of ours is named in the line with the status; the traceback is in a line before."""

        async def serve(request: RegistryRequest) -> None:
            raise ZeroDivisionError("by nothing")

        [event] = self.serve(serve, routed=False)
        self.assertEqual((event["log_level"].name, event["fields"]["http.response.status"]), ("error", 500))
        self.assertEqual(event["fields"]["err.detail"], "ZeroDivisionError: by nothing")
        self.assertNotIn("err.stack", event["fields"])
        [failure] = self.flushLoggedErrors(ZeroDivisionError)
        self.assertIn("test_completion.py", failure.getTraceback())

    def test_many_problems(self) -> None:
        """Of very many, the first are told, and how many more there are."""

        async def serve(request: RegistryRequest) -> None:
            request.fail([Problem(400, "B", "b", number) for number in range(TOLD + 7)])

        *told, last = self.serve(serve)
        self.assertEqual([event["fields"]["err.detail"] for event in told], [*range(TOLD)])
        self.assertEqual((last["more"], last["log_level"].name), (7, "error"))

    def test_left(self) -> None:
        """One whose client left is an error of its own kind, in distribution's words."""
        for handler, what in (
            ("blob_upload_chunk", "blob GET"),
            ("blob_upload", "blob GET"),
            ("manifest", "image manifest GET"),
            ("tags", "tags GET"),
            ("", "GET"),
        ):
            self.patch(RegistryRequest, "handler", handler)
            [event] = self.serve(echo, hang_up=True, quiet=True)
            self.assertEqual(formatEvent(event), f"client disconnected during {what}")
            self.assertEqual(
                (event["log_level"].name, event["fields"]["http.response.status"]), ("error", 499)
            )


class DurationTests(SynchronousTestCase):
    """Durations as Go prints them."""

    def test_forms(self) -> None:
        """The unit fits the size."""
        for seconds, shown in (
            (0, "0µs"),
            (0.000_000_5, "0.5µs"),
            (0.000_587_112, "587.112µs"),
            (0.001_4, "1.4ms"),
            (0.999_999, "999.999ms"),
            (1, "1s"),
            (2.5, "2.5s"),
            (59.999, "59.999s"),
            (60, "1m0s"),
            (3725.25, "1h2m5.25s"),
        ):
            self.assertEqual(go_duration(seconds), shown)
