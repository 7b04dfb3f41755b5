"""The HTTP layer: a thread for each connection on 127.0.0.1, and none left once it is closed."""

import contextlib
import http.server
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from email.utils import format_datetime
from typing import Any

from tests.local_aws.answers import Answer
from tests.local_aws.clock import Clock
from tests.local_aws.signature import HTTPRequest

# How often the accepting thread looks whether it should stop; bounds how long close() takes.
POLL_SECONDS = 0.005


class Listener:
    """Serves ``answer`` from construction to ``close``; an answer of None is a reset connection.

    With a ``context`` it speaks TLS.
    """

    def __init__(
        self,
        port: int,
        clock: Clock,
        answer: Callable[[HTTPRequest], Answer | None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = _Server(port, clock, answer, context)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="local-aws", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port, chosen by the system if 0 was asked for."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop accepting, end the open connections and wait for their threads."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.end_connections()


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        clock: Clock,
        answer: Callable[[HTTPRequest], Answer | None],
        context: ssl.SSLContext | None,
    ) -> None:
        self.clock = clock
        self.answer = answer
        self._context = context
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the resolver for the name of the host.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._context is None:
            return connection, address
        # The handshake waits for the client, so it is left to the connection's thread.
        wrapped = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        if isinstance(request, ssl.SSLSocket):
            try:
                request.do_handshake()
            except OSError:  # the client does not trust the certificate, speaks no TLS or is gone
                return
        super().finish_request(request, client_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        # Daemon threads, so that a test run that dies does not hang; end_connections() joins them.
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="local-aws", daemon=True
        )
        with self._lock:
            self._connections[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]

    def shutdown_request(self, request: Any) -> None:
        # A connection set to be reset must not be shut down first: its FIN would come before the RST.
        if _will_reset(request):
            request.close()
        else:
            super().shutdown_request(request)

    def end_connections(self) -> None:
        """Shut down what clients keep open, and join every connection's thread."""
        with self._lock:
            open_now = dict(self._connections)
        for thread, connection in open_now.items():
            with contextlib.suppress(OSError):  # the client was faster
                # Not SSLSocket's, after which an answer that is still to be sent would be plain text.
                socket.socket.shutdown(connection, socket.SHUT_RD)
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "LocalAWS"
    sys_version = ""
    # One write for an answer, sent at once: a header and a body sent apart wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Answer a request whose parameters are in its body."""
        length = int(self.headers.get("Content-Length") or 0)
        request = HTTPRequest(
            self.command,
            self.path,
            tuple((name.lower(), value) for name, value in self.headers.items()),
            self.rfile.read(length),
            self.client_address[1],
        )
        answer = self.server.answer(request)
        if answer is None:
            self._reset()
            return
        headers = {
            "x-amzn-RequestId": answer.request_id,
            "Content-Type": "text/xml",
            "Content-Length": str(len(answer.body)),
            "Date": format_datetime(self.server.clock.now(), usegmt=True),
        }
        if answer.wire is not None:
            self._send_pieces(answer.wire(_as_bytes(answer, headers)))
            return
        self.send_response_only(answer.status)
        for name, value in (headers | dict(answer.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _send_pieces(self, pieces: Iterable[bytes]) -> None:
        self.close_connection = True
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()

    def do_GET(self) -> None:
        """Answer a request whose parameters are in its query string."""
        self.do_POST()

    def do_HEAD(self) -> None:
        """Answer with the headers that GET would have."""
        self.do_POST()

    def handle(self) -> None:
        """Serve a connection; one that the client cut is no error."""
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def finish(self) -> None:
        """Flush the answer, if the client still wants it."""
        try:
            super().finish()
        except (ConnectionError, ssl.SSLError):
            self.rfile.close()

    def log_message(self, _format: str, *_: object) -> None:
        """Print nothing: LocalAWS keeps the log."""

    def _reset(self) -> None:
        # Lingering for 0 seconds makes close() send RST in place of FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _as_bytes(answer: Answer, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} x", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body


def _will_reset(connection: socket.socket) -> bool:
    return struct.unpack("ii", connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)) == (1, 0)
