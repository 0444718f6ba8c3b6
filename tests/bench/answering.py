"""A small server that lets one user in, and closes the door on guesses in turn."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread

from attrs import define, field

from bench.variants import LATECOMERS, USER, basic

WELCOME = {basic(USER), *(basic(f"late-{number}") for number in range(LATECOMERS))}


@define(eq=False)
class Doorkeeper:
    """
    Answers 200 to who has the right password and 401 to the others, but 429 to every third of them.

    :ivar hang_up: say so with each 429, and close the connection.
    :ivar shown: the ``Authorization`` of each request with a wrong password.
    :ivar sources: the addresses that these came from.
    """

    hang_up: bool = False
    shown: list[str] = field(factory=list)
    sources: set[str] = field(factory=set)
    _numbers: "count[int]" = field(factory=lambda: count(1))

    def __attrs_post_init__(self) -> None:
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer leaves in one piece

            def do_GET(self) -> None:
                keeper.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    _server: ThreadingHTTPServer = field(init=False)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1]

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Decide on one request."""
        authorization = request.headers["Authorization"]
        status = 200
        if authorization not in WELCOME:
            self.shown.append(authorization)
            self.sources.add(request.client_address[0])
            status = 401 if next(self._numbers) % 3 else 429
        request.send_response(status)
        request.send_header("Content-Length", "4")
        if status == 429 and self.hang_up:
            request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(b"body")
