"""The same POST twice under one Idempotency-Key is done once: the answer is kept a day, in the transaction that did it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.responses import Response

from dashboards.problems import Problem
from dashboards.replies import JSON
from dho.db import Tx
from dho.sql import queries

SQL = queries("dashboards")
KEPT = timedelta(hours=24)


def once(tx: Tx, caller: str, key: str | None, digest: bytes, do: Callable[[], Response]) -> Response:
    """`do()`, or the answer that it gave before to this caller under this key. Raises 422 if the key stood for another request.

    Call it behind the access door, so that an answer is not given again to somebody who may no longer see it. Only what succeeded is
    kept: a refusal has done nothing and may be tried again under the same key.
    """
    if key is None:
        return do()
    tx.execute(SQL["lock_key"], {"lock": f"{caller} {key}"})
    kept = kept_answer(tx, caller, key, digest, tx.now)
    if kept is not None:
        return kept
    answer = do()
    keep(tx, caller, key, digest, answer)
    return answer


def kept_answer(tx: Tx, caller: str, key: str, digest: bytes, now: datetime) -> Response | None:
    """What was answered before, if anything."""
    row = tx.row(SQL["answer_kept"], {"caller": caller, "key": key, "since": now - KEPT})
    if row is None:
        return None
    if row.request_digest != digest:
        raise Problem(422, "idempotency_key_reused", "This Idempotency-Key was used for another request: take a new one.")
    return Response(row.answer, row.status, {"Idempotency-Replayed": "true"}, JSON if row.answer else None)


def keep(tx: Tx, caller: str, key: str, digest: bytes, answer: Response) -> None:
    """Remember what was answered."""
    row = {"caller": caller, "key": key, "digest": digest, "now": tx.now, "status": answer.status_code, "answer": bytes(answer.body)}
    tx.execute(SQL["keep_answer"], row)
