"""The head of an alert: icon, title, whose version, state, buttons; the sentence below."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.i18n import tr
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Icon, StatePill
from console.widgets.paint import StateLook
from console.widgets.panel import row
from console.widgets.text import Text

TITLE_LEAST = 250  # the title gives way only after the place beside it


class AlertHead(QWidget):
    """Buttons carry their action's id as object name. Signals: wanted(action id)."""

    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(68)
        self.icon = Icon("triangle-alert", "bad", 18)
        self.title = Text("", "page-title", elide=True)
        self.where = Text("", "body", "text-tertiary", elide=True)
        self.pill = StatePill("open")
        self.line = Text("", "body", "text-secondary", elide=True)
        self.buttons: dict[str, Button] = {}
        self._shown: tuple[tuple[str, str, str, str], ...] = ()
        self.more = IconButton("ellipsis", tr("More"))
        names = self._names = row(self.icon, self.title, self.where, self.pill, None, gap=9)
        names.setFixedHeight(30)
        self._holder = QHBoxLayout()
        self._holder.setSpacing(8)
        upper = QHBoxLayout()
        upper.setSpacing(8)
        upper.addWidget(names, 1)
        upper.addLayout(self._holder)
        upper.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 12, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(upper)
        layout.addWidget(self.line)
        layout.addStretch(1)

    def add_left(self, widget: QWidget) -> None:
        """In front of the icon."""
        layout = self._names.layout()
        if isinstance(layout, QHBoxLayout):
            layout.insertWidget(0, widget)

    def show_title(self, icon: tuple[str, str], title: str, where: str, line: str) -> None:
        """Icon with role, title, grey place beside it, the sentence."""
        self.icon.set_icon(*icon)
        for label, text in ((self.title, title), (self.where, where)):
            label.setText(text)
            label.setMaximumWidth(label.fontMetrics().horizontalAdvance(text) + 6)
        self.title.setMinimumWidth(min(self.title.maximumWidth(), TITLE_LEAST))
        self.line.setText(line)

    def show_state(self, state: str, look: StateLook | None = None, word: str = "") -> None:
        """The pill: a state's own look, or another one with its word."""
        if look is None:
            self.pill.set_state(state)
        else:
            self.pill.set_look(look, word)

    def show_buttons(self, wanted: tuple[tuple[str, str, str, str], ...], reasons: dict[str, str]) -> None:
        """(action id, text, kind, icon) left to right; rebuilt only when the set is another."""
        if wanted != self._shown:
            self._rebuild(wanted)
        for name, button in self.buttons.items():
            button.set_enabled(not reasons.get(name), reasons.get(name, ""))

    def _rebuild(self, wanted: tuple[tuple[str, str, str, str], ...]) -> None:
        while (item := self._holder.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self._shown, self.buttons = wanted, {}
        for name, text, kind, icon in wanted:
            button = Button(text, kind, icon, action=f"alert.{name}")
            button.setObjectName(name)
            button.clicked.connect(self._on_clicked)
            self._holder.addWidget(button)
            self.buttons[name] = button

    def _on_clicked(self) -> None:
        self.wanted.emit(self.sender().objectName())
