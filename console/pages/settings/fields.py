"""Controls of console settings and of what the backend keeps; each change applies at once and can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit, QWidget

from backend.contract.resources import BackendSettings
from console import operations
from console.actions import GO_TO
from console.asking import ask
from console.context import Context
from console.i18n import mark, tr
from console.pages.settings.parts import Row
from console.settings import START_PAGE, Setting
from console.widgets.controls import Segmented, Toggle

MOST_SEGMENTS = 4


class Number(QDoubleSpinBox):
    """A number with range and unit; tells when it is settled, and the wheel passes over it unless it has focus."""

    def __init__(self, low: float, high: float, digits: int, unit: str = "") -> None:
        super().__init__()
        self.setRange(low, high)
        self.setDecimals(digits)
        self.setSingleStep(10**-digits if digits else 1)
        self.setSuffix(f" {unit}" if unit else "")
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedWidth(132)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Choice(QComboBox):
    """A drop-down of (value, text); the wheel passes over it."""

    def __init__(self, choices: list[tuple[str, str]]) -> None:
        super().__init__()
        for value, text in choices:
            self.addItem(text, value)
        self.setMinimumWidth(160)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


def make_control(
    kind: type, choices: list[tuple[str, str]], low: float, high: float, digits: int, unit: str
) -> QWidget:
    """Toggle, segments, drop-down, line of text or number, by what the value is."""
    if kind is bool:
        return Toggle("")
    if kind is str and not choices:
        line = QLineEdit()
        line.setFixedWidth(132)
        return line
    if choices:
        return Segmented(choices) if len(choices) <= MOST_SEGMENTS else Choice(choices)
    return Number(low, high, digits, unit)


def read_control(control: QWidget) -> Any:
    """The value of now."""
    if isinstance(control, Toggle):
        return control.isChecked()
    if isinstance(control, Segmented):
        return control.value
    if isinstance(control, Choice):
        return control.currentData()
    if isinstance(control, QLineEdit):
        return control.text().strip()
    return control.value() if isinstance(control, QDoubleSpinBox) else None


def write_control(control: QWidget, value: Any) -> None:
    """Show a value without telling."""
    control.blockSignals(True)
    if isinstance(control, Toggle):
        control.setChecked(bool(value))
    elif isinstance(control, Segmented):
        control.set_value(str(value))
    elif isinstance(control, Choice):
        control.setCurrentIndex(max(0, control.findData(value)))
    elif isinstance(control, QLineEdit):
        if not control.hasFocus():  # what is being typed stays
            control.setText(str(value))
    elif isinstance(control, QDoubleSpinBox) and not control.lineEdit().isModified():
        control.setValue(float(value))
    control.blockSignals(False)


def on_change(control: QWidget, slot: Callable[[], None]) -> None:
    """Call `slot()` when the user has settled on another value."""
    if isinstance(control, Toggle):
        control.toggled.connect(lambda _on: slot())
    elif isinstance(control, Segmented):
        control.changed.connect(lambda _value: slot())
    elif isinstance(control, Choice):
        control.activated.connect(lambda _index: slot())
    elif isinstance(control, QLineEdit):
        control.editingFinished.connect(slot)
    elif isinstance(control, QDoubleSpinBox):
        control.valueChanged.connect(lambda _value: slot())


def shown(control: QWidget, value: Any) -> str:
    """A value in the words of its control."""
    if isinstance(control, Toggle):
        return tr("on") if value else tr("off")
    if isinstance(control, Segmented):
        return next((text for each, text in control._choices if each == value), str(value))
    if isinstance(control, Choice):
        return control.itemText(max(0, control.findData(value)))
    return control.textFromValue(float(value)) + control.suffix() if isinstance(control, QDoubleSpinBox) else str(value)


class ConsoleRow(Row):
    """One declared setting of the window."""

    def __init__(self, context: Context, setting: Setting) -> None:
        choices = [(value, tr(text)) for value, text in setting.choices]
        if setting.key == START_PAGE.key:
            choices = [(action.argument, tr(action.text)) for action in GO_TO]
        low, high = setting.low or 0.0, setting.high if setting.high is not None else 1e9
        digits = 2 if setting.type is float else 0
        control = make_control(setting.type, choices, low, high, digits, "")
        super().__init__(tr(setting.text), control, tr(setting.hint) if setting.hint else "", words=setting.key)
        self._context, self.setting = context, setting
        self.refresh()
        on_change(control, self._on_changed)

    def refresh(self) -> None:
        """Show what is stored."""
        if self.control is not None:
            write_control(self.control, self._context.settings.get(self.setting))

    def _on_changed(self) -> None:
        if self.control is None:
            return
        context, setting = self._context, self.setting
        before = context.settings.get(setting)
        value = setting.type(read_control(self.control))
        if value == before:
            return
        text = f"{self.name}: {shown(self.control, value)}"
        was = tr("before: {value}", value=shown(self.control, before))
        # The language and the density make every page anew, this one too: nothing of it is touched afterwards.
        context.settings.set(setting, value)
        context.toast(
            text,
            was,
            undo=partial(context.settings.set, setting, before),
            redo=partial(context.settings.set, setting, value),
        )


@dataclass(frozen=True)
class Kept:
    """How a field of BackendSettings is shown: its range and type come from the model itself."""

    key: str
    text: str
    hint: str = ""
    unit: str = ""
    scale: float = 1.0
    digits: int = 0
    high: float = 1e9


TELEMETRY_HZ = Kept("telemetry_hz", mark("Readings per second"), mark("How often GPUs and processor are read."), "Hz",
                    digits=1)  # fmt: skip
RUNS_AT_ONCE = Kept("runs_at_once", mark("Runs at once"), mark("Further runs wait in the queue."))
MIRROR = Kept("mirror", mark("Copy runs to the MLflow store"), mark("Other tools can read them there."))
RESERVE = Kept("reserve_disk_bytes", mark("Keep free on the disk"), mark("Runs and imports that need it are refused."),
               "GB", 1e-9, 1, 100_000)  # fmt: skip
ENERGY_PRICE = Kept("energy_price", mark("Price of a kilowatt-hour"), mark("0 shows energy without its cost."),
                    "", digits=3, high=1e6)  # fmt: skip
CURRENCY = Kept("currency", mark("Currency"), mark("Stands before the cost of a run."))
ENDPOINTS = (
    Kept("endpoint_max_batch", mark("Largest batch"), mark("So many inputs go through the model together.")),
    Kept("endpoint_max_wait_ms", mark("Wait for company"), mark("How long an idle model waits for a fuller batch."),
         "ms", digits=1),
    Kept("endpoint_queue", mark("Longest queue"), mark("Requests beyond it are told to come again later.")),
    Kept("endpoint_slo_p99_ms", mark("p99 latency limit"), mark("Above it an alert is opened; 0 sets no limit."), "ms"),
)  # fmt: skip
LOAD_TIMEOUT = Kept("endpoint_load_timeout_s", mark("Time to get ready"),
                    mark("A version that needs longer to load, warm up and pass its checks is not made live."),
                    "s")  # fmt: skip
DRIFT = (
    Kept("drift_psi_limit", mark("Drift limit"), mark("An alert opens when a feature's PSI is above."), digits=2,
         high=10),
    Kept("drift_window_seconds", mark("Drift window"), mark("So much traffic is compared with the reference."),
         unit="s", high=86_400),
    Kept("drift_minimum_items", mark("Least requests in the window"), mark("With fewer nothing is concluded."),
         high=1_000_000),
    Kept("drift_check_seconds", mark("Time between drift checks"), "", "s", digits=1, high=3600),
)  # fmt: skip


def bounds(key: str) -> tuple[float, float | None]:
    """Least and greatest value the model of the backend takes."""
    low, high = 0.0, None
    for rule in BackendSettings.model_fields[key].metadata:
        if isinstance(rule, Ge | Gt):
            low = float(rule.ge if isinstance(rule, Ge) else rule.gt)  # type: ignore[arg-type]
        elif isinstance(rule, Le | Lt):
            high = float(rule.le if isinstance(rule, Le) else rule.lt)  # type: ignore[arg-type]
    return low, high


class BackendRow(Row):
    """One value the backend keeps; changed by asking it, shown as it answered."""

    def __init__(self, context: Context, kept: Kept) -> None:
        annotation: Any = BackendSettings.model_fields[kept.key].annotation
        self._kind: type = annotation
        low, high = bounds(kept.key)
        most = (high if high is not None else kept.high / kept.scale) * kept.scale
        least = max(low * kept.scale, 10.0**-kept.digits if low == 0 and kept.digits == 2 else 0.0)
        control = make_control(self._kind, [], least, most, kept.digits, kept.unit)
        super().__init__(tr(kept.text), control, tr(kept.hint) if kept.hint else "", words=kept.key)
        self._context, self._kept = context, kept
        on_change(control, self._on_changed)

    def refresh(self) -> None:
        """Show what the backend keeps; disabled while it does not answer."""
        settings, control = self._context.state.settings, self.control
        if control is None:
            return
        offline = self._context.offline() or settings is None
        control.setEnabled(not offline)
        control.setToolTip(tr("Backend does not answer.") if offline else "")
        if settings is not None:
            write_control(control, self._shown(getattr(settings, self._kept.key)))

    def _shown(self, value: Any) -> Any:
        return value if self._kind in (bool, str) else float(value) * self._kept.scale

    def _on_changed(self) -> None:
        settings = self._context.state.settings
        if settings is None or self.control is None:
            return
        before = getattr(settings, self._kept.key)
        raw = read_control(self.control)
        value = raw if self._kind in (bool, str) else self._kind(round(raw / self._kept.scale, 6))
        if value != before:
            self._ask(value, before)

    def _ask(self, value: Any, before: Any) -> None:
        context, key = self._context, self._kept.key
        text = f"{self.name}: {shown(self.control, self._shown(value))}" if self.control else self.name
        was = tr("before: {value}", value=shown(self.control, self._shown(before))) if self.control else ""

        def put(wanted: Any) -> None:
            call = operations.change_settings(context.link, **{key: wanted})
            ask(context, call).on_reply(lambda body: context.state.load("settings", body)).on_end(
                self._refresh_if_there
            )

        def done(body: Any) -> None:
            context.state.load("settings", body)
            context.toast(text, was, undo=partial(put, before), redo=partial(put, value))

        call = operations.change_settings(context.link, **{key: value})
        ask(context, call).on_reply(done).on_end(self._refresh_if_there)

    def _refresh_if_there(self) -> None:
        from shiboken6 import isValid

        if isValid(self):
            if isinstance(self.control, QDoubleSpinBox):
                self.control.lineEdit().setModified(False)
            self.refresh()
