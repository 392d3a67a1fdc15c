"""The command line: which commands there are, and how they fail.

This is the one file of `dho` that looks upward, and nobody imports it. A command's module is imported when the command is asked for, so
that `dho --help` answers at once. Errors are one sentence on standard error: exit status 2 for a wrong call or setting, 1 for a failure.
"""

import importlib
import os
import secrets
import sys
from typing import NoReturn

import click

from dho import log as logs
from dho.errors import DhoError, SettingsError

log = logs.Log(__name__)

# name: (module below dashboards.commands, its command, what it does)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "Everything on this machine, with believable patients."),
    "up": ("up", "up", "The three roles against configured services, supervised."),
    "ingest": ("roles", "ingest", "Take what gateways send: store, judge, answer."),
    "watch": ("roles", "watch", "Do what time alone brings: deadlines, escalation, outbox."),
    "serve": ("roles", "serve", "Serve pages, the API and the live feed."),
    "migrate": ("roles", "migrate", "Bring the database schema up to date."),
    "admin": ("admin", "admin", "Centres, people, gateways, patients, plans."),
    "import": ("measurements_import", "import_measurements", "Load measurements from CSV or FHIR."),
    "backtest": ("backtest", "backtest_command", "What a plan would have done."),
    "quarantine": ("quarantine", "quarantine", "Messages that could not be understood."),
    "trace": ("trace", "trace", "One measurement's whole truth."),
    "watch-feed": ("watch_feed", "watch_feed", "The live feed in a terminal."),
    "doctor": ("doctor", "doctor", "Look at everything the service stands on."),
}


class Commands(click.Group):
    """A group whose commands live in modules that are imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table: what a newcomer needs first comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command by its name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"dashboards.commands.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table itself, so that help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, _, told) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="dho", prog_name="dho")
def cli() -> None:
    """DHO, an open backend for digital home follow-up (digital hjemmeoppfølging).

    Settings come from the environment (DHO_…), from `.env`, or for secrets from a file named by DHO_…_FILE. Begin with `dho demo`.
    """


def _end(sentence: str, status: int) -> NoReturn:
    click.echo(f"dho: {sentence}", err=True)
    sys.exit(status)


def _wanted_debug() -> bool:
    return os.environ.get("DHO_LOG_LEVEL", "").lower() == "debug"


def _unexpected(error: Exception) -> NoReturn:
    """One sentence and the steps in the log under a reference; never the values, which may be a patient's."""
    if _wanted_debug():
        raise error
    reference = secrets.token_hex(4)
    log.error("failed unexpectedly", request=reference)
    _end(f"{type(error).__name__} was not expected here; the log line above with {reference} says where it happened.", 1)


def main() -> None:
    """What the installed program `dho` runs."""
    logs.configure("debug" if _wanted_debug() else "warning")
    try:
        status = cli.main(prog_name="dho", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "dho"
        hint = f" (`{where} --help` shows how it is called)" if isinstance(error, click.UsageError) else ""
        _end(f"{error.format_message().rstrip('.')}{hint}.", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away, which is no fault of ours
        sys.exit(0)
    except SettingsError as error:
        _end(str(error), 2)
    except DhoError as error:
        _end(str(error), 1)
    except Exception as error:
        _unexpected(error)


if __name__ == "__main__":
    main()
