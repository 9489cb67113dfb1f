"""/alerts and /rules: what wants a person, and the limits that open it."""

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from backend.contract.base import Request as Body
from backend.contract.errors import Conflict, Invalid, NotFound, Unavailable
from backend.contract.resources import AlertRecord, ChangeAlert, Rule, RulePreview
from backend.contract.states import AlertState, Severity
from backend.server.parts import Parts, PartsIn
from backend.server.route import Items, Route, items
from backend.services import webhook
from backend.services.rule_history import would_have_fired

MOST_RULES = 200

router = APIRouter(tags=["alerts"], route_class=Route)


class ChangeRule(Body):
    """PATCH /rules/{id}: only what is given changes."""

    limit: float | None = None
    for_seconds: float | None = Field(None, ge=0, le=86400)
    severity: Severity | None = None
    enabled: bool | None = None
    endpoint: str | None = Field(None, max_length=100)
    name: str | None = Field(None, max_length=120)
    above: bool | None = None
    metric: str | None = Field(None, min_length=1, max_length=200)


class NewRule(Body):
    """POST /rules and /rules/preview."""

    name: str = Field("", max_length=120)
    test: Literal["limit", "stalled", "idle", "forecast"] = "limit"
    metric: str = Field("", max_length=200)
    above: bool = True
    limit: float = 0.0
    for_seconds: float = Field(60.0, ge=0, le=86400)
    severity: Severity = Severity.WARN
    enabled: bool = True
    endpoint: str | None = Field(None, max_length=100)

    def rule(self, rule_id: str) -> Rule:
        """The rule it asks for; Invalid names what is missing."""
        return _checked(Rule(id=rule_id, kind="rule", own=True, **self.model_dump(mode="json")))


def _checked(rule: Rule) -> Rule:
    """The rule, when it can be judged; a new one and a changed one are held to the same."""
    if rule.test == "limit" and not rule.metric.strip():
        raise Invalid("A rule with a limit needs a metric.", field="metric", fix="Such as gpu/*/temperature_c.")
    if rule.test in ("stalled", "idle") and rule.limit <= 0:
        raise Invalid("limit must be above 0.", field="limit", fix="Such as 10.")
    return rule


def known_alert(parts: Parts, alert_id: str) -> AlertRecord:
    """The alert, or NotFound."""
    found = parts.store.alerts.get(alert_id)
    if found is None:
        raise NotFound(f"There is no alert {alert_id!r:.80}.", fix="`alert list` shows what there is.")
    return found


@router.get("/alerts")
def list_alerts(parts: PartsIn, state: Annotated[list[AlertState] | None, Query()] = None) -> Items[AlertRecord]:
    """Newest first; ?state=open&state=snoozed chooses."""
    return items(parts.store.alerts.all(state))


@router.get("/alerts/{alert_id}")
def read_alert(alert_id: str, parts: PartsIn) -> AlertRecord:
    """One alert with its evidence."""
    return known_alert(parts, alert_id)


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(alert_id: str, body: ChangeAlert, parts: PartsIn) -> AlertRecord:
    """Somebody looks after it."""
    facts = {"acknowledged_at": parts.clock.now(), "acknowledged_by": parts.user}
    return _change(parts, alert_id, AlertState.ACKNOWLEDGED, body, **facts)


@router.post("/alerts/{alert_id}/snooze")
def snooze(alert_id: str, body: ChangeAlert, parts: PartsIn) -> AlertRecord:
    """Ask again at `until`, an hour from now when not given."""
    until = body.until if body.until is not None else parts.clock.now() + 3600
    if until <= parts.clock.now():
        raise Invalid("until lies in the past.", field="until", fix="Give a unix time that is still to come.")
    return _change(parts, alert_id, AlertState.SNOOZED, body, snoozed_until=until)


@router.post("/alerts/{alert_id}/resolve")
def resolve(alert_id: str, body: ChangeAlert, parts: PartsIn) -> AlertRecord:
    """Close it by hand."""
    return _change(parts, alert_id, AlertState.RESOLVED, body, resolved_at=parts.clock.now())


@router.post("/alerts/{alert_id}/reopen")
def reopen(alert_id: str, body: ChangeAlert, parts: PartsIn) -> AlertRecord:
    """Take back an acknowledgement, a snooze or a resolution."""
    facts = {"acknowledged_at": None, "acknowledged_by": None, "snoozed_until": None, "resolved_at": None}
    return _change(parts, alert_id, AlertState.OPEN, body, **facts)


def _change(parts: Parts, alert_id: str, state: AlertState, body: ChangeAlert, **facts: Any) -> AlertRecord:
    before = known_alert(parts, alert_id)
    if before.state == state and state != AlertState.SNOOZED:
        return before
    if before.state == AlertState.RESOLVED and state != AlertState.OPEN:
        raise Conflict(f"The alert {alert_id} is resolved already.", fix="Reopen it first.")
    if body.note:
        facts["note"] = body.note[:4000]
    with parts.store.transaction():
        after = parts.store.alerts.change(alert_id, state=state.value, **facts)
        parts.store.audit.add(
            actor=parts.user, client="", action=f"alert_{state.value}", object=f"alert/{alert_id}",
            before=before.state, after=state.value, reason=body.note[:4000], result="done", details={},
        )  # fmt: skip
    return after


@router.get("/rules")
def list_rules(parts: PartsIn) -> Items[Rule]:
    """Every limit."""
    return items(parts.store.rules.all())


@router.patch("/rules/{rule_id}")
def change_rule(rule_id: str, body: ChangeRule, parts: PartsIn) -> Rule:
    """Another limit, or none for now; of a rule of one's own also its name, metric and side."""
    known = {rule.id: rule for rule in parts.store.rules.all()}
    if rule_id not in known:
        raise NotFound(f"There is no rule {rule_id!r:.80}.", fix=f"There are: {', '.join(known)}.")
    given = body.model_dump(exclude_unset=True, mode="json")
    fields = {key: value for key, value in given.items() if value is not None or key == "endpoint"}
    if not known[rule_id].own and {"name", "above", "metric"} & set(fields):
        raise Conflict(f"The rule {rule_id} comes with the program; it keeps its name, metric and side.")
    with parts.store.transaction():
        after = _checked(parts.store.rules.change(rule_id, **fields))
        old, new = known[rule_id].model_dump_json(), after.model_dump_json()
        parts.store.audit.add(parts.user, "", "change_rule", f"rule/{rule_id}", old, new)
    return after


@router.post("/rules", status_code=201)
def add_rule(body: NewRule, parts: PartsIn) -> Rule:
    """A rule of one's own."""
    if len(parts.store.rules.all()) >= MOST_RULES:
        raise Conflict(f"There are {MOST_RULES} rules already.", fix="Remove one first.")
    with parts.store.transaction():
        rule = parts.store.rules.add(body.rule(f"rule-{uuid.uuid4().hex[:8]}"))
        parts.store.audit.add(parts.user, "", "add_rule", f"rule/{rule.id}", "", rule.model_dump_json())
    return rule


@router.delete("/rules/{rule_id}", status_code=204)
def remove_rule(rule_id: str, parts: PartsIn) -> None:
    """Remove a rule of one's own; its alerts resolve."""
    with parts.store.transaction():
        gone = parts.store.rules.remove(rule_id)
        parts.store.audit.add(parts.user, "", "remove_rule", f"rule/{rule_id}", gone.model_dump_json(), "")


@router.post("/rules/preview")
def preview_rule(body: NewRule, parts: PartsIn, days: Annotated[float, Query(gt=0, le=365)] = 30.0) -> RulePreview:
    """How often such a rule would have opened an alert."""
    return would_have_fired(parts.store, body.rule("preview"), days)


@router.post("/webhook/test")
def test_webhook(parts: PartsIn) -> dict[str, str]:
    """Tell the webhook something now; Unavailable with the reason when it was not delivered."""
    url = parts.store.settings.get().webhook_url
    if not url:
        raise Conflict("There is no webhook address.", fix="Set one in the settings.")
    body = {"source": "modeldeck", "id": "test", "severity": "info", "title": "Test", "text": "It works."}
    try:
        webhook.post(url, body, f"test-{uuid.uuid4().hex}")
    except webhook.NotDelivered as error:
        raise Unavailable(str(error), code="not_delivered") from error
    return {"state": "delivered"}
