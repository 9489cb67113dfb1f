"""Form fields, and forms built from pydantic models: one field per model field, typed, validated as the model says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from console.i18n import tr, tr_n
from console.theme import theme
from console.widgets.buttons import Button, IconButton
from console.widgets.formspec import FieldSpec, control_for, on_edit, read_control, said, specs_of, write_control
from console.widgets.panel import line, row
from console.widgets.text import Text

VALIDATE_AFTER_MS = 600


class _Message(QWidget):
    """Icon and text under a field."""

    def __init__(self) -> None:
        super().__init__()
        self._bad = False
        self._text = Text("", "small", "text-tertiary", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)

    def show_text(self, text: str, bad: bool) -> None:
        self._bad = bad
        self._text.setText(text)
        self._text.set_role("bad" if bad else "text-tertiary")
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(18 if bad else 0, 0, 0, 0)
        self.setVisible(bool(text))
        self.update()

    @property
    def text(self) -> str:
        return self._text.text()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if self._bad:
            painter = QPainter(self)
            theme.paint_icon(painter, "circle-x", QRectF(0, 2, 13, 13), "bad")
            painter.end()


class FormField(QWidget):
    """Label above, control, hint or error below, with an optional one-click fix.

    Signals:
        fixed(object): the fix link was clicked; carries the value that was offered.
    """

    fixed = Signal(object)

    def __init__(
        self, label: str, control: QWidget, *, hint: str = "", note: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.label = Text(label, "small", "text-secondary", weight=500)
        self.note = Text(note, "small", "text-tertiary")
        self.control = control
        self._hint = hint
        self._fix: object = None
        self._message = _Message()
        self._fix_button = Button("", "link")
        self._fix_button.clicked.connect(self._on_fix_clicked)
        self._fix_row = row(self._fix_button, None, margins=(18, 0, 0, 0))
        self._changed_mark = Button(tr("reset"), "link")
        self._changed_mark.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(row(self.label, self._changed_mark, None, self.note))
        layout.addWidget(control)
        layout.addWidget(self._message)
        layout.addWidget(self._fix_row)
        layout.addStretch(0)
        control.setAccessibleName(label)
        self.label.setBuddy(control)
        self.setFocusProxy(control)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_error("")

    @property
    def reset_link(self) -> Button:
        """The "reset" link beside the label, hidden until `set_changed(True)`."""
        return self._changed_mark

    @property
    def error(self) -> str:
        """The error shown, or an empty text."""
        return self._message.text if self._wrong else ""

    def set_hint(self, hint: str) -> None:
        self._hint = hint
        if not self._wrong:
            self._message.show_text(hint, False)

    def set_note(self, note: str) -> None:
        """Grey text at the right above the control, such as "2,869 steps"."""
        self.note.setText(note)

    def set_error(self, text: str, fix_text: str = "", fix: object = None) -> None:
        """Show an error with an optional fix link; an empty text brings the hint back."""
        self._wrong = bool(text)
        self._fix = fix
        self._message.show_text(text or self._hint, self._wrong)
        self._fix_button.setText(fix_text)
        self._fix_row.setVisible(bool(text and fix_text))
        self.control.setProperty("wrong", self._wrong)
        self.control.style().unpolish(self.control)
        self.control.style().polish(self.control)
        self.control.setAccessibleDescription(text or self._hint)

    def set_changed(self, changed: bool) -> None:
        """Show the reset link: the value differs from the recommended one."""
        self._changed_mark.setVisible(changed)
        self.label.set_role("accent" if changed else "text-secondary")

    def _on_fix_clicked(self) -> None:
        self.fixed.emit(self._fix)


class ModelForm(QWidget):
    """A two-column form over some fields of a pydantic model; advanced fields are folded away.

    Signals:
        changed: a value was edited and may be wrong; 600 ms later, or on leaving the field, errors are shown.
    """

    changed = Signal()

    def __init__(
        self,
        model: type[BaseModel],
        *,
        only: tuple[str, ...] | None = None,
        columns: int = 2,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._specs = {s.name: s for s in specs_of(model) if only is None or s.name in only}
        self._fields: dict[str, FormField] = {}
        self._server_errors: dict[str, tuple[str, str]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(VALIDATE_AFTER_MS)
        self._timer.timeout.connect(self.show_errors)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self._grid([s for s in self._specs.values() if not s.advanced], columns))
        advanced = [s for s in self._specs.values() if s.advanced]
        self._advanced = self._grid(advanced, columns)
        self._advanced.hide()
        self._fold = IconButton("chevron-right", tr("Advanced"), shortcut="Alt+A", small=True)
        self._fold.clicked.connect(self._on_fold_clicked)
        self._fold_note = Text("", "small", "text-tertiary")
        head = row(self._fold, Text(tr("Advanced"), "panel-title"), self._fold_note, None)
        rule = line()
        layout.addWidget(rule)
        layout.addWidget(head)
        for widget in (rule, head):
            widget.setHidden(not advanced)
        layout.addWidget(self._advanced)
        layout.addStretch(1)
        self._tell_fold()

    def values(self) -> dict[str, Any]:
        """The values as the model's types; raises ValueError naming the first wrong field."""
        found: dict[str, Any] = {}
        for name, spec in self._specs.items():
            value, error = self._parse(spec)
            if error:
                raise ValueError(f"{spec.title}: {error}")
            found[name] = value
        return found

    def changed_values(self) -> dict[str, Any]:
        """Only the values that are right and differ from the recommended ones."""
        found = {}
        for name, spec in self._specs.items():
            value, error = self._parse(spec)
            if not error and value != spec.default:
                found[name] = value
        return found

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Fill fields in; unknown names are ignored."""
        for name, value in values.items():
            if name in self._fields:
                write_control(self._fields[name].control, value)
        self.show_errors()
        self._tell_fold()

    def errors(self) -> dict[str, str]:
        """Field name → what is wrong, for every wrong field of now."""
        found = {name: error for name, spec in self._specs.items() if (error := self._parse(spec)[1])}
        for name, (raw, text) in self._server_errors.items():
            if name in self._fields and read_control(self._fields[name].control) == raw:
                found.setdefault(name, text)
        return found

    def field(self, name: str) -> FormField:
        """The form field of a model field; raises KeyError."""
        return self._fields[name]

    def set_error(self, name: str, text: str, fix_text: str = "", fix: object = None) -> None:
        """Show what the backend said of a field; it stands until the field is edited."""
        if name in self._fields:
            self._server_errors[name] = (read_control(self._fields[name].control), text)
            self._fields[name].set_error(text, fix_text, fix)

    def focus_field(self, name: str) -> None:
        """Go to a field, unfolding Advanced when it lies there."""
        if self._specs[name].advanced and self._advanced.isHidden():
            self._on_fold_clicked()
        self._fields[name].control.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_errors(self) -> None:
        """Show or clear the error under every field."""
        wrong = self.errors()
        for name, form_field in self._fields.items():
            if wrong.get(name, "") != form_field.error:
                form_field.set_error(wrong.get(name, ""))

    def toggle_advanced(self) -> None:
        self._on_fold_clicked()

    # -- building --------------------------------------------------------------------------------------------

    def _grid(self, specs: list[FieldSpec], columns: int) -> QWidget:
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(12)
        for index, spec in enumerate(specs):
            grid.addWidget(self._build(spec), index // columns, index % columns, Qt.AlignmentFlag.AlignTop)
        for index in range(columns):
            grid.setColumnStretch(index, 1)
        return holder

    def _build(self, spec: FieldSpec) -> FormField:
        control = control_for(spec)
        form_field = FormField(tr(spec.title), control, hint=tr(spec.hint), note=tr(spec.unit) if spec.unit else "")
        form_field.fixed.connect(lambda value, name=spec.name: self.set_values({name: value}))
        form_field.reset_link.clicked.connect(
            lambda _=False, name=spec.name, value=spec.default: self.set_values({name: value})
        )
        self._fields[spec.name] = form_field
        write_control(control, spec.default)
        on_edit(control, self._on_edited)
        if isinstance(control, QLineEdit):
            control.editingFinished.connect(self.show_errors)
        return form_field

    def _parse(self, spec: FieldSpec) -> tuple[Any, str]:
        raw = read_control(self._fields[spec.name].control)
        if spec.adapter is None:
            return raw, ""
        if spec.kind == "number" and isinstance(raw, str) and not raw.strip():
            raw = None
        try:
            return spec.adapter.validate_python(raw), ""
        except ValidationError as error:
            return None, said(error)

    def _on_edited(self) -> None:
        self._tell_fold()
        self._timer.start()
        self.changed.emit()

    def _tell_fold(self) -> None:
        different = set(self.changed_values())
        for name, form_field in self._fields.items():
            form_field.set_changed(name in different)
        advanced = [s.name for s in self._specs.values() if s.advanced]
        count = len(different & set(advanced))
        if count:
            text = tr_n(
                len(advanced),
                "{n} setting, {differing} differs from recommended",
                "{n} settings, {differing} differ from recommended",
                differing=count,
            )
        else:
            text = tr_n(
                len(advanced), "{n} setting, at its recommended value", "{n} settings, all at recommended values"
            )
        self._fold_note.setText(text)

    def _on_fold_clicked(self) -> None:
        opened = self._advanced.isHidden()
        self._advanced.setVisible(opened)
        self._fold.set_icon("chevron-down" if opened else "chevron-right")
