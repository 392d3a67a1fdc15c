"""`dho admin patient`, `care`, `gateway` and `plan`: who is followed up, by whom, with what, and according to which plan."""

from datetime import datetime
from uuid import UUID, uuid4

import click

from dashboards.commands.enrolment import Enrolment, enrol
from dashboards.commands.lookups import centre_id, find_person, require_patient
from dashboards.commands.operator import SQL, as_owner, here
from dashboards.commands.plan_templates import template_text
from dho.errors import NotFound
from dho.people import CareRelation, since

RELATIONS = ("follow_up_nurse", "contact_person", "hospital_specialist", "gp", "patient", "next_of_kin")


@click.group()
def patient() -> None:
    """Patients; their id is opaque and the only name they have in topics and logs."""


@patient.command("add")
@click.option("--centre", required=True, help="The follow-up centre, by name or id.")
@click.option("--name", required=True)
@click.option("--born", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--language", type=click.Choice(["nb", "nn", "en"]), default="nb", show_default=True)
@click.option("--phone", default="")
@click.option("--template", help="Start with this plan template, active at once (`dho admin plan templates`).")
def add_patient(centre: str, name: str, born: datetime | None, language: str, phone: str, template: str | None) -> None:
    """Add a patient for whom CENTRE is responsible from now on; prints the id."""
    documents = {template: template_text(template)} if template else {}
    with as_owner(here(), "add patient") as tx:
        made = Enrolment(
            uuid4(), centre_id(tx, centre), name, plan=template, born=born.date() if born else None, language=language, phone=phone
        )
        enrol(tx, [made], documents, since=tx.now, judge_at=tx.now)
        click.echo(made.patient)


@click.group()
def care() -> None:
    """Who is related to which patient: the care team."""


@care.command("add")
@click.argument("patient_id", metavar="PATIENT", type=click.UUID)
@click.argument("user")
@click.argument("role", type=click.Choice(RELATIONS))
def add_care(patient_id: UUID, user: str, role: str) -> None:
    """USER is related to PATIENT in this ROLE from now on."""
    with as_owner(here(), "add care relation") as tx:
        require_patient(tx, patient_id)
        tx.records.add(CareRelation(patient=patient_id, person=find_person(tx, user).id, role=role, during=since(tx.now)))
        tx.records.flush()


@care.command("end")
@click.argument("patient_id", metavar="PATIENT", type=click.UUID)
@click.argument("user")
def end_care(patient_id: UUID, user: str) -> None:
    """USER is no longer related to PATIENT."""
    with as_owner(here(), "end care relation") as tx:
        ended = tx.execute(SQL["end_care_relation"], {"person": find_person(tx, user).id, "patient": patient_id, "now": tx.now})
        if not ended.rowcount:
            raise NotFound(f"{user} has no relation to that patient now.")
