"""Secrets that an operator gives: from standard input, never from the command line, where every process could read them."""

import sys

from dho.errors import Invalid

SHORTEST_PASSWORD = 12


def ask_password() -> str:
    """The first line of standard input. `Invalid` if it is too short for a person's password."""
    given = sys.stdin.readline().rstrip("\r\n")
    if len(given) < SHORTEST_PASSWORD:
        raise Invalid(f"The password is too short: {SHORTEST_PASSWORD} characters or more, on the first line of standard input.")
    return given
