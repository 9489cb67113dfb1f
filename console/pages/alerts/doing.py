"""What can be done about an alert: which buttons it has, why one of them is not possible, and doing it."""

from __future__ import annotations

from functools import partial
from typing import Any

from backend.contract.resources import AlertRecord, DatasetRecord, EndpointRecord, RunRecord, VersionRecord
from console import alert_words, operations, words
from console.asking import ask
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.alerts import words as page_words
from console.pages.alerts.drift import trained_on
from console.pages.alerts.sheets import ResolveSheet
from console.widgets.buttons import Button

ButtonLook = tuple[str, str, str, str]
"""Action id, text, kind, icon."""


class Doing:
    """Answers and acts for one alert or one endpoint at a time; `alert` is None for an endpoint's overview."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.alert: AlertRecord | None = None
        self.endpoint: EndpointRecord | None = None

    # ---- what it is about ----------------------------------------------------------------------------------

    @property
    def _where(self) -> tuple[str | None, int | None]:
        """Model and version: those of the alert, else those live now."""
        if self.alert is not None and self.alert.model:
            return self.alert.model, self.alert.version
        return (self.endpoint.model, self.endpoint.live_version) if self.endpoint else (None, None)

    def version(self) -> VersionRecord | None:
        """The version that answered."""
        return self._find(self._where[1])

    def _find(self, number: int | None) -> VersionRecord | None:
        model = self._context.state.models.get(self._where[0] or "")
        return next((v for v in model.versions if v.version == number), None) if model else None

    def previous(self) -> int | None:
        """Where a rollback would go: the standby, else the alias previous; never the version itself."""
        model = self._context.state.models.get(self._where[0] or "")
        standby = self.endpoint.standby_version if self.endpoint else None
        found = standby or (model.previous if model else None)
        return found if found != self._where[1] else None

    def dataset(self, version: VersionRecord | None) -> DatasetRecord | None:
        """What a version learnt from, while it is kept."""
        return self._context.state.datasets.get((version.dataset_id if version else None) or "")

    def run(self) -> RunRecord | None:
        """The run that failed."""
        return self._context.state.runs.get((self.alert.run_id if self.alert else None) or "")

    # ---- buttons -------------------------------------------------------------------------------------------

    def buttons(self) -> tuple[ButtonLook, ...]:
        """Left to right; one of them is primary at most."""
        alert = self.alert
        if alert is None:
            return (
                ("open", tr("Open endpoint"), "default", "rocket"),
                ("retrain", tr("Retrain…"), "default", "refresh-cw"),
            )
        if alert.state == "resolved":
            return (("reopen", tr("Open again"), "default", "undo-2"), *self._means(alert))
        first: tuple[ButtonLook, ...] = (("snooze", tr("Snooze"), "default", "clock"),)
        if alert.state == "open":
            first = (("acknowledge", tr("Acknowledge"), "default", "check"), *first)
        elif alert.state == "snoozed":
            first = (("reopen", tr("Wake"), "default", "bell"),)
        return *first, *self._means(alert)

    def _means(self, alert: AlertRecord) -> tuple[ButtonLook, ...]:
        roll_back = ("rollback", tr("Roll back…"), "default", "rotate-ccw")
        if alert_words.is_drift(alert):
            return roll_back, ("retrain", tr("Retrain…"), "primary", "refresh-cw")
        if alert.kind in ("latency", "errors"):
            return roll_back, ("open", tr("Open endpoint"), "primary", "rocket")
        if alert.kind == "endpoint":
            return ("open", tr("Open endpoint"), "default", "rocket"), (
                "restart",
                tr("Restart"),
                "primary",
                "refresh-cw",
            )
        if alert.kind == "run":
            run = self.run()
            if run is not None and run.resumable:
                return ("open", tr("Open run"), "default", "activity"), \
                    ("continue", tr("Resume from checkpoint"), "primary", "play")  # fmt: skip
            return (("open", tr("Open run"), "primary", "activity"),)
        return (("open", tr("Open overview"), "primary", "layout-dashboard"),)

    def reasons(self) -> dict[str, str]:
        """Action id → why not."""
        names = ("acknowledge", "snooze", "reopen", "rollback", "retrain", "restart", "continue", "resolve")
        found = dict.fromkeys(names, tr("Backend does not answer.") if self._context.offline() else "")
        found["rollback"] = found["rollback"] or self._why_not_roll_back()
        found["retrain"] = found["retrain"] or ("" if self.version() else tr("The version that answered is not known."))
        found["open"] = self._why_not_open()
        return found

    def _why_not_roll_back(self) -> str:
        if self.endpoint is None:
            return tr("The endpoint is gone.")
        return "" if self.previous() is not None else tr("Nothing was live before.")

    def _why_not_open(self) -> str:
        alert = self.alert
        if alert is not None and alert.kind == "run":
            return "" if self.run() is not None else tr("The run was deleted.")
        about = alert is None or bool(alert.endpoint)
        return tr("The endpoint is gone.") if about and self.endpoint is None else ""

    # ---- why not roll back ---------------------------------------------------------------------------------

    def suggestion(self) -> tuple[str, str]:
        """Title and detail of the suggestion; empty when there is nothing to suggest."""
        version = self.version()
        if self.alert is None or version is None or self.alert.state == "resolved":
            return "", ""
        if self.alert.kind == "prediction_drift":
            title = tr("Suggested: check what is asked now, then retrain")
        else:
            title = tr("Suggested: retrain on data that holds texts like these")
        return title, trained_on(version, self.dataset(version))

    def why_not_roll_back(self) -> str:
        """What a rollback could and could not do here, from where both versions learnt."""
        version, number = self.version(), self.previous()
        if version is None or number is None:
            return tr("Nothing was live before, so there is nothing to roll back to.")
        before = self._find(number)
        if before is None or before.dataset_sha256 is None or before.dataset_sha256 != version.dataset_sha256:
            name = (before.dataset_name if before else None) or words.DASH
            return tr(
                "v{m} learnt from {name}. Rolling back helps only if the texts of now look more like that than like "
                "what v{n} learnt from.", m=number, name=name, n=version.version,
            )  # fmt: skip
        return tr(
            "v{m} and v{n} learnt from the same data: the older one has seen no more texts like these, so drift "
            "would stay.", m=number, n=version.version,
        )  # fmt: skip

    # ---- doing ---------------------------------------------------------------------------------------------

    def acknowledge(self, alerts: list[AlertRecord], button: Button | None = None) -> None:
        """One or many; said once, and taken back together."""
        waiting = [alert for alert in alerts if alert.state == "open"]
        done: list[AlertRecord] = []
        for alert in waiting:
            call = ask(self._context, operations.acknowledge(self._context.link, alert.id), button)
            call.on_reply(partial(self._on_acknowledged, alert, done, len(waiting)))

    def _on_acknowledged(self, alert: AlertRecord, done: list[AlertRecord], count: int, _body: Any) -> None:
        done.append(alert)
        if len(done) == count:
            text = (
                tr("Acknowledged") if count == 1 else tr_n(count, "{n} alert acknowledged", "{n} alerts acknowledged")
            )
            detail = alert_words.title(alert) if count == 1 else ""
            self._context.toast(
                text, detail, undo=partial(self.reopen, list(done)), redo=partial(self._acknowledge_again, list(done))
            )

    def _acknowledge_again(self, alerts: list[AlertRecord]) -> None:
        for alert in alerts:
            ask(self._context, operations.acknowledge(self._context.link, alert.id))

    def reopen(self, alerts: list[AlertRecord], button: Button | None = None) -> None:
        """Take back an acknowledgement, a snooze or a resolution."""
        for alert in alerts:
            ask(self._context, operations.reopen(self._context.link, alert.id), button)

    def snooze(self, alert: AlertRecord, until: float, button: Button | None = None) -> None:
        """Ask again at this time."""
        call = ask(self._context, operations.snooze(self._context.link, alert.id, until), button)
        said = page_words.until(until, self._context.clock())
        call.on_reply(partial(self._on_snoozed, alert, until, said))

    def _on_snoozed(self, alert: AlertRecord, until: float, said: str, _body: Any) -> None:
        title = alert_words.title(alert)

        def again() -> None:
            ask(self._context, operations.snooze(self._context.link, alert.id, until))

        self._context.toast(tr("Asks again {time}", time=said), title, undo=partial(self.reopen, [alert]), redo=again)

    def resolve(self) -> None:
        """Opens the sheet that asks for a reason."""
        if self.alert is not None:
            self._context.open_sheet(ResolveSheet(self._context, self.alert))

    def roll_back(self) -> None:
        """Opens the Models page's sheet."""
        if not self._why_not_roll_back() and self.endpoint is not None:
            self._context.start("model.rollback", model=self._where[0], version=self.previous(),
                                endpoint=self.endpoint.name)  # fmt: skip

    def retrain(self) -> None:
        """Opens New run with data and settings of the run that made the version."""
        version = self.version()
        if version is None:
            return
        run = self._context.state.runs.get(version.run_id)
        if run is not None:
            self._context.start("run.new", run=run)
        else:
            self._context.start("run.new", dataset=version.dataset_id, settings=version.settings)

    def restart(self, button: Button | None = None) -> None:
        """Start the endpoint's engines anew."""
        if self.alert is not None and self.alert.endpoint:
            call = operations.restart_endpoint(self._context.link, self.alert.endpoint)
            ask(self._context, call, button).on_reply(partial(self._said, tr("Restarting"), self.alert.endpoint))

    def continue_run(self, button: Button | None = None) -> None:
        """Resume the failed run from its newest good checkpoint."""
        run = self.run()
        if run is not None:
            call = operations.continue_run(self._context.link, run.id)
            ask(self._context, call, button).on_reply(partial(self._said, tr("Resuming"), run.name))

    def _said(self, text: str, detail: str, _body: Any) -> None:
        self._context.toast(text, detail, "info")

    def open(self) -> None:
        """Go to what the alert is about."""
        if self._why_not_open():
            return
        if self.alert is not None and self.alert.kind == "run":
            self._context.navigate(f"run/{self.alert.run_id}")
        elif self.endpoint is not None:
            self._context.navigate(f"endpoint/{self.endpoint.name}")
        else:
            self._context.navigate("overview")
