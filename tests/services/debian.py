"""Debian's own packages, without touching what the machine runs: roots under the cache directory, made by debootstrap.

The mirror is the one that the machine's package configuration names, read at run time.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dho-test"
INSIDE = "/srv/work"


@dataclass(frozen=True)
class Root:
    """A Debian release with a few packages, in a directory of its own. `proof` is a file in it that exists once it is whole."""

    suite: str
    packages: tuple[str, ...]
    proof: str

    @property
    def path(self) -> Path:
        return CACHE / f"debian-{self.suite}-{'-'.join(self.packages)}"

    def missing(self) -> str | None:
        """Why it cannot be used, in a sentence, or None."""
        if not is_debian_root():
            return "needs a container engine, or Debian as root"
        return None if (self.path / self.proof).exists() else "could not be fetched from Debian's packages (make services says why)"

    def wrap(self, work: Path) -> list[str]:
        """A command prefix under which `work` is `/srv/work` in the root. Mounts and processes vanish with its first process."""
        root = self.path
        mounts = [f"mount --rbind /dev {root}/dev", f"mount -t proc proc {root}/proc", f"mkdir -p {root}{INSIDE}"]
        script = " && ".join([*mounts, f"mount --bind {work} {root}{INSIDE}", 'exec "$@"'])
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "mounts"]

    def inside(self, command: Sequence[str], user: str) -> list[str]:
        """`command` run in the root as `user`."""
        return ["chroot", f"--userspec={user}:{user}", str(self.path), *command]

    def user_id(self, user: str) -> int:
        """The number of a user in the root."""
        lines = (self.path / "etc/passwd").read_text().splitlines()
        return next(int(line.split(":")[2]) for line in lines if line.startswith(f"{user}:"))


def is_debian_root() -> bool:
    """True if Debian's packages can be used here at all."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None and Path("/etc/debian_version").exists()


def install(*packages: str) -> None:
    """Install packages that bring no daemon; nothing is done if all are there."""
    told = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}\n", *packages], capture_output=True, text=True, check=False)
    if told.returncode == 0 and set(told.stdout.split()) == {"installed"}:
        return
    with _one_at_a_time("apt"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
            whole = ["apt-get", "-o", "DPkg::Lock::Timeout=120", *command]
            done = subprocess.run(whole, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(whole)} failed: {done.stderr.strip()[-500:]}")


def make_root(root: Root) -> None:
    """Make `root` unless it is there. About 40 s; built beside its place and moved there whole."""
    with _one_at_a_time(root.path.name):
        if (root.path / root.proof).exists():
            return
        work = root.path.with_name(root.path.name + ".part")
        shutil.rmtree(work, ignore_errors=True)
        log = CACHE / f"{root.path.name}.log"
        command = ["debootstrap", "--variant=minbase", "--include=" + ",".join(root.packages), root.suite, str(work), mirror()]
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", **_proxy()}
        with log.open("wb") as out:
            done = subprocess.run(command, env=env, stdout=out, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"debootstrap {root.suite} failed:\n{log.read_text(errors='replace')[-1500:]}")
        for lists in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(work / lists, ignore_errors=True)
        work.rename(root.path)


def mirror() -> str:
    """The address of Debian's main archive, as this machine's package configuration has it."""
    fields = "$(ORIGIN)|$(COMPONENT)|$(CODENAME)|$(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        origin, component, codename, address = line.split("|")
        if (origin, component) == ("Debian", "main") and "-" not in codename:
            return address
    raise RuntimeError("the machine's package configuration names no Debian archive")


def _proxy() -> dict[str, str]:
    """The proxy of the machine's package configuration, for debootstrap, which does not read it."""
    told = subprocess.run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"], capture_output=True, text=True, check=False)
    address = told.stdout.partition("=")[2].strip().strip("'")
    return {"http_proxy": address} if address and address != "DIRECT" else {}


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
