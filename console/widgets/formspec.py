"""What a form knows of each field of a pydantic model, and the control that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QWidget

from console.i18n import tr
from console.widgets.controls import Segmented, Toggle


@dataclass
class FieldSpec:
    """What a form needs to know of one model field."""

    name: str
    title: str
    hint: str
    default: Any
    kind: str  # text, long, bool, choice, number
    choices: tuple[str, ...] = ()
    advanced: bool = False
    unit: str = ""
    adapter: TypeAdapter[Any] | None = field(default=None, repr=False)


def specs_of(model: type[BaseModel]) -> list[FieldSpec]:
    """One spec per field of a pydantic model, in its order; title, description and extras as the model says."""
    return [_spec_of(name, info) for name, info in model.model_fields.items()]


def _spec_of(name: str, info: FieldInfo) -> FieldSpec:
    extra: Mapping[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    annotation = info.annotation
    choices = tuple(str(c) for c in extra.get("choices", ()))
    if get_origin(annotation) is Literal:
        choices = tuple(str(c) for c in get_args(annotation))
    kind = "choice" if choices else _kind_of(annotation)
    adapter: TypeAdapter[Any] = TypeAdapter(_annotated(annotation, info))
    default = info.get_default(call_default_factory=True) if not info.is_required() else None
    hint = extra.get("usual") or info.description or ""
    title = info.title or name.replace("_", " ").capitalize()
    return FieldSpec(
        name, title, str(hint), default, kind, choices, bool(extra.get("advanced")), str(extra.get("unit", "")), adapter
    )


def _annotated(annotation: Any, info: FieldInfo) -> Any:
    from typing import Annotated

    return Annotated[annotation, *info.metadata] if info.metadata else annotation


def _kind_of(annotation: Any) -> str:
    if annotation is bool:
        return "bool"
    members = set(get_args(annotation)) or {annotation}
    return "number" if members & {int, float} else "text"


def said(error: ValidationError) -> str:
    """The first complaint, as a person reads it."""
    text = str(error.errors()[0]["msg"])
    return text.replace("Input should be", tr("Must be")).replace("Value error, ", "")


def control_for(spec: FieldSpec) -> QWidget:
    """A new control that fits the kind."""
    if spec.kind == "bool":
        return Toggle("", name=spec.title)
    if spec.kind == "choice":
        if len(spec.choices) <= 4 and sum(len(c) for c in spec.choices) <= 26:
            return Segmented([(c, c) for c in spec.choices], name=spec.title)
        box = QComboBox()
        box.addItems(list(spec.choices))
        return box
    if spec.kind == "long":
        return QPlainTextEdit()
    return QLineEdit()


def on_edit(control: QWidget, slot: Any) -> None:
    """Call `slot()` when the user changes the value; not when a program does."""
    if isinstance(control, QLineEdit):
        control.textEdited.connect(lambda _text: slot())
    elif isinstance(control, QPlainTextEdit):
        control.textChanged.connect(slot)
    elif isinstance(control, QComboBox):
        control.activated.connect(lambda _index: slot())
    elif isinstance(control, Segmented):
        control.changed.connect(lambda _value: slot())
    elif isinstance(control, Toggle):
        control.toggled.connect(lambda _on: slot())


def read_control(control: QWidget) -> Any:
    """The raw value: a text, or on and off."""
    if isinstance(control, QLineEdit):
        return control.text()
    if isinstance(control, QPlainTextEdit):
        return control.toPlainText()
    if isinstance(control, QComboBox):
        return control.currentText()
    if isinstance(control, Segmented):
        return control.value
    return control.isChecked() if isinstance(control, Toggle) else None


def write_control(control: QWidget, value: Any) -> None:
    """Show a value; None empties the control."""
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(control, QLineEdit):
        control.setText(text)
    elif isinstance(control, QPlainTextEdit):
        control.setPlainText(text)
    elif isinstance(control, QComboBox):
        control.setCurrentText(text)
    elif isinstance(control, Segmented):
        control.set_value(text)
    elif isinstance(control, Toggle):
        control.setChecked(bool(value))
