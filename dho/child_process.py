"""Child processes that never outlive us, also after `kill -9` of ourselves.

The kernel ties the parent-death signal to the *thread* that forked, so children are started from the main thread only.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000


def start_child(
    command: Sequence[str | Path],
    *,
    end_signal: signal.Signals = signal.SIGTERM,
    stdin: int | None = subprocess.DEVNULL,
    output: int | IO[bytes] | None = None,
    directory: Path | None = None,
    become: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (Ctrl-C reaches only us) that gets `end_signal` when this process dies.

    `output` takes both standard output and standard error. `become` runs in the child before the program and may drop
    privileges; if it raises, so does this function (`subprocess.SubprocessError`). On systems other than Linux the
    death signal is missing.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are started from the main thread: the kernel ends them with their thread")
    parent = os.getpid()

    def prepare() -> None:
        if become is not None:
            become()
        if sys.platform == "linux":
            # After `become`: a change of credentials forgets the death signal.
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(end_signal), 0, 0, 0)
            if os.getppid() not in (parent, 0):
                os._exit(1)

    return subprocess.Popen(
        [str(part) for part in command],
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        cwd=directory,
        start_new_session=True,
        preexec_fn=prepare,  # few lines, no locks, from the main thread
    )


def enter_user_namespace() -> None:
    """In a child of root: become uid 65534 in a namespace of its own, where root's files are its own files.

    Raises OSError where the kernel or a container refuses.
    """
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused here")
    for name, text in (("setgroups", "deny"), ("uid_map", "65534 0 1"), ("gid_map", "65534 0 1")):
        Path(f"/proc/self/{name}").write_text(text)


def become_user(uid: int, gid: int) -> Callable[[], None]:
    """What a child of root calls to become an ordinary user for good."""

    def become() -> None:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)

    return become


def stop_child(process: subprocess.Popen[bytes], signals: Sequence[signal.Signals], patience_s: float) -> None:
    """Send each signal in turn until the child has ended, waiting up to `patience_s` seconds after each."""
    for number in signals:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    process.wait(patience_s)
