"""paho's client over a socket from which the hot path's packets are taken before paho sees them.

paho asks its socket for one byte, one byte and a body per packet, and sends each packet by itself: five system calls per
measurement, each of which also hands over Python's lock. Here one read fetches what has come, PUBLISH and PUBACK go
straight to the session (`devices/wire.py` says why), the rest to paho, and a write waits for `flush`. `_create_socket`
is the only private name of paho's that we touch; `tests/live/test_listener.py` would notice if it changed.
"""

import contextlib
import socket
import ssl

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices import wire

READ_AT_ONCE = 262_144


class BufferedSocket:
    """What paho expects of a socket, with a buffer on either side. Used by one thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._partial = b""
        self._for_paho = b""
        self._unsent = bytearray()
        self._closed = False

    def read_packets(self) -> list[wire.Packet]:
        """What has come since the last call, in order. `Control` packets must be given to `feed` before the next call."""
        try:
            data = self._sock.recv(READ_AT_ONCE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return []
        except OSError:
            data = b""
        self._closed = not data
        self._acknowledge_at_once()
        if self._partial:
            data = self._partial + data
        try:
            packets, taken = wire.read_packets(data)
        except wire.BrokenPacket:
            self._closed = True
            return []
        self._partial = data[taken:]
        return packets

    def _acknowledge_at_once(self) -> None:
        """Tell the kernel not to delay its TCP acknowledgement: a broker without `TCP_NODELAY` would hold its next packet for 40 ms."""
        if hasattr(socket, "TCP_QUICKACK"):
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def feed(self, packet: bytes) -> None:
        """Let paho's next `recv` calls read this packet."""
        self._for_paho += packet

    @property
    def is_closed(self) -> bool:
        """Whether the other side has closed or the connection is broken; paho must then read once more to find out."""
        return self._closed

    def recv(self, size: int) -> bytes:
        """For paho: the next bytes of what was fed; empty if the connection is over."""
        if not self._for_paho and not self._closed:
            raise BlockingIOError
        data, self._for_paho = self._for_paho[:size], self._for_paho[size:]
        return data

    def write(self, packets: bytes) -> None:
        """Keep whole packets for `flush`. The caller sees to it that `unsent` stays bounded."""
        self._unsent += packets

    def send(self, data: bytes | bytearray) -> int:
        """For paho, which sends whole packets: as `write`."""
        self._unsent += data
        return len(data)

    def flush(self) -> None:
        """Hand to the kernel what it takes without waiting."""
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            self._closed = True

    @property
    def unsent(self) -> int:
        """Bytes that wait for `flush`."""
        return len(self._unsent)

    def pending(self) -> int:
        """Bytes that wait inside TLS, unseen by `select`."""
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0

    def shut(self) -> None:
        """Break the connection; the next read finds it closed."""
        self._unsent.clear()
        self._for_paho, self._closed = b"", True

    def close(self) -> None:
        """Send what waits (a farewell, most likely), for at most a second, and close."""
        try:
            with contextlib.suppress(OSError):
                self._sock.settimeout(1)
                self._sock.sendall(self._unsent)
        finally:
            self._sock.close()

    def fileno(self) -> int:
        """For `select`."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """As a socket's own."""
        self._sock.setblocking(flag)


class BufferedClient(Client):
    """A paho client for an external loop; see `devices/broker_session.py`."""

    buffered: BufferedSocket | None = None

    def _create_socket(self) -> BufferedSocket:
        sock = super()._create_socket()
        assert isinstance(sock, socket.socket)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffered = BufferedSocket(sock)
        return self.buffered


def buffered_client(client_id: str) -> BufferedClient:
    """An MQTT 5 client with paho's callbacks of version 2, not yet connected."""
    client = BufferedClient(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_socket_register_write = _nothing  # else paho writes each packet as soon as it is made
    return client


def _nothing(_client: object, _userdata: object, _socket: object) -> None:
    return None
