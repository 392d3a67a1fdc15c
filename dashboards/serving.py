"""Running the application: one uvicorn server, with a websocket protocol that keeps little for a slow reader and can cut it."""

import signal
import socket
from asyncio.transports import BaseTransport
from typing import cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from dho.errors import SettingsError

KERNEL_BUFFER = 32_768
"""What the kernel is asked to hold for one socket (Linux doubles it for its own use). Nothing waits in the process beside one frame, so
that a client never has more than 128 KiB on the way."""

LARGEST_CLIENT_FRAME = 65_536
CUT_AFTER_S = 1.5
GRACE_S = 3


class FeedProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket protocol, with a small send buffer and a way to end a connection whose reader stands still."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Keep one frame in the process and little in the kernel."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)
        connection = cast("socket.socket | None", transport.get_extra_info("socket"))
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)

    async def run_asgi(self) -> None:
        """Give the application a way to this protocol."""
        self.scope["state"]["protocol"] = self
        await super().run_asgi()

    def cut(self, code: int, reason: str) -> None:
        """Close with a code, past all that waits to be sent; the connection is cut a moment later whether the client answers or not."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CUT_AFTER_S, self.transport.abort)


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket. Raises `SettingsError` with one sentence if the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # without the last, asyncio leaves Nagle on: 40 ms an answer
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise SettingsError(f"DHO_HTTP_HOST and DHO_HTTP_PORT: {host}:{port} cannot be used ({error.strerror}).") from None
    bound.set_inheritable(True)
    return bound


def server_of(app: FastAPI) -> uvicorn.Server:
    """The server that will serve the application."""
    config = uvicorn.Config(
        app,
        ws=FeedProtocol,
        ws_max_size=LARGEST_CLIENT_FRAME,
        ws_per_message_deflate=False,
        log_config=None,
        log_level="warning",  # its lines name clients' addresses
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=65_536,
    )
    return uvicorn.Server(config)


def run(app: FastAPI, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C, then leave quietly; open sockets are told 1012. For the main thread of a process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # the server puts its own in place; it hands the signal on to these when it has ended
    with listening_socket(host, port) as bound:
        server_of(app).run(sockets=[bound])
