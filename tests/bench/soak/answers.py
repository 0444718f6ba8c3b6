"""A server that says what a test wants, true or not."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from attrs import define, field, frozen


@frozen
class Said:
    """An answer: *announced* bytes instead of as many as there are in *body*, if given."""

    status: int = 200
    body: bytes = b""
    announced: int | None = None


@define(eq=False)
class Answers:
    """
    Says for each path what *said* has, and hangs up where it has nothing.

    :ivar shown: the ``Authorization`` of each request.
    """

    said: dict[str, Said] = field(factory=dict)
    shown: list[str] = field(factory=list)
    _server: ThreadingHTTPServer = field(init=False)

    def __attrs_post_init__(self) -> None:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer leaves in one piece

            def do_GET(self) -> None:
                answers.shown.append(self.headers["Authorization"])
                said = answers.said.get(self.path)
                if said is None:
                    self.close_connection = True
                    return
                self.send_response(said.status)
                length = len(said.body) if said.announced is None else said.announced
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(said.body)
                self.close_connection = length != len(said.body)

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1]

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
