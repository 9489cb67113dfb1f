"""What a screen reader is told of painted widgets: role, value and range; and what is announced on its own.

A painted widget says its role with a class attribute `spoken_role`; its name is its accessible name. Where it has a
value it has `spoken_value()` in words, and `spoken_range()` as (value, lowest, highest), None while unknown.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleInterface, QAccessibleValueInterface
from PySide6.QtWidgets import QAccessibleWidget, QWidget
from shiboken6 import isValid

Role = QAccessible.Role
Range = tuple[float, float, float]


class _Value(QAccessibleValueInterface):
    """The number behind a meter or a slider; a slider takes one, too."""

    def __init__(self, widget: Any) -> None:
        super().__init__()
        self._widget = widget

    def _range(self) -> Range:
        known: Range | None = self._widget.spoken_range()
        return known or (0.0, 0.0, 1.0)

    def currentValue(self) -> float:
        return self._range()[0]

    def minimumValue(self) -> float:
        return self._range()[1]

    def maximumValue(self) -> float:
        return self._range()[2]

    def minimumStepSize(self) -> float:
        return 1.0 if hasattr(self._widget, "spoken_set") else 0.0

    def setCurrentValue(self, value: Any) -> None:
        if hasattr(self._widget, "spoken_set"):
            self._widget.spoken_set(float(value))


class _Painted(QAccessibleWidget):
    """Name, role, value and children of a painted widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget, type(widget).spoken_role)  # type: ignore[attr-defined]
        self._painted: Any = widget
        self._value = _Value(widget) if hasattr(widget, "spoken_range") else None

    def text(self, kind: QAccessible.Text) -> str:
        if kind == QAccessible.Text.Name:
            return str(self._painted.accessibleName())
        if kind == QAccessible.Text.Value and hasattr(self._painted, "spoken_value"):
            return str(self._painted.spoken_value())
        return super().text(kind)

    def valueInterface(self) -> QAccessibleValueInterface | None:  # type: ignore[override]
        known = self._value is not None and self._painted.spoken_range() is not None
        return self._value if known else None

    def interface_cast(self, kind: QAccessible.InterfaceType) -> Any:
        if kind == QAccessible.InterfaceType.ValueInterface:
            return self.valueInterface()
        return super().interface_cast(kind)


_kept: list[_Painted] = []
"""The toolkit deletes an interface with its widget; until then Python must not, so they are kept."""
_installed = False


def _make(_name: str, thing: QObject) -> QAccessibleInterface | None:
    if not isinstance(thing, QWidget) or getattr(type(thing), "spoken_role", None) is None:
        return None
    _kept[:] = [each for each in _kept if isValid(each)]
    made = _Painted(thing)
    _kept.append(made)
    return made


def install() -> None:
    """Answer for painted widgets from now on; once per process."""
    global _installed
    if not _installed:
        QAccessible.installFactory(_make)
        _installed = True


def announce(widget: QWidget, text: str) -> None:
    """Have a screen reader say something at its next pause: a change of state, an alert; never a number that moves."""
    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))
