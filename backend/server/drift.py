"""/drift: traffic against the reference of the live version."""

from fastapi import APIRouter

from backend.contract.resources import DriftReport
from backend.server.endpoints import known_endpoint
from backend.server.parts import PartsIn
from backend.server.route import Items, Route, items
from backend.services.watch_drift import with_history

router = APIRouter(tags=["drift"], route_class=Route)


@router.get("/drift")
def list_reports(parts: PartsIn) -> Items[DriftReport]:
    """The newest report of each endpoint."""
    found = [parts.store.drift.latest(endpoint.name) for endpoint in parts.store.endpoints.all()]
    return items([report for report in found if report is not None])


@router.get("/drift/{endpoint}")
def read_report(endpoint: str, parts: PartsIn) -> DriftReport:
    """The newest report with each feature's history; before the first check, one that says so."""
    known = known_endpoint(parts, endpoint)
    report = parts.store.drift.latest(known.name)
    if report is not None:
        return with_history(parts.store, report)
    return DriftReport(endpoint=known.name, model=known.model, version=known.live_version, text="Not checked yet.")
