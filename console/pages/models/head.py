"""The list pane, and the header of a model."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.i18n import tr
from console.tables import Field
from console.theme import theme
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Tag
from console.widgets.filterbox import FilterBox
from console.widgets.panel import row
from console.widgets.rows import ItemList
from console.widgets.text import Text

FIELDS = (
    Field("name", "text", lambda m: m.name),
    Field("task", "text", lambda m: m.task),
    Field("versions", "number", lambda m: len(m.versions)),
)


class ListPane(QWidget):
    """Every model, with a filter over it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(theme.size("list-pane"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 11, 10, 10)
        layout.setSpacing(7)
        self.count = Text("", "body", "text-tertiary")
        self.add = IconButton("plus", tr("Register a run"))
        layout.addWidget(row(Text(tr("Models"), "page-title"), self.count, None, self.add, gap=10,
                             margins=(10, 0, 0, 0)))  # fmt: skip
        self.filter = FilterBox(FIELDS, words=lambda m: f"{m.name} {m.task}", placeholder=tr("Filter models"),
                                name=tr("Filter models"))  # fmt: skip
        layout.addWidget(self.filter)
        self.items = ItemList(tr("Models"))
        layout.addWidget(self.items, 1)
        self.none = Text("", "small", "text-tertiary", wrap=True)
        self.none.setContentsMargins(10, 0, 10, 0)
        layout.addWidget(self.none)
        self.none.hide()


class Header(QWidget):
    """Name, task, labels; where it serves; compare, roll back, promote."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(65)
        self.switcher = IconButton("chevron-down", tr("Another model"))
        self.title = Text("", "page-title", elide=True)
        self.task, self.labels = Tag(""), Tag("")
        self.line = Text("", "small", "text-tertiary", elide=True)
        self.compare = Button(tr("Compare"), icon="columns-3")
        self.roll_back = Button(tr("Roll back…"), icon="rotate-ccw", action="model.rollback", tip=tr("Roll back…"))
        self.promote = Button(tr("Promote…"), "primary", "badge-check", action="model.promote", tip=tr("Promote…"))
        self.more = IconButton("ellipsis", tr("More"))
        left = QVBoxLayout()
        left.setContentsMargins(0, 9, 0, 0)
        left.setSpacing(1)
        names = row(self.title, self.switcher, self.task, self.labels, None)
        names.setFixedHeight(28)
        left.addWidget(names)
        left.addWidget(self.line)
        left.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 14, 0)
        layout.setSpacing(8)
        layout.addLayout(left, 1)
        for button in (self.compare, self.roll_back, self.promote, self.more):
            layout.addWidget(button)

    def set_name(self, name: str) -> None:
        self.title.setText(name)
        self.title.setMaximumWidth(self.title.fontMetrics().horizontalAdvance(name) + 6)
