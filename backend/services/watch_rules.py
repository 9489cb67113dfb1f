"""Alerts from limits: a metric above its limit for a time, a card that is lost, an endpoint that is down, a run that
failed."""

from collections.abc import Mapping

from backend.clock import Clock
from backend.contract.events import RequestWindow
from backend.contract.resources import EndpointRecord, Rule, RunRecord, TelemetrySample
from backend.contract.states import EndpointState, RunState, Severity
from backend.services.causes import Cause, Causes, Key
from backend.services.rule_values import Spell, back, in_words, machine_values, matching, past
from backend.services.watch_own import OwnRules
from backend.store import Store

SERVE_S = 10.0
"""Request windows of this long are "now"."""


class RuleWatch:
    """Used by one thread."""

    def __init__(self, store: Store, clock: Clock, causes: Causes) -> None:
        self._store, self._clock, self._causes = store, clock, causes
        self._spells: dict[tuple[str, Key], Spell] = {}
        self._own = OwnRules(store, clock, causes)

    def check(
        self, endpoints: list[EndpointRecord], sample: TelemetrySample | None, runs: list[RunRecord] | None = None
    ) -> None:
        """Every enabled rule against every value it names; a disabled rule's alerts resolve."""
        machine = machine_values(sample) if sample is not None else {}
        served = {endpoint.name: self._served(endpoint) for endpoint in endpoints}
        wanted: set[Key] = set()
        kinds = set()
        rules = self._store.rules.all()
        self._own.check([rule for rule in rules if is_own(rule)], machine, served, runs or [])
        for rule in [rule for rule in rules if not is_own(rule)]:
            kinds.add(rule.kind)
            for key, value, limit in _targets(rule, machine, served, endpoints):
                wanted.add(key)
                self._limit(rule, key, value, limit)
        self._drop_unwanted(kinds, wanted)

    def _limit(self, rule: Rule, key: Key, value: float | None, limit: float) -> None:
        spell = self._spells.setdefault((rule.id, key), Spell(is_open=self._causes.is_open(key)))
        serving = key[1] is not None
        over = value is not None and past(rule, value, limit)
        under = serving if value is None else back(rule, value, limit)  # an endpoint nobody asks has no latency
        turning = rule.enabled and (under if spell.is_open else over)
        open_now = spell.see(turning=turning, now=self._clock.monotonic(), seconds=rule.for_seconds)
        if not rule.enabled:
            spell.is_open = False
            self._causes.gone(key, "The rule was switched off.")
        elif open_now and (value is None or over):
            if value is not None:
                self._causes.hold(_limit_cause(rule, key, value, limit))
        elif not open_now:
            self._causes.gone(key, "Below the limit again.")

    def _drop_unwanted(self, kinds: set[str], wanted: set[Key]) -> None:
        """Alerts of endpoints, cards and rules that are gone."""
        for kind in kinds:
            for key in self._causes.active_keys(kind):
                if key not in wanted and not str(key[2]).endswith("/lost"):
                    self._causes.gone(key, "What it spoke of is gone.")

    def _served(self, endpoint: EndpointRecord) -> dict[str, float | None]:
        windows = self._store.endpoints.windows(endpoint.name, self._clock.now() - SERVE_S)
        return _served_values(windows)

    # ---- states ------------------------------------------------------------------------------------------------------

    def endpoint(self, endpoint: EndpointRecord) -> None:
        """An endpoint that failed is down until it serves, starts anew or is stopped on purpose."""
        key: Key = ("endpoint", endpoint.name, None)
        if endpoint.state == EndpointState.FAILED:
            text = endpoint.text or "It does not answer and was given up."
            title = f"{endpoint.name} is down"
            cause = Cause(
                key, "endpoint", title, text, Severity.BAD, model=endpoint.model, version=endpoint.live_version
            )
            self._causes.hold(cause)
        elif endpoint.state in (EndpointState.SERVING, EndpointState.DEGRADED, EndpointState.STOPPED):
            self._causes.gone(key, f"The endpoint is {endpoint.state}.")

    def endpoints_gone(self, names: set[str]) -> None:
        """Endpoints that were deleted."""
        for key in self._causes.active_keys("endpoint"):
            if key[1] not in names:
                self._causes.gone(key, "The endpoint was deleted.")

    def cards(self, sample: TelemetrySample | None) -> None:
        """A card that stopped answering."""
        for card in sample.gpus if sample is not None else ():
            key: Key = ("gpu", None, f"gpu/{card.index}/lost")
            if card.lost is None:
                self._causes.gone(key, "The card answers again.")
                continue
            text = f"GPU {card.index} ({card.name or 'unknown'}): {card.lost}. Runs on it cannot go on."
            title = f"GPU {card.index} stopped answering"
            self._causes.hold(Cause(key, "gpu", title, text, Severity.BAD, feature=key[2]))

    def run(self, run: RunRecord) -> None:
        """A run that failed, until it is resumed or archived."""
        key: Key = ("run", None, run.id)
        if run.state == RunState.FAILED and not run.archived and not run.source:
            failure = run.failure
            text = (
                f"{failure.text.rstrip('.')}. {failure.advice}".strip()
                if failure
                else (run.cause or "No cause is known.")
            )
            evidence = {"code": failure.code, "step": run.step} if failure else {"step": run.step}
            cause = Cause(key, "run", f"{run.name} failed", text, Severity.BAD, evidence=evidence, run_id=run.id)
            self._causes.hold(cause)
        else:
            self._causes.gone(key, f"The run is {'archived' if run.archived else run.state}.")

    def run_gone(self, run_id: str) -> None:
        """A run that was deleted."""
        self._causes.gone(("run", None, run_id), "The run was deleted.")


def is_own(rule: Rule) -> bool:
    """Whether watch_own.py looks after a rule."""
    return rule.own or rule.test != "limit"


def _targets(
    rule: Rule,
    machine: Mapping[str, float | None],
    served: Mapping[str, Mapping[str, float | None]],
    endpoints: list[EndpointRecord],
) -> list[tuple[Key, float | None, float]]:
    """(cause, value now, limit) of everything a rule speaks of; an endpoint's own p99 target replaces the rule's
    limit."""
    if not rule.metric.startswith("serve/"):
        names = matching(rule.metric, machine)
        return [((rule.kind, None, name), machine[name], rule.limit) for name in names]
    found = []
    for endpoint in endpoints:
        if rule.endpoint in (None, endpoint.name):
            own = endpoint.limits.get("slo_p99_ms") if rule.metric == "serve/latency_ms_p99" else None
            key: Key = (rule.kind, endpoint.name, rule.metric)
            found.append((key, served[endpoint.name].get(rule.metric), float(own or rule.limit)))
    return found


def _served_values(windows: list[RequestWindow]) -> dict[str, float | None]:
    """The last windows as one: counts by their seconds, of latencies the worst. Latency is None when nobody asked."""
    seconds = sum(window.seconds for window in windows)
    if seconds <= 0:
        return {}
    worst = [window.latency_ms_p99 for window in windows if window.latency_ms_p99 is not None]
    return {
        "serve/latency_ms_p99": max(worst, default=None),
        "serve/errors_per_s": sum(window.errors for window in windows) / seconds,
        "serve/rejected_per_s": sum(window.rejected for window in windows) / seconds,
        "serve/requests_per_s": sum(window.requests for window in windows) / seconds,
    }


def _limit_cause(rule: Rule, key: Key, value: float, limit: float) -> Cause:
    metric = key[2] or rule.metric
    title, said, bound = in_words(metric, value, limit)
    where = f" on {key[1]}" if key[1] else ""
    return Cause(
        key=key,
        kind=rule.kind,
        title=f"{title} over the limit{where}",
        text=f"{title} is {said}, above {bound} for {rule.for_seconds:.0f} s.",
        severity=rule.severity,
        feature=metric,
        evidence={"metric": metric, "value": value, "limit": limit, "for_seconds": rule.for_seconds, "rule": rule.id},
    )
