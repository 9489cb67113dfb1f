"""What went wrong with a file, in place."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.widgets.chips import Icon
from console.widgets.panel import Panel, row
from console.widgets.text import Text


class Trouble(QWidget):
    """What went wrong, with file, line and cause, and what would be right."""

    def __init__(self) -> None:
        super().__init__()
        self.title = Text("", "body", "text", weight=600, wrap=True)
        self.detail = Text("", "small", "text-secondary", wrap=True)
        texts = QWidget()
        column = QVBoxLayout(texts)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.title)
        column.addWidget(self.detail)
        self._panel = Panel()
        holder = row(Icon("circle-x", "bad", 16), texts, gap=10, top=True)
        layout = holder.layout()
        if layout is not None:
            layout.setStretch(1, 1)  # type: ignore[attr-defined]
        self._panel.add(holder)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._panel)
        self.hide()

    def show_error(self, text: str, fix: str) -> None:
        """An empty text hides it."""
        self.title.setText(text)
        self.detail.setText(fix)
        self.detail.setVisible(bool(fix))
        self.setVisible(bool(text))
        self.setAccessibleName(f"{text} {fix}".strip())
