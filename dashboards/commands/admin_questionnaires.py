"""`dho admin questionnaire`: load a centre's own questionnaire, or the licensed wordings of one that ships without."""

from pathlib import Path

import click

from alerts.downlink import send_to_gateways
from dashboards.commands.admin_plans import telling_every_fault
from dashboards.commands.operator import as_owner, here
from devices import questionnaires
from dho.errors import Invalid
from dho.plan_text import read_document


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def questionnaire(file: Path) -> None:
    """Load the questionnaire in FILE (JSON or YAML); prints its id and version.

    Wordings may be loaded again under the same version; other questions or answers need another one. The tablets that ask it are sent
    their plans again.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not UTF-8.") from None
    with telling_every_fault(), as_owner(here(), "load questionnaire") as tx:
        form = questionnaires.keep(tx, read_document(text))
        if gateways := questionnaires.gateways_that_ask(tx, form.id):
            send_to_gateways(tx, gateways)
    click.echo(f"{form.id} version {form.version}: {len(form.items)} question{'s' if len(form.items) > 1 else ''}")
