"""Passwords of people, as argon2id. 140 ms and 64 MiB each, so never on a path that gateways use and at most two at a time."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 1024
_hasher = PasswordHasher()
_two_at_a_time = BoundedSemaphore(2)
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$ioVBNKlVEpKmuAQQh5zS9g$pLeYq56/ly65PTyW8R7DY09hFgQIEDEqEDhhCh0VhFY"


def hash_password(password: str) -> str:
    """What is kept of a password."""
    with _two_at_a_time:
        return _hasher.hash(password)


def is_password(kept: str | None, password: str) -> bool:
    """Whether `password` is the one that `kept` was made from. Somebody without one costs the same time as somebody with."""
    with _two_at_a_time:
        try:
            return _hasher.verify(kept or _NOBODYS, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether it was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(kept)
