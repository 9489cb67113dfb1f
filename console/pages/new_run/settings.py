"""The fields of a recipe's settings: the first few in the open, the others folded under Advanced."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from console.i18n import mark, tr, tr_n
from console.pages.new_run.schema import Problem, Setting
from console.widgets.buttons import IconButton
from console.widgets.chips import Kbd
from console.widgets.controls import Segmented, Toggle
from console.widgets.form import VALIDATE_AFTER_MS, FormField
from console.widgets.panel import line
from console.widgets.text import Text, set_tip
from console.words import METRICS

OPEN_FIELDS = 4
COLUMN_GAP, ROW_GAP = 12, 13


CHOICES: dict[str, str] = {
    "full": mark("Full"), "lora": "LoRA", "qlora": "QLoRA",
    "linear": mark("Linear"), "cosine": mark("Cosine"), "constant": mark("Constant"),
    "auto": mark("Automatic"), "stop": mark("Stop"), "continue": mark("Go on"),
    "bpe": "BPE", "wordpiece": "WordPiece", "unigram": "Unigram",
    "eval/loss": mark("Loss"), "eval/accuracy": mark("Accuracy"),
    "": mark("none"), "true": mark("on"), "false": mark("off"),
}  # fmt: skip
"""What the values of a choice are called; others, such as bf16, have no other name."""


def choice_text(value: str) -> str:
    """A value of a choice as a person reads it."""
    if value in CHOICES:
        return tr(CHOICES[value])
    plain = value.removeprefix("eval/")
    return METRICS.get(plain, plain.replace("_", " ")) if plain != value else value


def make_control(setting: Setting) -> QWidget:
    """The control that fits a setting."""
    if setting.kind == "bool":
        return Toggle("", name=tr(setting.title))
    if setting.kind == "choice":
        shown = [(choice, choice_text(choice)) for choice in setting.choices]
        if len(shown) <= 4 and sum(len(text) for _, text in shown) <= 26:
            return Segmented(shown, name=tr(setting.title))
        box = QComboBox()
        box.setMinimumContentsLength(8)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for choice, text in shown:
            box.addItem(text, choice)
        return box
    return QLineEdit()


def read_control(control: QWidget) -> Any:
    """What it holds now."""
    if isinstance(control, QLineEdit):
        return control.text()
    if isinstance(control, QComboBox):
        return control.currentData()
    if isinstance(control, Segmented):
        return control.value
    return control.isChecked() if isinstance(control, Toggle) else None


def write_control(control: QWidget, setting: Setting, value: Any) -> None:
    """Show a value without telling."""
    if isinstance(control, QLineEdit):
        control.setText(setting.shown(value))
    elif isinstance(control, QComboBox):
        control.setCurrentIndex(max(0, control.findData(setting.shown(value))))
    elif isinstance(control, Segmented) and setting.shown(value) in setting.choices:
        control.set_value(setting.shown(value))
    elif isinstance(control, Toggle):
        control.blockSignals(True)
        control.setChecked(bool(value))
        control.blockSignals(False)
        control.update()


class Fields(QWidget):
    """All settings of one recipe. `place(...)` puts the open ones; `advanced` is a widget of its own.

    Signals: edited(): a value is being changed; settled(): it was left, or stood still for 600 ms.
    """

    edited = Signal()
    settled = Signal()

    def __init__(self, settings: list[Setting]) -> None:
        super().__init__()
        self.settings = {setting.name: setting for setting in settings}
        self.fields: dict[str, FormField] = {}
        self.extra: dict[str, Problem] = {}  # what only the base model or the backend knows to be wrong
        self._timer = QTimer(self, singleShot=True, interval=VALIDATE_AFTER_MS)
        self._timer.timeout.connect(self.settled)
        for setting in settings:
            self.fields[setting.name] = self._make(setting)
        plain = [s.name for s in settings if not s.advanced and not s.scratch and s.name != "method"]
        self.open_names = plain[:OPEN_FIELDS]
        self.shape_names = [s.name for s in settings if s.scratch and not s.advanced]
        shown = {*self.open_names, *self.shape_names, "method"}
        self.folded_names = [name for name in self.fields if name not in shown]
        self.advanced = Advanced(self)

    def _make(self, setting: Setting) -> FormField:
        control = make_control(setting)
        write_control(control, setting, setting.default)
        hint = setting.usual or (setting.description if setting.advanced else "")
        hint, unit = tr(hint) if hint else "", tr(setting.unit) if setting.unit else ""
        field = FormField(tr(setting.title), control, hint=hint, note=unit)
        if setting.description:
            set_tip(field, tr(setting.description))
        field.fixed.connect(partial(self.put, setting.name))
        field.reset_link.clicked.connect(lambda: self.put(setting.name, setting.default))
        if isinstance(control, QLineEdit):
            control.textEdited.connect(self._on_edited)
            control.editingFinished.connect(self.settled)
        elif isinstance(control, QComboBox):
            control.activated.connect(self._on_edited)
        elif isinstance(control, Segmented):
            control.changed.connect(self._on_edited)
        elif isinstance(control, Toggle):
            control.toggled.connect(self._on_edited)
        return field

    def _on_edited(self, *_value: object) -> None:
        self.advanced.tell()
        self._timer.start()
        self.edited.emit()

    # ---- values --------------------------------------------------------------------------------------------

    def put(self, name: str, value: Any) -> None:
        """Set one value as if typed, and check at once."""
        self.write({name: value})
        self._on_edited()
        self.settled.emit()

    def write(self, values: Mapping[str, Any]) -> None:
        """Fill in; names this recipe does not have are left out."""
        for name, value in values.items():
            if name in self.fields:
                write_control(self.fields[name].control, self.settings[name], value)
        self.advanced.tell()

    def raw(self) -> dict[str, Any]:
        """What every control holds, right or wrong."""
        return {name: read_control(field.control) for name, field in self.fields.items()}

    def write_raw(self, values: Mapping[str, Any]) -> None:
        """What `raw()` gave, for the names that are still there."""
        for name, value in values.items():
            if name not in self.fields:
                continue
            setting, control = self.settings[name], self.fields[name].control
            given = setting.read(value)[0] if setting.kind == "choice" else value
            write_control(control, setting, given)
        self.advanced.tell()

    def read(self) -> tuple[dict[str, Any], dict[str, Problem]]:
        """(right values, problems) of now."""
        values, wrong = {}, {}
        for name, setting in self.settings.items():
            value, problem = setting.read(read_control(self.fields[name].control))
            problem = problem or self.extra.get(name)
            if problem:
                wrong[name] = problem
            else:
                values[name] = value
        return values, wrong

    def changed(self) -> dict[str, Any]:
        """Right values that differ from the recommended ones."""
        return {name: value for name, value in self.read()[0].items() if value != self.settings[name].default}

    def show_problems(self, wrong: Mapping[str, Problem]) -> None:
        """Say under each field what is wrong with it."""
        for name, field in self.fields.items():
            problem = wrong.get(name)
            if (problem.text if problem else "") != field.error:
                field.set_error(*(problem.text, problem.fix_text, problem.fix) if problem else ("",))

    def go_to(self, name: str) -> None:
        """Put the cursor into a field, unfolding Advanced for it."""
        if name in self.folded_names:
            self.advanced.set_open(True)
        self.fields[name].control.setFocus(Qt.FocusReason.ShortcutFocusReason)


class _Head(QWidget):
    """The line that folds; the whole of it answers to the mouse."""

    clicked = Signal()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()


class Advanced(QWidget):
    """A line that unfolds the other settings; says how many there are and how many differ."""

    def __init__(self, fields: Fields) -> None:
        super().__init__()
        self._fields = fields
        self._button = IconButton("chevron-right", tr("Advanced"), shortcut="Alt+A", small=True)
        self._note = Text("", "small", "text-tertiary", elide=True)
        self._head = _Head()
        head = QGridLayout(self._head)
        head.setContentsMargins(0, 6, 0, 6)
        head.setHorizontalSpacing(6)
        for index, widget in enumerate((self._button, Text(tr("Advanced"), "panel-title"), self._note)):
            head.addWidget(widget, 0, index)
        head.setColumnStretch(2, 1)
        head.addWidget(Kbd("Alt A"), 0, 3)
        self._body = QWidget()
        grid = field_grid([fields.fields[name] for name in fields.folded_names])
        self._body.setLayout(grid)
        self._body.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(line())
        layout.addWidget(self._head)
        layout.addWidget(self._body)
        self._button.clicked.connect(self.toggle)
        self._head.clicked.connect(self.toggle)
        self.setVisible(bool(fields.folded_names))
        self.tell()

    @property
    def opened(self) -> bool:
        return not self._body.isHidden()

    def toggle(self) -> None:
        self.set_open(not self.opened)

    def set_open(self, on: bool) -> None:
        """Unfold or fold."""
        self._body.setVisible(on)
        self._button.set_icon("chevron-down" if on else "chevron-right")

    def tell(self) -> None:
        """Dots and reset links at the fields that differ; the count in the line."""
        changed = self._fields.changed()
        for name, field in self._fields.fields.items():
            field.set_changed(name in changed and name in self._fields.folded_names)
        count = len(self._fields.folded_names)
        differing = len(set(changed) & set(self._fields.folded_names))
        if differing:
            text = tr("{n} settings, {differing} changed from recommended", n=count, differing=differing)
        else:
            text = tr_n(count, "{n} setting, at its recommended value", "{n} settings, all at recommended values")
        self._note.setText(text)


def field_grid(fields: list[QWidget] | list[FormField]) -> QGridLayout:
    """Fields in two columns of the same width."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(COLUMN_GAP)
    grid.setVerticalSpacing(ROW_GAP)
    for index, field in enumerate(fields):
        grid.addWidget(field, index // 2, index % 2, Qt.AlignmentFlag.AlignTop)
    for index in (0, 1):
        grid.setColumnStretch(index, 1)
    return grid
