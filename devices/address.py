"""The broker's address and log-in, from `DHO_MQTT_URL`, and paho clients that speak to it."""

import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from dho.errors import SettingsError

KEEP_ALIVE_S = 30


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and as whom we log in."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: str = ""

    @classmethod
    def parse(cls, url: str, ca_file: str = "") -> "BrokerAddress":
        """Read `mqtt[s]://user:password@host:port`; raises SettingsError with one sentence that names no password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError("DHO_MQTT_URL has a port that is no number between 1 and 65535.") from None
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
            raise SettingsError("DHO_MQTT_URL is not of the form mqtt[s]://user:password@host:port.")
        tls = parts.scheme == "mqtts"
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port or (8883 if tls else 1883), user, password, tls, ca_file)

    def prepare(self, client: Client) -> Client:
        """Give a client this address' log-in and TLS settings."""
        if self.user is not None:
            client.username_pw_set(self.user, self.password)
        if self.tls:
            client.tls_set_context(ssl.create_default_context(cafile=self.ca_file or None))
        return client


def new_client(address: BrokerAddress, client_id: str) -> Client:
    """An MQTT 5 client for `address`, with paho's callbacks of version 2, not yet connected."""
    return address.prepare(Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5))
