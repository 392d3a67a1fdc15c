"""`docker-compose.yml` against the settings, the commands and the shipped configuration: what it promises, it can keep."""

import re
from typing import Any

import pytest
import yaml

from dho.__main__ import COMMANDS
from dho.settings import Settings
from tests.pure.house import ROOT

COMPOSED: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ROLES = ("ingest", "watch", "serve")
SECRET_SETTINGS = {"DHO_DATABASE_URL", "DHO_DATABASE_MIGRATE_URL", "DHO_MQTT_URL", "DHO_SECRET_KEY"}
NEEDS = {
    "migrate": {"DHO_DATABASE_MIGRATE_URL"},
    "ingest": {"DHO_DATABASE_URL", "DHO_MQTT_URL", "DHO_SECRET_KEY"},
    "watch": {"DHO_DATABASE_URL", "DHO_MQTT_URL", "DHO_SECRET_KEY"},
    "serve": {"DHO_DATABASE_URL", "DHO_MQTT_URL", "DHO_SECRET_KEY"},
}


def settings_of(service: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in service.get("environment", {}).items() if name.startswith("DHO_")}


def broker_configuration() -> dict[str, str]:
    lines = (ROOT / "deploy/mosquitto.conf").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def test_every_part_of_the_service_is_there() -> None:
    assert {"database", "broker", "migrate", *ROLES, "demo"} <= SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_our_own_or_pinned(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+(-pg17)?$", SERVICES[name]["image"])


@pytest.mark.parametrize("name", OURS)
def test_every_setting_given_exists(name: str) -> None:
    known = {f"DHO_{field.upper()}" for field in Settings.model_fields}
    assert {setting for setting in settings_of(OURS[name]) if setting.removesuffix("_FILE") not in known} == set()


@pytest.mark.parametrize("name", NEEDS)
def test_every_role_gets_what_it_needs(name: str) -> None:
    assert NEEDS[name] <= {setting.removesuffix("_FILE") for setting in settings_of(SERVICES[name])}


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_as_files_that_the_service_may_read(name: str) -> None:
    given = {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
    assert SECRET_SETTINGS & given.keys() == set(), "a secret stands in the environment, where every listing shows it"
    files = [value.removeprefix("/run/secrets/") for key, value in given.items() if key.endswith("_FILE")]
    assert set(files) <= set(SERVICES[name].get("secrets", []))
    assert not any("PASSWORD" in key and not key.endswith("_FILE") for key in given)


def test_every_secret_is_declared_and_made_by_the_script() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == COMPOSED["secrets"].keys()
    script = (ROOT / "deploy/make-secrets").read_text()
    made = set(re.findall(r"^secret (\w+)", script, re.MULTILINE))
    made |= {f"{kind}_{part}" for part in ("owner", *ROLES) for kind in ("database", "database_url")}
    assert used <= made
    assert {entry["file"] for entry in COMPOSED["secrets"].values()} == {f"./deploy/secrets/{name}" for name in used}


def test_each_part_logs_in_to_the_database_as_itself() -> None:
    urls = {name: settings_of(SERVICES[name]).get("DHO_DATABASE_URL_FILE") for name in ROLES}
    assert urls == {name: f"/run/secrets/database_url_{name}" for name in ROLES}
    assert settings_of(SERVICES["migrate"])["DHO_DATABASE_MIGRATE_URL_FILE"] == "/run/secrets/database_url_owner"
    assert not any("database_url_owner" in SERVICES[name]["secrets"] for name in ROLES)


def test_every_command_exists() -> None:
    commands = {name: [*service.get("entrypoint", ["dho"]), *service.get("command", [])] for name, service in OURS.items()}
    called = {name: words[1] for name, words in commands.items() if words[0] == "dho"}
    assert {name: command for name, command in called.items() if command not in COMMANDS} == {}
    assert {name: called[name] for name in (*ROLES, "migrate", "demo")} == {name: name for name in (*ROLES, "migrate", "demo")}


@pytest.mark.parametrize("name", ["database", "broker", *ROLES])
def test_whatever_stays_running_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ROLES)
def test_no_role_starts_before_the_schema_is_there(name: str) -> None:
    conditions = {what: rule["condition"] for what, rule in SERVICES[name]["depends_on"].items()}
    assert conditions == {"database": "service_healthy", "broker": "service_healthy", "migrate": "service_completed_successfully"}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_no_more_than_they_need(name: str) -> None:
    assert OURS[name]["read_only"]
    assert OURS[name]["cap_drop"] == ["ALL"]


def test_our_image_runs_as_an_ordinary_user_from_the_hashed_lock() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")][-1] not in ("USER root", "USER 0")
    assert any("--require-hashes -r requirements.lock" in line for line in lines)
    assert all(re.search(r":\d", line) for line in lines if line.startswith("FROM "))


def test_the_demo_is_on_its_own_and_only_on_request() -> None:
    assert SERVICES["demo"]["profiles"] == ["demo"]
    assert "depends_on" not in SERVICES["demo"]
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"demo", "admin"}


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str) -> None:
    sources = [volume.split(":")[0] for volume in SERVICES[name].get("volumes", [])]
    named = {source for source in sources if not source.startswith(".")}
    assert named <= COMPOSED["volumes"].keys()
    assert [source for source in sources if source.startswith(".") and not (ROOT / source).is_file()] == []


def test_the_broker_drops_nothing_in_silence() -> None:
    told = broker_configuration()
    assert told["persistence"] == "true"
    assert told["per_listener_settings"] == "false", "true drops what waits for sleeping sessions"
    assert int(told["max_inflight_messages"]) >= 1000
    assert int(told["max_queued_messages"]) >= 1_000_000
    assert int(told["autosave_interval"]) <= 30
    assert int(told["max_packet_size"]) > 1 << 20
    assert told["allow_anonymous"] == "false"


def test_the_brokers_files_lie_where_it_is_told() -> None:
    told, mounts = broker_configuration(), dict(volume.split(":")[:2] for volume in SERVICES["broker"]["volumes"])
    assert mounts["./deploy/mosquitto.access"] == told["acl_file"]
    assert told["password_file"].startswith(mounts["accounts"])
    assert told["persistence_location"].startswith(mounts["broker"])


def test_a_gateway_writes_below_its_own_topic_only_and_reads_its_own_downlinks() -> None:
    lines = (ROOT / "deploy/mosquitto.access").read_text().splitlines()
    patterns = [line for line in lines if line.startswith("pattern")]
    assert all(line.split(" ")[2].startswith("dho/v1/%u/") for line in patterns)
    assert [line for line in patterns if "write" in line] == ["pattern write dho/v1/%u/#"]
    assert {line.rpartition("/")[2] for line in patterns if " read " in line} == {"receipts", "plan", "messages", "requests"}
    assert [line for line in lines if line.startswith("user")] == ["user dho"]
