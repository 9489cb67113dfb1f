"""The settings page: categories left, their sections right, one search over everything."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from console import words
from console.context import Context
from console.i18n import mark, tr
from console.pages.settings.facts import AboutCategory, PrivacyCategory
from console.pages.settings.fields import ConsoleRow
from console.pages.settings.keys import KeyboardCategory
from console.pages.settings.machine import BackendCategory, GpuCategory, StorageCategory
from console.pages.settings.models import ModelsCategory
from console.pages.settings.parts import Category, CategoryList, Section
from console.pages.settings.rules import AlertsCategory
from console.settings import KEYS, SETTINGS
from console.state.changes import Changes
from console.theme import theme
from console.widgets.buttons import Button
from console.widgets.empty import EmptyState
from console.widgets.page import Page, PageHeader

ICONS = {
    "general": "settings", "charts": "chart-line", "backend": "server", "gpus": "gpu", "storage": "hard-drive",
    "models": "package", "alerts": "bell", "keyboard": "keyboard", "privacy": "shield", "about": "info",
}  # fmt: skip
GROUPS = (
    ("General", mark("Look"), ("theme", "density", "high_contrast", "reduce_motion")),
    ("General", mark("Language and start"), ("language", "start_page")),
    ("Charts", mark("Charts"), ()),
)


class DeclaredCategory(Category):
    """What console/settings.py declares for a category, in sections."""

    def __init__(self, context: Context, key: str, name: str, category: str) -> None:
        super().__init__(key, name)
        declared = {s.key: s for s in SETTINGS if s.category == category and s.text}
        grouped: set[str] = set()
        for owner, title, keys in GROUPS:
            if owner == category:
                mine = [declared[k] for k in (keys or declared) if k in declared]
                grouped.update(s.key for s in mine)
                self.add(Section(tr(title), *(ConsoleRow(context, s) for s in mine)))
        rest = [s for s in declared.values() if s.key not in grouped]
        if rest:
            self.add(Section(tr("More"), *(ConsoleRow(context, s) for s in rest)))

    def refresh(self) -> None:
        """Show what is stored."""
        for section in self.sections:
            for row in section.rows:
                if isinstance(row, ConsoleRow):
                    row.refresh()


class SettingsPage(Page):
    """Every change applies at once, with Undo in its toast; there is no OK."""

    title = mark("Settings")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.content.setContentsMargins(theme.size("page-padding"), 0, 0, 0)
        self.content.setSpacing(0)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search settings"))
        self.search.setAccessibleName(tr("Search settings"))
        self.search.setClearButtonEnabled(True)
        sign = self.search.addAction(theme.icon("search", "text-tertiary"), QLineEdit.ActionPosition.LeadingPosition)
        sign.setText(tr("Search"))
        self.search.setFixedWidth(320)
        self.search.textChanged.connect(self._on_search)
        self.header = PageHeader(tr("Settings"))
        self.header.setContentsMargins(0, 0, theme.size("page-padding"), 0)
        self.header.add_action(self.search)
        self.content.addWidget(self.header)
        self.categories: dict[str, Any] = {
            category.key: category
            for category in (
                DeclaredCategory(context, "general", tr("General"), "General"),
                DeclaredCategory(context, "charts", tr("Charts"), "Charts"),
                BackendCategory(context), GpuCategory(context), StorageCategory(context), ModelsCategory(context),
                AlertsCategory(context),
                KeyboardCategory(context), PrivacyCategory(context), AboutCategory(context),
            )
        }  # fmt: skip
        self.list = CategoryList([(k, c.name, ICONS[k]) for k, c in self.categories.items()], tr("Categories"))
        self.list.chosen.connect(self._on_chosen)
        self._current = "general"
        self.content.addLayout(self._build_body(), 1)
        context.settings.changed.connect(self._on_setting_changed)
        self._show()

    def _build_body(self) -> QHBoxLayout:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, theme.size("page-padding"), 20)
        column.setSpacing(18)
        for category in self.categories.values():
            column.addWidget(category)
        clear = Button(tr("Clear search"))
        clear.clicked.connect(self.search.clear)
        self.nothing = EmptyState("search", tr("No setting matches"), "", (clear,))
        self.nothing.hide()
        column.addWidget(self.nothing)
        column.addStretch(1)
        self.area = QScrollArea()
        self.area.setAccessibleName(tr("Settings"))
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(holder)
        self.area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        body = QHBoxLayout()
        body.setSpacing(20)
        body.addWidget(self.list)
        body.addWidget(self.area, 1)
        return body

    # -- what is shown ---------------------------------------------------------------------------------------

    def _on_chosen(self, key: str) -> None:
        self.search.blockSignals(True)
        self.search.clear()
        self.search.blockSignals(False)
        self._current = key
        self._show()
        self.area.verticalScrollBar().setValue(0)

    def _on_search(self, text: str) -> None:
        self._show(text.strip())

    def _show(self, query: str = "") -> None:
        found = False
        for key, category in self.categories.items():
            matching = category.search(query)
            visible = matching if query else key == self._current
            category.setVisible(visible)
            found = found or visible
        self.nothing.setVisible(not found)
        self.list.set_current("" if query else self._current)
        self._read(set(self.categories) if query else {self._current})

    def _read(self, keys: set[str]) -> None:
        """Ask for what only the backend knows, when it is going to be seen."""
        if not self.isVisible():
            return
        if "backend" in keys:
            self.categories["backend"].read_log()
        if "alerts" in keys and not self.categories["alerts"].rules.rows:
            self.categories["alerts"].read()

    def refresh(self, changes: Changes) -> None:
        if not (changes.everything or changes.system or changes.connection or changes.telemetry or changes.models
                or changes.datasets):  # fmt: skip
            return
        wanted = (
            {"gpus"} if changes.telemetry and not (changes.everything or changes.system or changes.connection) else None
        )
        for key, category in self.categories.items():
            if wanted is None or key in wanted:
                category.refresh()
        if changes.everything and self.search.text().strip():
            self._show(self.search.text().strip())

    def _on_setting_changed(self, key: str) -> None:
        for name in ("general", "charts", "keyboard", "gpus"):
            if name != "keyboard" or key == KEYS.key or key == "letter_keys":
                self.categories[name].refresh()

    def on_shown(self) -> None:
        self._read({self._current})

    def set_stale(self, since: float | None) -> None:
        self.header.set_stale(words.clock(since) if since else None)
        for category in self.categories.values():
            category.refresh()

    def open_target(self, target: str) -> None:
        if target in self.categories:
            self._on_chosen(target)

    def target(self) -> str:
        return self._current

    def focus_filter(self) -> bool:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()
        return True
