"""Promote… and Roll back…: what changes, the evidence, a reason; then the switch, step by step."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from backend.contract.resources import Operation, PromotionPlan
from console import operations, words
from console.context import Context
from console.i18n import tr
from console.pages.models import words as model_words
from console.pages.models.sheet_parts import Block, ChangesBox, StepsView, heading
from console.pages.models.switching import Switch
from console.widgets.buttons import Button
from console.widgets.empty import Skeleton
from console.widgets.panel import row
from console.widgets.rows import GateRow
from console.widgets.sheet import Sheet
from console.widgets.text import Text

LEAST_REASON = 10
MOST_REASON = 4000


class _SwitchSheet(Sheet):
    """What both sheets share. The plan comes from the backend; nothing here is computed."""

    kind_of_plan = "promote"

    def __init__(self, context: Context, model: str, version: int | None, endpoint: str | None, **look: str) -> None:
        super().__init__(**look)
        self._context, self.model, self.version, self.endpoint = context, model, version, endpoint
        self.plan: PromotionPlan | None = None
        self.switch: Switch | None = None
        self._turn = 0
        self._close: Button | None = None
        self._fitting = QTimer(self)
        self._fitting.setSingleShot(True)
        self._fitting.setInterval(0)
        self._fitting.timeout.connect(self._on_fit)
        self._growing = QTimer(self)
        self._growing.setSingleShot(True)
        self._growing.setInterval(0)
        self._growing.timeout.connect(self._on_grow)
        self._chooser = self._build_chooser()
        self._content = QWidget()
        self._layout = QVBoxLayout(self._content)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self.add(self._content)
        self.reason = QLineEdit()
        self.reason.setMaxLength(MOST_REASON)
        self.reason.setAccessibleName(tr("Reason"))
        self.reason.textChanged.connect(self._on_reason)
        self._reason_label = Text(tr("Reason"), "small", "text-secondary", weight=500)
        self._reason_note = Text("", "small", "text-tertiary")
        self._reason_row = row(self._reason_label, None, self._reason_note)
        self.add(self._reason_row)
        self.add(self.reason)
        self.body.addStretch(1)
        self.first_focus = self.reason
        self.set_note(tr("No requests are dropped during the switch."))
        self.accepted.connect(self._on_accepted)
        self.closed.connect(self._on_closed)
        self.read_plan()

    # ---- the plan ------------------------------------------------------------------------------------------

    def _build_chooser(self) -> QWidget | None:
        """Which endpoint, when there are several."""
        names = [e.name for e in self._context.state.endpoints_of(self.model)]
        if self.endpoint is None and names:
            self.endpoint = names[0]
        if len(names) < 2:
            return None
        box = QComboBox()
        box.setAccessibleName(tr("Endpoint"))
        box.addItems(names)
        box.setCurrentText(self.endpoint or names[0])
        box.currentTextChanged.connect(self._on_endpoint)
        holder = row(Text(tr("Endpoint"), "small", "text-secondary", weight=500), box, None)
        self.add(holder)
        return holder

    def _on_endpoint(self, name: str) -> None:
        self.endpoint = name
        self.read_plan()

    def read_plan(self) -> None:
        """Ask what would change; the sheet shows grey blocks until it is known."""
        self._turn += 1
        self.plan = None
        self._clear()
        skeleton = Skeleton(tr("Reading the plan"), rows=4)
        skeleton.setMinimumHeight(180)
        self._layout.addWidget(skeleton)
        self._allow()
        call = operations.plan_promotion(
            self._context.link, self.model, self.version, kind=self.kind_of_plan, endpoint=self.endpoint
        )
        call.on_reply(partial(self._on_plan, self._turn)).on_refused(partial(self._on_plan_refused, self._turn))

    def _on_plan(self, turn: int, body: dict[str, Any]) -> None:
        if turn != self._turn or self.switch is not None:
            return
        self.plan = PromotionPlan.model_validate(body)
        self.version = self.plan.version
        self._clear()
        self._show_plan(self.plan)
        self._allow()
        self._refit()

    def _on_plan_refused(self, turn: int, error: Any) -> None:
        if turn != self._turn:
            return
        self._clear()
        self._layout.addWidget(Block("bad", error.text, error.fix or ""))
        self._allow(error.text)
        self._refit()

    def _show_plan(self, plan: PromotionPlan) -> None:
        self._layout.addWidget(heading(tr("What changes")))
        self._layout.addWidget(ChangesBox(plan.changes))
        if plan.evidence:
            self._layout.addSpacing(4)
            self._layout.addWidget(heading(tr("Evidence")))
            holder = QWidget()
            inner = QVBoxLayout(holder)
            inner.setContentsMargins(0, 0, 0, 0)
            inner.setSpacing(0)
            for item in plan.evidence:
                text, detail = model_words.evidence_words(item)
                inner.addWidget(GateRow(self._gate(item), text, detail, height=24))
            self._layout.addWidget(holder)
        if plan.warnings:
            title, details = model_words.warnings_words(plan)
            lines = [*details, *([] if plan.blocked else [self._anyway()])]
            self._layout.addWidget(Block("warn", title, *lines))
        if plan.blocked:
            self._layout.addWidget(Block("bad", plan.blocked, tr("Nothing can be switched until this is mended.")))
        self._reason_note.setText(
            tr("at least {n} characters, kept in the audit trail", n=LEAST_REASON)
            if plan.warnings
            else tr("Undo stays available for 10 min")
        )

    @staticmethod
    def _gate(item: dict[str, Any]) -> str:
        state = model_words.evidence_state(item)
        return "failed" if state == "warned" and "metric" not in item else state

    def _anyway(self) -> str:
        return tr("You can promote anyway. Your reason is kept in the audit trail.")

    def _clear(self) -> None:
        while (item := self._layout.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()

    def _refit(self) -> None:
        """After the turn: Qt shows new children only then, and hidden ones have no height."""
        self._fitting.start()

    def _on_fit(self) -> None:
        refit = getattr(self.parent(), "refit", None)
        self._layout.activate()
        self.body.activate()
        if refit is not None:
            refit()
            self._growing.start()
        if self._close is not None and self.switch is not None:
            self._close.setFocus()

    def _on_grow(self) -> None:
        """Wrapped lines and other scripts need more than the layout's guess; nothing scrolls while there is room."""
        host = self.parentWidget()
        missing = self._scroll.verticalScrollBar().maximum()
        if host is not None and missing:
            room = host.height() - 40 - self.height()
            self.resize(self.width(), self.height() + max(0, min(missing, room)))
            self.move(self.x(), max(20, min(self.y(), host.height() - 20 - self.height())))
            host.update()

    # ---- the reason ----------------------------------------------------------------------------------------

    def _on_reason(self, _text: str) -> None:
        self._allow()

    def _allow(self, refused: str = "") -> None:
        reason = refused or self.why_not()
        if self.primary is not None:
            self.primary.set_enabled(not reason, reason)

    def why_not(self) -> str:
        """Why the button does nothing now; empty when it would."""
        written = len(self.reason.text().strip())
        if self._context.offline():
            return tr("Backend does not answer.")
        if self.plan is None:
            return tr("The plan is being read.")
        if self.plan.blocked:
            return self.plan.blocked
        if self.plan.warnings and written < LEAST_REASON:
            return tr("Say why in at least {n} characters.", n=LEAST_REASON)
        return "" if written else tr("Say why.")

    # ---- the switch ----------------------------------------------------------------------------------------

    def _ask(self, reason: str) -> Any:
        raise NotImplementedError

    def _on_accepted(self) -> None:
        if self.why_not() or self.switch is not None:
            return
        if self.primary is not None:
            self.primary.set_busy(True)
        self.reason.setEnabled(False)
        call = self._ask(self.reason.text().strip())
        call.on_reply(self._on_started).on_refused(self._on_refused)

    def _on_refused(self, error: Any) -> None:
        """What was typed stays; the reason of the refusal is on the sheet."""
        self.reason.setEnabled(True)
        if self.primary is not None:
            self.primary.set_busy(False)
        self._layout.addWidget(Block("bad", error.text, error.fix or ""))
        self._refit()

    def _on_started(self, body: dict[str, Any]) -> None:
        self.switch = Switch(self._context, Operation.model_validate(body))
        self._clear()
        for widget in (self._reason_row, self.reason, self._chooser):
            if widget is not None:
                widget.hide()
        if self.primary is not None:
            self.primary.hide()
        self.progress = StepsView(self.version or 0)
        self._layout.addWidget(self.progress)
        self.set_note(tr("You may close this; the switch goes on and tells you when it is done."))
        for button in self._footer.findChildren(Button):
            if button is not self.primary:
                button.setText(tr("Close"))
                button.updateGeometry()
                self._close = button
        self.switch.staged.connect(self._on_staged)
        self.switch.ended.connect(self._on_ended)
        self._on_staged(self.switch.operation)
        self._refit()

    def _on_staged(self, operation: Operation) -> None:
        self.progress.show_operation(operation, self._context.clock())

    def _on_ended(self, operation: Operation) -> None:
        if operation.state == "done":
            self.close_sheet()
            return
        error = operation.error or {}
        block = Block("bad", str(error.get("text") or operation.text or tr("The switch failed")),
                      str(error.get("fix") or ""))  # fmt: skip
        self._layout.addWidget(block)
        live = (error.get("details") or {}).get("live_version")
        self.set_note(tr("v{n} stayed live the whole time.", n=live) if live else tr("Nothing was switched."), "text")
        self._refit()

    def _on_closed(self) -> None:
        if self.switch is not None:
            self.switch.shown = False


class PromoteSheet(_SwitchSheet):
    """Make a version the one that answers."""

    def __init__(self, context: Context, model: str, version: int, endpoint: str | None = None) -> None:
        super().__init__(
            context, model, version, endpoint,
            title=tr("Promote {model} v{n} to champion", model=model, n=version),
            icon="badge-check", primary=tr("Promote v{n}", n=version),
        )  # fmt: skip

    def _ask(self, reason: str) -> Any:
        return operations.promote(
            self._context.link, self.model, self.version or 0, endpoint=self.endpoint, reason=reason
        )


class RollBackSheet(_SwitchSheet):
    """Make an earlier version answer again: the previous one, or any other that has its files."""

    kind_of_plan = "rollback"

    def __init__(self, context: Context, model: str, version: int | None = None, endpoint: str | None = None) -> None:
        super().__init__(
            context, model, version, endpoint,
            title=tr("Roll back {model}", model=model), icon="rotate-ccw", icon_role="warn", primary=tr("Roll back"),
        )  # fmt: skip
        self._versions = QComboBox()
        self._versions.setAccessibleName(tr("Version"))
        self._versions.setMinimumWidth(260)
        self._fill_versions()
        self._versions.currentIndexChanged.connect(self._on_version)
        self.body.insertWidget(0, row(Text(tr("Back to"), "small", "text-secondary", weight=500), self._versions, None))

    def _fill_versions(self) -> None:
        record = self._context.state.models.get(self.model)
        endpoint = self._context.state.endpoints.get(self.endpoint or "")
        live = endpoint.live_version if endpoint else None
        standby = endpoint.standby_version if endpoint else None
        for version in record.versions if record else ():
            if version.deleted or version.version == live:
                continue
            more = tr("kept warm") if version.version == standby else (
                tr("served {time}", time=words.duration(version.served_seconds)) if version.first_served_at else
                tr("never served"))  # fmt: skip
            parts = [f"v{version.version}", *[tr(alias) for alias in version.aliases],
                     model_words.version_metric(version), more]  # fmt: skip
            self._versions.addItem(" · ".join(part for part in parts if part), version.version)
        self._select(self.version)

    def _select(self, version: int | None) -> None:
        index = self._versions.findData(version)
        if index >= 0:
            self._versions.blockSignals(True)
            self._versions.setCurrentIndex(index)
            self._versions.blockSignals(False)

    def _on_version(self, index: int) -> None:
        self.version = self._versions.itemData(index)
        self.read_plan()

    def _show_plan(self, plan: PromotionPlan) -> None:
        super()._show_plan(plan)
        self._select(plan.version)
        if self.primary is not None:
            self.primary.setText(tr("Roll back to v{n}", n=plan.version))
            self.primary.updateGeometry()
        took = tr("takes about {time}", time=words.duration(plan.seconds)) if plan.seconds else ""
        note = tr("No requests are dropped during the switch.")
        self.set_note(f"{note[:-1]}; {took}." if took else note)

    def _anyway(self) -> str:
        return tr("You can roll back anyway. Your reason is kept in the audit trail.")

    def _on_started(self, body: dict[str, Any]) -> None:
        self._versions.setEnabled(False)
        super()._on_started(body)

    def _ask(self, reason: str) -> Any:
        return operations.roll_back(
            self._context.link, self.model, version=self.version, endpoint=self.endpoint, reason=reason
        )
