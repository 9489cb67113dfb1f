"""The head of a dataset: name, version, state, what it is; remove, import, train."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from backend.contract.resources import DatasetRecord
from console.i18n import tr, tr_n
from console.pages.data import words as data_words
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import StatePill, Tag
from console.widgets.paint import StateLook
from console.widgets.panel import row
from console.widgets.text import Text


class DataHead(QWidget):
    """Buttons: remove, add (another file), train. `versions` opens the menu of versions, `switcher` that of names."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(62)
        self.switcher = IconButton("chevrons-up-down", tr("Another dataset"))
        self.title = Text("", "page-title", elide=True)
        self.version = Tag("")
        self.versions = IconButton("chevron-down", tr("Another version"), small=True)
        self.pill = StatePill("ok", "")
        self.line = Text("", "small", "text-tertiary", elide=True)
        self.remove = Button(tr("Remove…"), icon="trash-2")
        self.add = Button(tr("Import…"), icon="upload")
        self.train = Button(tr("Train on this…"), "primary", "play")
        left = QVBoxLayout()
        left.setContentsMargins(0, 9, 0, 0)
        left.setSpacing(1)
        names = row(self.switcher, self.title, self.version, self.versions, self.pill, None, gap=9)
        names.setFixedHeight(28)
        left.addWidget(names)
        left.addWidget(self.line)
        left.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(left, 1)
        for button in (self.remove, self.add, self.train):
            layout.addWidget(button)

    def show_dataset(self, record: DatasetRecord, line: str, versions: int) -> None:
        """Name, version chip, how many things to fix."""
        self.title.setText(record.name)
        self.title.setMaximumWidth(self.title.fontMetrics().horizontalAdvance(record.name) + 6)
        self.version.set_text(f"v{record.version}")
        self.versions.setVisible(versions > 1)
        self.line.setText(line)
        wanting = data_words.to_fix(record)
        if wanting:
            role = "bad" if any(problem.severity == "bad" for problem in wanting) else "warn"
            text = tr_n(len(wanting), "{n} thing to fix", "{n} things to fix")
            self.pill.set_look(StateLook("", "triangle-alert", role, True), text)
        else:
            self.pill.set_look(StateLook("", "circle-check", "ok", True), tr("Nothing to fix"))
