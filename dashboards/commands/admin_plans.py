"""`dho admin plan`: put a self-treatment plan, look at versions, activate one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from alerts.plans import PlanVersion, activate, create_plan, list_plans, load_plan
from dashboards.commands.enrolment import put_in_force
from dashboards.commands.lookups import instant_given, require_patient
from dashboards.commands.operator import OPERATOR, as_owner, here
from dashboards.commands.plan_templates import checked_text, template, template_names
from dho.errors import Invalid
from dho.plan_text import read_document


@click.group()
def plan() -> None:
    """Self-treatment plans."""


@plan.command("templates")
def show_templates() -> None:
    """The templates that ship with the project."""
    for name in template_names():
        click.echo(name)


@plan.command("put")
@click.argument("patient", type=click.UUID)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--template", "template_name", help="A template instead of a FILE.")
@click.option("--activate", "at_once", is_flag=True, help="Judge by it from now on.")
@click.option(
    "--from",
    "active_from",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]),
    help="Judge by it as if active since then: for stored history, and only as the patient's first plan.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def put_plan(
    patient: UUID, file: Path | None, template_name: str | None, at_once: bool, active_from: datetime | None, as_json: bool
) -> None:
    """Keep a plan for PATIENT from FILE (JSON or YAML); prints the version's id.

    A plan that cannot be used is refused with every reason.
    """
    if (file is None) == (template_name is None):
        raise click.UsageError("Name either a FILE or a --template")
    document = template(template_name) if template_name else dict(read_document(_text(file)))
    settings = here()
    with telling_every_fault(), as_owner(settings, "put plan") as tx:
        require_patient(tx, patient)
        if active_from is not None:
            if list_plans(tx, patient):
                raise Invalid("--from is for a first plan: this patient has one already.")
            put_in_force(tx, patient, checked_text(document), instant_given(active_from, settings.timezone))
            version = list_plans(tx, patient)[0]
        else:
            version = create_plan(tx, patient, document, OPERATOR)
            version = activate(tx, version.id, OPERATOR, version.version) if at_once else version
    _tell(version, as_json)


@plan.command("list")
@click.argument("patient", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_plans(patient: UUID, as_json: bool) -> None:
    """All versions of PATIENT's plan, newest first."""
    with as_owner(here(), "list plans") as tx:
        require_patient(tx, patient)
        for version in list_plans(tx, patient):
            _tell(version, as_json)


@plan.command("activate")
@click.argument("plan_id", metavar="PLAN", type=click.UUID)
def activate_plan(plan_id: UUID) -> None:
    """From now on the patient is judged by this version."""
    with as_owner(here(), "activate plan") as tx:
        _tell(activate(tx, plan_id, OPERATOR, load_plan(tx, plan_id).version), False)


@contextmanager
def telling_every_fault() -> Iterator[None]:
    """A refused document says every reason, one a line, before the sentence that ends the command."""
    try:
        yield
    except Invalid as error:
        for fault in error.faults:
            click.echo(f"{fault.pointer or '/'}: {fault.detail} ({fault.code})", err=True)
        raise


def _text(file: Path | None) -> str:
    assert file is not None
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not UTF-8.") from None


def _tell(version: PlanVersion, as_json: bool) -> None:
    told = {
        "id": str(version.id),
        "patient": str(version.patient),
        "number": version.number,
        "state": version.state,
        "active_from": version.active_from.isoformat() if version.active_from else None,
        "title": version.document.get("title"),
    }
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else f"{told['id']}  version {told['number']}, {told['state']}")
