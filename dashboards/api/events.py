"""Events over plain HTTP: the truth behind the live feed, in the same words."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from dashboards import access, feed_reading
from dashboards.api.shapes import Events
from dashboards.caller import Asking
from dashboards.feed_reading import NO_SCOPE
from dashboards.frames import event_frame
from dashboards.openapi import answers
from dashboards.problems import Problem
from dashboards.replies import ENCODER, JSON

router = APIRouter(prefix="/api/v1", tags=["feed"])


@router.get("/events", response_model=None, responses=answers(Events, 410))
def list_events(
    caller: Asking,
    after: Annotated[int, Query(ge=0, description="The position from which to go on.")] = 0,
    epoch: Annotated[str | None, Query(max_length=100, description="The epoch in which that position was reached.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What happened in the caller's scope after a position. 410 `snapshot_required` where that can no longer be told."""
    viewer = caller.viewer
    with caller.transaction("list events") as tx:
        access.require_clinical(viewer, tx)
        scope = feed_reading.scopes(tx, [viewer.person]).get(viewer.person, NO_SCOPE)
        present = feed_reading.epoch_of(caller.house.settings.secret_key, feed_reading.history(tx), viewer.person, scope)
        found = feed_reading.missed(tx, scope, after, limit) if epoch in (None, present) else None
        if found is None:
            raise Problem(410, "snapshot_required", "This position can no longer be continued: begin with all open alerts.", epoch=present)
        feed_reading.log_lines(tx, viewer, scope, found.lines, caller.request)
    frames, prev = [], found.prev
    for line in found.lines:
        frames.append(event_frame(line.seq, prev, line.body))
        prev = line.seq
    following = found.lines[-1].seq if found.more else max(found.head, after)
    opening = f'{{"epoch":{ENCODER.encode(present).decode()},"next":{following},"head":{found.head},"events":['
    return Response(opening + ",".join(frames) + "]}", media_type=JSON)
