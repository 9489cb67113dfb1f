"""/audit: who did what, chained by hashes."""

import csv
import io
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from backend.contract.resources import AuditRecord
from backend.server.parts import PartsIn
from backend.server.route import Items, Route, items
from backend.services.exports import guarded

router = APIRouter(tags=["audit"], route_class=Route)

COLUMNS = ("seq", "time", "actor", "client", "action", "object", "before", "after", "reason", "result", "hash")


def csv_cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula gets a quote in front; numbers stay numbers."""
    return guarded(value) if isinstance(value, str) else value


@router.get("/audit")
def list_audit(
    parts: PartsIn,
    start: Annotated[int, Query(ge=0)] = 0,
    count: Annotated[int, Query(ge=1, le=5000)] = 200,
    find: Annotated[str, Query(max_length=200)] = "",
) -> Items[AuditRecord]:
    """Newest first."""
    return items(parts.store.audit.all(start, count, find))


@router.get("/audit/verify")
def verify_audit(parts: PartsIn) -> dict[str, Any]:
    """Whether every link of the chain holds; {"ok", "first_bad_seq", "count"}."""
    ok, first_bad, count = parts.store.audit.verify()
    return {"ok": ok, "first_bad_seq": first_bad, "count": count}


@router.get("/audit/export", response_class=Response)
def export_audit(parts: PartsIn) -> Response:
    """Everything as CSV, oldest first."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for record in reversed(parts.store.audit.all(0, 1_000_000, "")):
        writer.writerow([csv_cell(getattr(record, column)) for column in COLUMNS])
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8")
