"""What can be between a tool and AWS: a proxy, a slow line, a network that swallows, a server that says nothing."""

import contextlib
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import TracebackType
from typing import Self


class _Relay:
    """A port on 127.0.0.1, with a thread for each connection that sends on what comes from either side."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        # Its reading end becomes readable, for every thread, when the other is closed.
        self._stopped, self._stop = socket.socketpair()
        self._accepting = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.close()
        self._accepting.join()  # first, for it adds to the others
        for thread in self._threads:
            thread.join()
        self._stopped.close()
        self._listening.close()

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return int(self._listening.getsockname()[1])

    def _accept(self) -> None:
        while self._readable(self._listening):
            client, _ = self._listening.accept()
            thread = threading.Thread(target=self._serve, args=(client,), name="proxy", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        raise NotImplementedError

    def _target(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._target_port))

    def _relay(
        self, client: socket.socket, target: socket.socket, passing: Callable[[bool], object] = lambda _: None
    ) -> None:
        """Send on what comes, until one side has no more to say; ``passing`` hears if it is the client's."""
        others = {client: target, target: client}
        while readable := self._readable(client, target):
            for side in readable:
                received = side.recv(65536)
                if not received:
                    return
                passing(side is client)
                others[side].sendall(received)

    def _readable(self, *sockets: socket.socket) -> list[socket.socket]:
        """Wait for one of the sockets to have something; none once the relay stops."""
        with selectors.DefaultSelector() as selector:
            for waiting in (self._stopped, *sockets):
                selector.register(waiting, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select()]
        return [] if self._stopped in ready else [found for found in sockets if found in ready]


class ConnectProxy(_Relay):
    """An HTTP proxy on 127.0.0.1 that tunnels to ``target_port``, whatever host it is asked for.

    So a client that has HTTPS_PROXY and no endpoint of its own reaches a local AWS under AWS's own
    names.  ``connects`` has each "host:port" asked for.  With another ``status`` than 200 every
    tunnel is refused.
    """

    def __init__(self, target_port: int, status: int = 200) -> None:
        super().__init__(target_port)
        self.connects: list[str] = []
        self._status = HTTPStatus(status)

    @property
    def url(self) -> str:
        """For example ``http://127.0.0.1:40124``, for HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.port}"

    def _serve(self, client: socket.socket) -> None:
        # Whoever resets its connection ends the tunnel.
        with client, contextlib.suppress(OSError):
            request = self._request(client)
            found = re.match(rb"CONNECT (\S+) HTTP/1\.[01]\r\n", request)
            status = self._status if found else HTTPStatus.METHOD_NOT_ALLOWED
            if found:
                self.connects.append(found[1].decode())
            if status != HTTPStatus.OK:
                _refuse(client, status)
                return
            try:
                target = self._target()
            except OSError:
                _refuse(client, HTTPStatus.BAD_GATEWAY)
                return
            with target:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._relay(client, target)

    def _request(self, client: socket.socket) -> bytes:
        """The request's head; a client says nothing more before it is answered."""
        request = b""
        while b"\r\n\r\n" not in request and self._readable(client):
            received = client.recv(65536)
            if not received:
                break
            request += received
        return request


class SlowLine(_Relay):
    """A way to ``target_port`` on which what is sent takes half of ``round_trip`` (seconds) in each direction.

    ``turns`` has the moments (``time.monotonic``) at which a client connected, or said something after it had heard
    something: each is a round trip that it waits for.
    """

    def __init__(self, target_port: int, round_trip: float) -> None:
        super().__init__(target_port)
        self.turns: list[float] = []
        self._round_trip = round_trip

    def _serve(self, client: socket.socket) -> None:
        self.turns.append(time.monotonic())
        time.sleep(self._round_trip)  # a connection is made by the system here, in no time
        heard = True

        def passing(from_client: bool) -> None:
            nonlocal heard
            if from_client and heard:
                self.turns.append(time.monotonic())
            heard = not from_client
            time.sleep(self._round_trip / 2)

        with client, contextlib.suppress(OSError), self._target() as target:
            self._relay(client, target, passing)


def _refuse(client: socket.socket, status: HTTPStatus) -> None:
    head = f"HTTP/1.1 {status} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode())


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port on 127.0.0.1 to which connections are never made: they are not refused, they time out."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # The system drops what comes once as many wait to be accepted as the backlog has room for.
        for _ in range(128):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.1)
            try:
                waiting.connect(listening.getsockname())
            except TimeoutError:
                yield int(listening.getsockname()[1])
                return
        raise RuntimeError("the backlog does not fill up")


@contextlib.contextmanager
def mute_server() -> Iterator[int]:
    """A port on 127.0.0.1 that takes connections and what they send, and never answers."""
    # The system takes them, on behalf of a server that never looks.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield int(listening.getsockname()[1])
