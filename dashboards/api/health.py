"""For whoever runs the service: is it alive, can it work, how much does it do."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from dashboards.api.shapes import Ready
from dashboards.house import house_of
from dashboards.metrics import exposition
from dashboards.openapi import answers
from dashboards.problems import RETRY_AFTER_S, Problem
from dashboards.readiness import is_ready
from dashboards.replies import reply
from dho import clock

router = APIRouter(tags=["operations"])
metrics_router = APIRouter(tags=["operations"])
METRICS = answers(None, person=False, description="Prometheus text.")
METRICS[200]["content"] = {"text/plain": {"schema": {"type": "string"}}}


@router.get("/healthz", response_model=None, responses={200: {"description": "The process answers."}})
async def healthz() -> Response:
    """The process answers."""
    return reply({"alive": True})


@router.get("/readyz", response_model=None, responses=answers(Ready, person=False))
def readyz(request: Request) -> Response:
    """Database reached, schema up to date, broker reached."""
    checks = house_of(request).readiness.checks()
    if not is_ready(checks):
        missing = ", ".join(f"{part} {state}" for part, state in checks.items() if state not in ("ok", "not_configured"))
        raise Problem(503, "not_ready", f"Not ready: {missing}.", {"Retry-After": str(RETRY_AFTER_S)}, ready=False, **checks)
    return reply({"ready": True, **checks})


@metrics_router.get("/metrics", response_class=PlainTextResponse, responses=METRICS)
def metrics(request: Request) -> Response:
    """What Prometheus reads; all but the connections of this process comes from the database."""
    body, media_type = exposition(house_of(request), clock.now())
    return Response(body, media_type=media_type)
