"""Settings: one table, from the environment (`DHO_*`), a `.env` file, or a file named by `DHO_*_FILE` for secrets.

Read once by a command and passed on; nothing reads settings at import. Every field has a help text, and the README's table is tested
against `settings_table()`.
"""

import os
import secrets
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dho.errors import SettingsError

SHORTEST_SECRET = 32


def _known_timezone(name: str) -> str:
    ZoneInfo(name)
    return name


class _SecretFiles(PydanticBaseSettingsSource):
    """`DHO_SECRET_KEY_FILE=/run/secrets/key` gives `DHO_SECRET_KEY` its value: what container engines call secrets."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"DHO_{field_name.upper()}_FILE")
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """All settings of all roles."""

    model_config = SettingsConfigDict(env_prefix="DHO_", env_file=".env", extra="ignore", frozen=True)

    database_url: str = Field("", description="PostgreSQL or TimescaleDB, as `postgresql://user:password@host:port/name`.")
    database_migrate_url: str = Field("", description="The owner's log-in, used by `dho migrate` alone; defaults to `DHO_DATABASE_URL`.")
    mqtt_url: str = Field("", description="The broker and the service's own log-in, as `mqtt[s]://user:password@host:port` (MQTT 5).")
    mqtt_ca_file: str = Field("", description="Certificate authority for `mqtts://`; empty means the system's own.")
    mqtt_accounts_dir: str = Field(
        "", description="Where broker accounts are written (Mosquitto's password and access files); empty: accounts are kept elsewhere."
    )
    http_host: str = Field("127.0.0.1", description="Address that `dho serve` listens on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port that `dho serve` listens on.")
    public_url: str = Field(
        "",
        description="Where browsers find the service, as `https://host`; decides the accepted Origin and secure cookies."
        " Empty: the address they asked for.",
    )
    secret_key: str = Field("", description="Key under which gateway secrets, tokens and sessions are hashed; 32 characters or more.")
    timezone: Annotated[str, AfterValidator(_known_timezone)] = Field(
        "Europe/Oslo", description="Time zone of a new centre that names none."
    )
    data_dir: Path = Field(Path(".dho"), description="Where `dho demo` keeps its database, broker and `demo.json`.")
    feed_heartbeat_s: float = Field(15, gt=0, le=300, description="Seconds between heartbeats on the live feed.")
    local_login: bool = Field(True, description="Whether people may log in with a local user name and password.")
    session_idle_minutes: int = Field(60, ge=1, description="A browser session ends after this long without use.")
    session_hours: int = Field(12, ge=1, description="A browser session ends after this long in any case.")
    log_level: str = Field("info", description="debug, info, warning or error.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _SecretFiles(settings_cls), dotenv_settings

    @property
    def owner_url(self) -> str:
        """The log-in that owns the schema."""
        return self.database_migrate_url or self.database_url

    def require(self, *names: str) -> "Settings":
        """These settings are needed here; say which is missing or weak, and what to set."""
        for name in names:
            if not getattr(self, name):
                raise SettingsError(f"DHO_{name.upper()} is not set: {type(self).model_fields[name].description}")
        if "secret_key" in names and len(self.secret_key) < SHORTEST_SECRET:
            raise SettingsError(
                f"DHO_SECRET_KEY is too short: give it {SHORTEST_SECRET} characters or more, for example from `openssl rand -hex 32`."
            )
        return self


def load(**overrides: Any) -> Settings:
    """The settings of this process. Raises `SettingsError` with one sentence for the first that cannot be used."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"DHO_{str(first['loc'][0]).upper()} cannot be used: {first['msg']}.") from None
    except OSError as error:
        raise SettingsError(f"A settings file cannot be read: {error.filename}.") from None


def new_secret() -> str:
    """A secret of 256 bits, in letters that need no quoting."""
    return secrets.token_urlsafe(32)


def settings_table() -> list[str]:
    """The rows of the README's table: name, default, meaning."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default == "" else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        rows.append(f"| `DHO_{name.upper()}` | {shown} | {field.description} |")
    return rows
