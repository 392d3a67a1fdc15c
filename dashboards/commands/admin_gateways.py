"""`dho admin gateway`: register a home tablet or hub, and void one that is lost."""

from datetime import datetime
from uuid import UUID

import click

from alerts.downlink import send_to_gateways
from dashboards.commands.enrolment import enrol_gateway
from dashboards.commands.lookups import centre_id, instant_given, require_patient
from dashboards.commands.operator import SQL, as_owner, here
from devices import provisioning, topics
from dho.errors import DhoError, Invalid, NotFound


class AlreadyRegistered(DhoError):
    """A gateway of that id is there already."""

    code = "already_registered"


@click.group()
def gateway() -> None:
    """Home tablets and hubs."""


@gateway.command("add")
@click.argument("gateway_id", metavar="ID")
@click.option("--centre", required=True, help="The centre that lends it out, by name or id.")
@click.option("--patient", "patients", type=click.UUID, multiple=True, help="Whom it serves; may be repeated.")
@click.option("--since", "start", type=click.DateTime(["%Y-%m-%d"]), help="Serves them since this day; by default from now on.")
def add_gateway(gateway_id: str, centre: str, patients: tuple[UUID, ...], start: datetime | None) -> None:
    """Register a gateway; prints its password, once. Its MQTT user name is its ID."""
    settings = here().require("secret_key")
    if not topics.is_gateway_id(gateway_id):
        raise Invalid(f"“{gateway_id}” can be no gateway: use 1 to 64 letters, digits, dots, dashes and underscores.")
    secret = provisioning.new_secret()
    with as_owner(settings, "add gateway") as tx:
        where = centre_id(tx, centre)
        for whom in patients:
            require_patient(tx, whom)
        if tx.row(SQL["known_gateways"], {"gateways": [gateway_id]}):
            raise AlreadyRegistered(f"A gateway {gateway_id} is registered already.")
        since = instant_given(start, settings.timezone) if start else tx.now
        enrol_gateway(tx, where, gateway_id, provisioning.secret_hash(settings.secret_key, secret), patients, since)
        send_to_gateways(tx, [gateway_id])
        provisioning.open_accounts(settings, {gateway_id: secret})
    click.echo(secret)


@gateway.command("revoke")
@click.argument("gateway_id", metavar="ID")
def revoke_gateway(gateway_id: str) -> None:
    """A gateway is lost or returned: its credential is void at once, and it serves nobody."""
    settings = here()
    with as_owner(settings, "revoke gateway") as tx:
        if not tx.execute(SQL["revoke_gateway"], {"gateway": gateway_id, "now": tx.now}).rowcount:
            raise NotFound(f"No gateway {gateway_id} is in use.")
        tx.execute(SQL["end_gateway_assignments"], {"gateway": gateway_id, "now": tx.now})
        send_to_gateways(tx, [gateway_id])
        provisioning.close_accounts(settings, [gateway_id])
