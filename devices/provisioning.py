"""Gateways' credentials and their accounts at the broker: the only module that knows how a broker keeps accounts.

Today that is Mosquitto's password file in `DHO_MQTT_ACCOUNTS_DIR` (the broker reads it again when it changes) and one access list for
everybody, by `%u`. A broker with accounts of another kind replaces the inside of `open_accounts` and `close_accounts`. The secret itself is
kept nowhere: we keep its HMAC, the broker a salted hash.
"""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from devices import topics
from dho.errors import Invalid
from dho.settings import Settings

SHORTEST_IMPORTED = 16
PASSWORD_FILE = "passwords"  # noqa: S105
# Secrets are random: stretching adds nothing, and a broker that 2 000 tablets reconnect to at once has to hash each.
ITERATIONS = 101

Accounts = dict[str, str]


def new_secret() -> str:
    """A gateway's secret: 192 random bits in letters that need no quoting."""
    return secrets.token_urlsafe(24)


def accept_imported(secret: str) -> str:
    """A secret that somebody else chose. Raises Invalid if it is shorter than 16 characters or cannot be typed."""
    if len(secret) < SHORTEST_IMPORTED or not secret.isprintable():
        raise Invalid(f"A gateway's password needs at least {SHORTEST_IMPORTED} printable characters.")
    return secret


def secret_hash(secret_key: str, secret: str) -> bytes:
    """What we keep of a gateway's secret: HMAC-SHA-256 under the server's key."""
    return hmac.digest(secret_key.encode(), secret.encode(), "sha256")


def open_accounts(settings: Settings, given: Mapping[str, str]) -> None:
    """Let gateways in at the broker, by id and secret; an existing account gets the new secret. Takes effect within seconds."""
    if settings.mqtt_accounts_dir:
        hashed = {gateway: broker_hash(secret) for gateway, secret in given.items()}
        change_accounts(Path(settings.mqtt_accounts_dir), lambda accounts: accounts | hashed)


def close_accounts(settings: Settings, gateways: Iterable[str]) -> None:
    """Shut gateways out at the broker. A connection that is open stays until it ends; what it sends is refused by us."""
    if settings.mqtt_accounts_dir:
        gone = set(gateways)
        change_accounts(Path(settings.mqtt_accounts_dir), lambda accounts: {u: h for u, h in accounts.items() if u not in gone})


def broker_hash(secret: str, salt: bytes | None = None) -> str:
    """A secret as Mosquitto's password file has it: PBKDF2 with SHA-512 and a salt of 96 bits."""
    salt = salt or secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def access_list(service_user: str) -> str:
    """Mosquitto's access list: the service may do everything below the root, a gateway only what is its own."""
    lines = [f"user {service_user}", f"topic readwrite {topics.ROOT}/#", "topic read $SYS/broker/#", ""]
    lines.append(f"pattern write {topics.ROOT}/%u/#")
    lines += [f"pattern read {topics.ROOT}/%u/{leaf}" for leaf in topics.DOWNLINKS]
    return "\n".join(lines) + "\n"


def change_accounts(directory: Path, change: Callable[[Accounts], Accounts]) -> None:
    """Rewrite the password file whole and at once, one writer at a time; the broker never sees half of it."""
    file = directory / PASSWORD_FILE
    with _alone(directory):
        accounts = change(_read_accounts(file))
        growing = file.with_suffix(".new")
        growing.write_text("".join(f"{user}:{hashed}\n" for user, hashed in accounts.items()))
        growing.chmod(file.stat().st_mode & 0o777 if file.exists() else 0o644)
        if file.exists():
            with contextlib.suppress(PermissionError):
                os.chown(growing, -1, file.stat().st_gid)  # the broker reads it by its group
        growing.replace(file)


def _read_accounts(file: Path) -> Accounts:
    if not file.exists():
        return {}
    return {user: hashed for user, _, hashed in (line.partition(":") for line in file.read_text().splitlines()) if hashed}


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{PASSWORD_FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
