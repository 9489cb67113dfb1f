"""An input that is an object, as a small form: one line a field, a larger one for long texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QPlainTextEdit, QScrollArea, QWidget

from console.i18n import tr
from console.keys import key_table
from console.pages.endpoints.asking import InputError
from console.pages.endpoints.shape import InputField, InputShape, text_of, value_of
from console.tasks import role_name
from console.widgets.text import Text

LONG = ("context", "text", "document", "source", "prompt")
LONG_HEIGHT = 62


class _Long(QPlainTextEdit):
    """Tab leaves it; the playground's key runs. Signals: run_wanted()."""

    run_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setFixedHeight(LONG_HEIGHT)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if key_table.is_key_of("endpoint.try", event):
            self.run_wanted.emit()
        else:
            super().keyPressEvent(event)


class FieldForm(QScrollArea):
    """Signals: run_wanted(): Enter in a field, or the playground's key."""

    run_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName(tr("Input"))
        self.viewport().setAutoFillBackground(False)
        self.setObjectName("fieldForm")
        self.setStyleSheet("#fieldForm, #fieldForm > QWidget > QWidget { background: transparent; }")
        self._fields: tuple[InputField, ...] = ()
        self.controls: dict[str, QWidget] = {}

    def show_shape(self, shape: InputShape) -> None:
        """Other fields; what was typed into fields of the same name stays."""
        if shape.fields == self._fields:
            return
        kept = {name: _read(control) for name, control in self.controls.items()}
        self._fields = shape.fields
        holder = QWidget()
        holder.setAutoFillBackground(False)
        layout = QFormLayout(holder)
        layout.setContentsMargins(0, 0, 6, 0)
        layout.setVerticalSpacing(5)
        layout.setFormAlignment(Qt.AlignmentFlag.AlignTop)
        layout.setLabelAlignment(Qt.AlignmentFlag.AlignVCenter)
        layout.setHorizontalSpacing(10)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.controls = {}
        for one in shape.fields:
            control = self._control(one)
            self.controls[one.name] = control
            title = role_name(shape.task, one.name) if shape.task == "question-answering" else one.name
            control.setAccessibleName(title)
            layout.addRow(Text(title, "small", "text-secondary"), control)
            if one.name in kept:
                _write(control, kept[one.name])
        self.setWidget(holder)

    def _control(self, one: InputField) -> QWidget:
        if one.kind == "choice":
            box = QComboBox()
            box.addItems(list(one.choices))
            return box
        if one.kind == "numbers" or (one.kind == "text" and one.name in LONG):
            long = _Long()
            long.run_wanted.connect(self.run_wanted)
            if one.kind == "numbers":
                long.setPlaceholderText(_numbers_hint(one))
            return long
        line = QLineEdit()
        line.setPlaceholderText(tr("a number") if one.kind == "number" else "")
        line.returnPressed.connect(self.run_wanted)
        return line

    def value(self) -> dict[str, Any]:
        """The object to send. Raises InputError naming the field."""
        found = {}
        for one in self._fields:
            text = _read(self.controls[one.name])
            try:
                found[one.name] = value_of(one, text)
            except ValueError as error:
                self.controls[one.name].setFocus()
                raise InputError(tr("{name} must be a number.", name=one.name)) from error
            if one.kind == "text" and not text.strip():
                self.controls[one.name].setFocus()
                raise InputError(tr("{name} is empty.", name=one.name))
            _check_numbers(one, found[one.name])
        return found

    def fill(self, value: Mapping[str, Any]) -> None:
        """Show an earlier input."""
        for name, control in self.controls.items():
            _write(control, text_of(value.get(name)))


def _check_numbers(one: InputField, value: Any) -> None:
    if one.kind == "numbers" and (not value or (one.count and len(value) != one.count)):
        raise InputError(
            tr("{name} wants {n} numbers, not {found}.", name=one.name, n=one.count or 1, found=len(value))
        )


def _numbers_hint(one: InputField) -> str:
    if one.low is None or one.high is None:
        return tr("{n} numbers", n=one.count or "…")
    return tr("{n} numbers from {low} to {high}", n=one.count or "…", low=f"{one.low:g}", high=f"{one.high:g}")


def _read(control: QWidget) -> str:
    if isinstance(control, QPlainTextEdit):
        return control.toPlainText()
    if isinstance(control, QComboBox):
        return control.currentText()
    return control.text() if isinstance(control, QLineEdit) else ""


def _write(control: QWidget, text: str) -> None:
    if isinstance(control, QPlainTextEdit):
        control.setPlainText(text)
    elif isinstance(control, QComboBox):
        control.setCurrentText(text)
    elif isinstance(control, QLineEdit):
        control.setText(text)
