"""Gateways' credentials: strong, kept as hashes, and one account never costs another."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devices import provisioning
from dho.errors import Invalid
from dho.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
GATEWAY = "tablet-eva"


def settings(directory: Path) -> Settings:
    return Settings(mqtt_accounts_dir=str(directory))


def accounts(directory: Path) -> dict[str, str]:
    lines = (directory / provisioning.PASSWORD_FILE).read_text().splitlines()
    return {line.split(":")[0]: line.split(":")[1] for line in lines}


def test_a_made_secret_has_at_least_128_bits_and_is_never_the_same() -> None:
    made = {provisioning.new_secret() for _ in range(1000)}
    assert len(made) == 1000
    assert min(map(len, made)) * 6 >= 128


@pytest.mark.parametrize("secret", ["", "fifteen-letters", "sixteen-letters\n"])
def test_a_weak_imported_secret_is_refused(secret: str) -> None:
    with pytest.raises(Invalid):
        provisioning.accept_imported(secret)


def test_an_imported_secret_of_sixteen_characters_is_taken() -> None:
    assert provisioning.accept_imported("sixteen-letters!") == "sixteen-letters!"


def test_what_we_keep_depends_on_the_servers_key() -> None:
    first, second = (provisioning.secret_hash(key, "s") for key in ("a" * 32, "b" * 32))
    assert first != second
    assert len(first) == 32


def test_the_brokers_hash_is_the_one_mosquitto_makes() -> None:
    """The value was made by mosquitto_passwd 2.0.11 for `geheim`."""
    made = "$7$101$NYtP6+B5vqIBV8O4$jOl9HXDh8s8HPqMKhWwmOxyBzWybyP+IlnjUYOkT/s1ueDc89UiL4CZDcpewbUXhwVLR/EElX6KF6iY6xlGUqw=="
    salt = made.split("$")[3]
    assert provisioning.broker_hash("geheim", base64.b64decode(salt)) == made


def test_opening_one_account_keeps_the_others_and_closing_one_too(tmp_path: Path) -> None:
    provisioning.open_accounts(settings(tmp_path), {"a": "1" * 16, "b": "2" * 16})
    kept = accounts(tmp_path)["b"]
    provisioning.open_accounts(settings(tmp_path), {"c": "3" * 16})
    provisioning.close_accounts(settings(tmp_path), ["a"])
    assert accounts(tmp_path).keys() == {"b", "c"}
    assert accounts(tmp_path)["b"] == kept


def test_the_file_keeps_its_mode_and_holds_no_secret(tmp_path: Path) -> None:
    file = tmp_path / provisioning.PASSWORD_FILE
    file.touch(mode=0o640)
    provisioning.open_accounts(settings(tmp_path), {GATEWAY: "a-secret-of-eva!"})
    assert file.stat().st_mode & 0o777 == 0o640
    assert "a-secret-of-eva!" not in file.read_text()


def test_two_writers_at_once_lose_no_account(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: provisioning.open_accounts(settings(tmp_path), {f"tablet-{n}": "x" * 16}), range(40)))
    assert len(accounts(tmp_path)) == 40


def test_without_a_directory_accounts_are_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    provisioning.open_accounts(Settings(), {GATEWAY: "x" * 16})
    provisioning.close_accounts(Settings(), [GATEWAY])
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_access_list_is_the_one_we_write() -> None:
    shipped = [line for line in (DEPLOY / "mosquitto.access").read_text().splitlines() if line and not line.startswith("#")]
    assert shipped == [line for line in provisioning.access_list("dho").splitlines() if line]
