"""The embedded database: starts anywhere, forgets nothing, leaves no process behind."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dho import embedded, embedded_ground
from dho.embedded import EmbeddedPostgres
from dho.embedded_ground import EmbeddedDatabaseError


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def keep_one_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int, limit_s: float = 10) -> bool:
    deadline = time.monotonic() + limit_s
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("embedded") / "postgres") as running:
        keep_one_row(running.url)
        yield running


def test_the_password_is_asked_for_and_only_its_owner_can_read_it(server: EmbeddedPostgres) -> None:
    assert stat.S_IMODE((server.data_dir / "password").stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url.replace("dho:", "dho:wrong"))


def test_it_speaks_utf8_and_utc(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        shown = connection.execute("SELECT current_setting('server_encoding'), current_setting('timezone')").fetchone()
    assert shown == ("UTF8", "UTC")


def test_a_committed_row_survives_a_killed_server_and_the_address_stays(server: EmbeddedPostgres) -> None:
    address, before = server.url, count(server.url)
    keep_one_row(server.url)
    server.kill()
    server.start()
    assert (server.url, count(server.url)) == (address, before + 1)


def test_it_starts_again_on_the_same_directory_under_another_owner(server: EmbeddedPostgres) -> None:
    rows = count(server.url)
    server.stop()
    with EmbeddedPostgres(server.data_dir) as second:
        assert count(second.url) == rows
    server.start()


def test_a_second_start_on_a_running_directory_is_one_clear_sentence(server: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedDatabaseError, match="in use by another process"):
        EmbeddedPostgres(server.data_dir).start()


def test_the_server_ends_when_its_parent_is_killed_and_nothing_committed_is_lost(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from dho.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1])); server.start()\n"
        "print(server.pid, server.url, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(embedded.__file__).parent.parent)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        keep_one_row(url)
        parent.send_signal(signal.SIGKILL)
    with EmbeddedPostgres(tmp_path) as server:
        assert count(server.url) == 1
    assert wait_until_gone(int(pid))


def test_a_process_id_given_to_somebody_else_does_not_block_the_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    keep_one_row(server.url)
    stale = (tmp_path / "cluster" / "postmaster.pid").read_text().split("\n", 1)[1]
    server.stop()
    (tmp_path / "cluster" / "postmaster.pid").write_text(f"{os.getppid()}\n{stale}")
    with server:
        assert count(server.url) == 1


@pytest.mark.parametrize("what", ["a file", "a foreign directory"])
def test_a_bad_data_directory_is_one_clear_sentence(tmp_path: Path, what: str) -> None:
    place = tmp_path / "postgres"
    if what == "a file":
        place.write_text("not a directory")
    else:
        (place / "cluster").mkdir(parents=True)
        (place / "password").write_text("secret")
    with pytest.raises(EmbeddedDatabaseError) as refusal:
        EmbeddedPostgres(place).start()
    assert str(place) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_server_never_runs_as_root_also_where_user_namespaces_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Path("/var/lib/dho-embedded-test")
    monkeypatch.setattr(embedded_ground, "user_namespaces_allowed", lambda _: False)
    monkeypatch.setattr(embedded_ground, "ROOM_FOR_NOBODY", room)
    try:
        with EmbeddedPostgres(tmp_path) as server:
            keep_one_row(server.url)
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    finally:
        shutil.rmtree(room, ignore_errors=True)
