"""Promote… and Roll back…: what changes, the evidence, a reason; then the switch, step by step."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QRectF, QSize, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from backend.contract.resources import Change, Operation, PromotionPlan
from console import operations, words
from console.context import Context
from console.i18n import mark, tr
from console.pages.models import words as model_words
from console.pages.models.switching import Switch
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.chips import Icon
from console.widgets.empty import Skeleton
from console.widgets.panel import row
from console.widgets.rows import GateRow
from console.widgets.sheet import Sheet
from console.widgets.text import Text

LEAST_REASON = 10
MOST_REASON = 4000
STEPS: tuple[tuple[str, str], ...] = (
    ("load", mark("Load v{n} and check its files")),
    ("warm_up", mark("Warm up and answer the golden samples")),
    ("switch", mark("Switch between two requests")),
    ("verify", mark("Ask v{n} through the endpoint")),
)


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
        self._layout.addWidget(_heading(tr("What changes")))
        self._layout.addWidget(ChangesBox(plan.changes))
        if plan.evidence:
            self._layout.addSpacing(4)
            self._layout.addWidget(_heading(tr("Evidence")))
            holder = QWidget()
            inner = QVBoxLayout(holder)
            inner.setContentsMargins(0, 0, 0, 0)
            inner.setSpacing(0)
            for item in plan.evidence:
                text, detail = model_words.evidence_words(item)
                inner.addWidget(GateRow(self._gate(item), text, detail))
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


# ---- parts -------------------------------------------------------------------------------------------------


def _heading(text: str) -> Text:
    return Text(text, "small", "text-secondary", weight=600)


class ChangesBox(QWidget):
    """Before → after rows in one bordered box; 26 px a row."""

    ROW = 26

    def __init__(self, changes: tuple[Change, ...]) -> None:
        super().__init__()
        self._rows = [
            (change.icon or "diff", model_words.change_name(change), model_words.change_value(change.before),
             model_words.change_value(change.after))
            for change in changes
        ]  # fmt: skip
        self.setFixedHeight(self.ROW * len(self._rows) + 16)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("; ".join(f"{name}: {old} → {new}" for _, name, old, new in self._rows))

    def sizeHint(self) -> QSize:
        return QSize(400, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        ground = theme.role("canvas" if theme.is_dark else "raised")
        paint.box(painter, QRectF(self.rect()), theme.radius("panel"), ground, theme.role("line-control"))
        body, strong = theme.font("body"), theme.font("body", 600)
        for index, (icon, name, old, new) in enumerate(self._rows):
            top = 8 + index * self.ROW
            theme.paint_icon(painter, icon, QRectF(15, top + 5, 16, 16), "text-secondary")
            area = QRectF(39, top, self.width() - 39 - 15, self.ROW)
            paint.draw_text(painter, area, new, strong, "text", paint.CENTER_RIGHT)
            right = area.right() - paint.text_width(new, strong) - 11
            theme.paint_icon(painter, "arrow-right", QRectF(right - 13, top + 6.5, 13, 13), "text-tertiary")
            left = QRectF(area.left(), top, right - 24 - area.left(), self.ROW)
            paint.draw_text(painter, left, old, body, "text-secondary", paint.CENTER_RIGHT)
            used = paint.text_width(old, body) + 16
            paint.draw_text(painter, left.adjusted(0, 0, -used, 0), name, body, "text")
        painter.end()


class Block(QWidget):
    """A soft block in a state's colour: icon, what, why, what then."""

    def __init__(self, role: str, title: str, *lines: str) -> None:
        super().__init__()
        self._role = role
        layout = QVBoxLayout(self)
        layout.setContentsMargins(38, 9, 14, 9)
        layout.setSpacing(1)
        heading = Text(title, "body", "text", weight=600, wrap=True)
        layout.addWidget(heading)
        for text in lines:
            if text:
                layout.addWidget(Text(text, "small", "text-secondary", wrap=True))
        icon = Icon("triangle-alert" if role == "warn" else "circle-x", role, 16, parent=self)
        icon.setGeometry(12, 10, 16, 16)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(f"{title}. {' '.join(lines)}".strip())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.box(painter, QRectF(self.rect()), theme.radius("control"), theme.role(f"{self._role}-soft"))
        painter.end()


class StepsView(QWidget):
    """Load, warm up, switch, verify: what is done, what is under way, what has failed."""

    ROW = 34

    def __init__(self, version: int) -> None:
        super().__init__()
        self._version = version
        self._states = ["waiting"] * len(STEPS)
        self._took: dict[str, float] = {}
        self._began: dict[str, float] = {}
        self._stages = [name for name, _ in STEPS]
        self.setFixedHeight(self.ROW * len(STEPS) + 8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_operation(self, operation: Operation, now: float) -> None:
        """States from the stage; times are those between the stages as they were heard."""
        at = self._stages.index(operation.stage) if operation.stage in self._stages else 0
        ended = operation.state != "running"
        for index, name in enumerate(self._stages):
            if index < at or (ended and operation.state == "done"):
                self._states[index] = "done"
            elif index == at:
                self._states[index] = "failed" if ended else "running"
            else:
                self._states[index] = "waiting"
            if index <= at and name not in self._began:
                self._began[name] = now
        for index, name in enumerate(self._stages[:-1]):
            after = self._began.get(self._stages[index + 1])
            if name in self._began and after is not None:
                self._took.setdefault(name, after - self._began[name])
        said = ", ".join(f"{self._text(i)}: {state}" for i, state in enumerate(self._states))
        self.setAccessibleName(said)
        self.update()

    def states(self) -> list[str]:
        """done, running, failed or waiting, in order."""
        return list(self._states)

    def _text(self, index: int) -> str:
        return tr(STEPS[index][1], n=self._version)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        looks = {
            "done": ("circle-check", "ok", "text"),
            "running": ("loader-circle", "accent", "text"),
            "failed": ("circle-x", "bad", "text"),
            "waiting": ("circle", "text-tertiary", "text-tertiary"),
        }
        for index, state in enumerate(self._states):
            icon, role, text_role = looks[state]
            top = 4 + index * self.ROW
            if index + 1 < len(self._states):
                painter.fillRect(QRectF(7.5, top + 27, 1, self.ROW - 20), theme.role("line-control"))
            theme.paint_icon(painter, icon, QRectF(0, top + 9, 16, 16), role)
            area = QRectF(26, top, self.width() - 26, self.ROW)
            weight = 600 if state in ("running", "failed") else 400
            paint.draw_text(painter, area, self._text(index), theme.font("body", weight), text_role)
            took = self._took.get(self._stages[index])
            if took is not None and took >= 0.05 and state == "done":
                paint.draw_text(painter, area, words.seconds_exact(took), theme.font("small"), "text-tertiary",
                                paint.CENTER_RIGHT)  # fmt: skip
        painter.end()
