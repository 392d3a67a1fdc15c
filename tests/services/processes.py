"""Servers that never outlive the test run, also when it is ended by kill -9, and waiting for them."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")

# Holds one server and obeys words on its standard input. End of file, which comes when the test run is gone, however it went, ends the
# server and removes its directory.
KEEPER = """
trap '' INT TERM HUP
(trap - INT TERM HUP; exec "$@" </dev/null) & server=$!
while read -r word; do
  case $word in
    reload) kill -HUP "$server" ;;
    stop) eval "$KEEPER_STOP"; wait "$server"; exit ;;
    kill) eval "$KEEPER_KILL"; wait "$server"; exit ;;
  esac
done
eval "$KEEPER_KILL"
wait "$server"
rm -rf "$KEEPER_DIRECTORY"
"""


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Kept:
    """One server under a keeper: `reload`, `stop` (its own clean way) and `kill` (at once, as a power cut would).

    `stop` and `kill` are the shell lines that do it; `wrap` is what the keeper runs under, such as a mount namespace of its own.
    """

    def __init__(
        self, command: Sequence[str], directory: Path, *, stop: str, kill: str = 'kill -KILL "$server"', wrap: Sequence[str] = ()
    ) -> None:
        environment = [f"KEEPER_STOP={stop}", f"KEEPER_KILL={kill}", f"KEEPER_DIRECTORY={directory}"]
        with (directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*wrap, "env", *environment, "sh", "-c", KEEPER, "keeper", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def reload(self) -> None:
        self._say("reload")

    def stop(self) -> None:
        self._end("stop")

    def kill(self) -> None:
        self._end("kill")

    def _say(self, word: str) -> None:
        words = self._process.stdin
        if words is not None:
            words.write(word.encode() + b"\n")
            words.flush()

    def _end(self, word: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._say(word)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _close(self._process.stdin)


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 30.0, log: Path | None = None) -> T:
    """What `look` returns once it is neither None nor False; asks again every 20 ms. TimeoutError with the end of `log` otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-3000:] if log is not None and log.exists() else ""
            raise TimeoutError(f"{what}: nothing within {seconds:g} s\n{tail}")
        time.sleep(0.02)


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with contextlib.suppress(BrokenPipeError):
            stream.close()
