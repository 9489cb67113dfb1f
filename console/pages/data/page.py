"""The Data page: list, head, and the four tabs of one dataset version."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from backend.contract.resources import DatasetRecord, RunRecord
from console import operations, words
from console.actions import Action
from console.asking import ask
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.pages.data import words as data_words
from console.pages.data.head import DataHead
from console.pages.data.pane import DataPane
from console.pages.data.quality import QualityView
from console.pages.data.rows import RowsView
from console.pages.data.split import SplitView
from console.pages.data.versions import VersionsView, earlier
from console.state.changes import Changes
from console.tasks import task_name
from console.theme import theme
from console.widgets.buttons import Button
from console.widgets.controls import Tabs
from console.widgets.dropfield import dropped_path
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.menus import add_entry
from console.widgets.page import Page, titled
from console.widgets.sheet import Sheet
from console.widgets.text import Text

AWAIT_MS = 3000
NARROW = 1130  # of the page: below, the list becomes a menu beside the name


class RemoveSheet(Sheet):
    """Forget a version and delete its files."""

    def __init__(self, context: Context, record: DatasetRecord) -> None:
        title = tr("Remove {name} v{n}", name=record.name, n=record.version)
        super().__init__(title, icon="trash-2", icon_role="bad", primary=tr("Remove v{n}", n=record.version))
        self._context, self._record = context, record
        said = tr("{rows} and {size} of copies are deleted. The file it was imported from stays where it is.",
                  rows=data_words.rows(record.rows), size=words.size(record.size_bytes))  # fmt: skip
        self.add(Text(said, "body", "text-secondary", wrap=True))
        if self.primary is not None:
            self.primary.set_kind("danger-fill")
        self.accepted.connect(self._on_accepted)

    def _on_accepted(self) -> None:
        call = operations.remove_dataset(self._context.link, self._record.id)
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, _body: Any) -> None:
        self.close_sheet()
        self._context.toast(tr("Removed {name} v{n}", name=self._record.name, n=self._record.version))


class DataPage(Page):
    """`open_target(id or name of a dataset)`."""

    title = mark("Data")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._id, self._awaited = "", ""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(AWAIT_MS)
        self._patience.timeout.connect(self._on_impatient)
        self._filter: Callable[[Any], bool] | None = None
        self.setAcceptDrops(True)
        self.content.setContentsMargins(0, 0, 0, 0)
        self.pane, self.head = DataPane(), DataHead()
        names = [("quality", tr("Quality")), ("rows", tr("Rows")), ("split", tr("Split")), ("versions", tr("Versions"))]
        self.tabs = Tabs(names, name=tr("Dataset"))
        self.quality, self.rows = QualityView(context), RowsView(context)
        self.split, self.versions = SplitView(context), VersionsView()
        self._plain_views: dict[str, QualityView | RowsView | SplitView] = {
            "quality": self.quality, "rows": self.rows, "split": self.split,
        }  # fmt: skip
        self._tab_views: dict[str, QWidget] = {**self._plain_views, "versions": self.versions}
        self._tab_stack = QStackedWidget()
        for view in self._tab_views.values():
            self._tab_stack.addWidget(view)
        self._stack = QStackedWidget()
        self._skeleton = titled(tr(self.title), Skeleton(tr("Reading the datasets")))
        self._empty = titled(tr(self.title), self._build_empty())
        self._detail = self._build_detail()
        for widget in (self._skeleton, self._empty, self._detail):
            self._stack.addWidget(widget)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.pane)
        middle.addWidget(self._stack, 1)
        self.content.addLayout(middle)
        self._connect()
        self.refresh(Changes(everything=True))

    def _build_detail(self) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(20, 0, 16, 14)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.tabs)
        layout.addSpacing(10)
        layout.addWidget(self._tab_stack, 1)
        return holder

    def _build_empty(self) -> QWidget:
        self._first_import = Button(tr("Import a file…"), "primary", "upload")
        self._first_import.clicked.connect(self._on_import)
        self._first_sample = Button(tr("Import a sample…"), icon="sparkles")
        self._first_sample.clicked.connect(self._on_sample)
        return EmptyState(
            "database",
            tr("No data yet"),
            tr("Drop a CSV, JSONL or Parquet file here. A sample is a good start: 3,000 film reviews, good or bad."),
            (self._first_import, self._first_sample),
        )

    def _connect(self) -> None:
        self.pane.items.chosen.connect(self._on_name_chosen)
        self.pane.items.menu_asked.connect(self._on_menu)
        self.pane.filter.changed.connect(self._on_filter)
        self.pane.add.clicked.connect(self._on_import)
        self.pane.zone.clicked.connect(self._on_import)
        self.pane.zone.dropped.connect(self._on_dropped)
        self.head.versions.clicked.connect(self._on_versions)
        self.head.switcher.clicked.connect(self._on_switch)
        self.head.remove.clicked.connect(self._on_remove)
        self.head.add.clicked.connect(self._on_import)
        self.head.train.clicked.connect(self._on_train)
        self.tabs.changed.connect(self._on_tab)
        self.quality.label_wanted.connect(self._on_label)
        self.quality.all_wanted.connect(partial(self._open_tab, "rows"))
        self.versions.chosen.connect(self._choose)
        self.versions.run_wanted.connect(self._on_run)

    # ---- what is in front ----------------------------------------------------------------------------------

    @property
    def record(self) -> DatasetRecord | None:
        """The version in front."""
        return self.context.state.datasets.get(self._id)

    def _versions(self) -> list[DatasetRecord]:
        record = self.record
        return data_words.group(self.context.state.datasets.values())[record.name] if record else []

    def _runs(self, record: DatasetRecord) -> list[RunRecord]:
        return data_words.used_by(record, self.context.state.runs.values())

    def open_target(self, target: str) -> None:
        known = self.context.state.datasets
        groups = data_words.group(known.values())
        if target in known:
            self._id = target
        elif target in groups:
            self._id = groups[target][0].id
        else:
            self._awaited = target  # what was just imported is told by the feed in a moment
            self._patience.start()
        self._show()

    def _on_impatient(self) -> None:
        if self._awaited:
            self.context.toast(tr("There is no dataset {name}", name=self._awaited), kind="warn")
            self._awaited = ""

    def target(self) -> str:
        return self._id

    def focus_filter(self) -> bool:
        if self.tabs.value == "rows":
            self.rows.needle.setFocus()
            return True
        self.pane.filter.line.setFocus()
        return self.pane.isVisible()

    def on_shown(self) -> None:
        self._show()

    def set_stale(self, since: float | None) -> None:  # noqa: ARG002
        self._show()

    def refresh(self, changes: Changes) -> None:
        if self._awaited in self.context.state.datasets:
            self._id, self._awaited = self._awaited, ""
        if changes.everything or changes.connection or changes.datasets or changes.runs:
            self._show()
        if changes.connection and not self.context.offline():
            for view in (self.quality, self.rows, self.split):
                view.retry()

    def _show(self) -> None:
        state = self.context.state
        self._first_import.set_enabled(not self._away(), self._away())
        self._first_sample.set_enabled(not self._away(), self._away())
        if not state.datasets:
            self.pane.setVisible(False)
            self._stack.setCurrentWidget(self._empty if state.loaded else self._skeleton)
            return
        self._place_pane()
        if self.record is None:
            self._id = next(iter(data_words.group(state.datasets.values()).values()))[0].id
        record = self.record
        if record is None:
            return
        self.pane.show_datasets(state.datasets.values(), record.name, self._filter)
        self._show_head(record)
        self._show_tab(record)
        self._stack.setCurrentWidget(self._detail)
        self.context.actions_changed()

    def _show_head(self, record: DatasetRecord) -> None:
        state, versions, runs = self.context.state, self._versions(), self._runs(record)
        line = data_words.head_line(record, earlier(record, versions), len(runs), self.context.clock())
        if self.context.offline() and state.stale_since:
            line += f" · {tr('from {time}', time=words.clock(state.stale_since))}"
        self.head.show_dataset(record, line, len(versions))
        self.head.remove.set_enabled(not self._why_not_remove(), self._why_not_remove())
        self.head.train.set_enabled(not self._why_not_train(), self._why_not_train())
        self.head.add.set_enabled(not self._away(), self._away())
        self.tabs.set_count("quality", len(record.problems) or None)
        self.tabs.set_count("rows", record.rows)
        self.tabs.set_count("versions", len(versions))

    def _show_tab(self, record: DatasetRecord) -> None:
        value = self.tabs.value
        self._tab_stack.setCurrentWidget(self._tab_views[value])
        if value == "versions":
            self.versions.show_dataset(record, self._versions(), self._runs(record), self.context.clock())
        else:
            self._plain_views[value].show_dataset(record)

    # ---- why not -------------------------------------------------------------------------------------------

    def _away(self) -> str:
        return tr("Backend does not answer.") if self.context.offline() else ""

    def _why_not_remove(self) -> str:
        record = self.record
        runs = self._runs(record) if record else []
        if runs:
            return tr_n(len(runs), "{n} run was trained on it: {name}.", "{n} runs were trained on it, as {name}.",
                        name=runs[0].name)  # fmt: skip
        return self._away()

    def _why_not_train(self) -> str:
        record = self.record
        recipes = self.context.state.recipes
        if record is not None and recipes and not any(record.task in (r.get("dataset_tasks") or ()) for r in recipes):
            return tr("No recipe trains on data of this kind yet: {task}.", task=task_name(record.task))
        return self._away()

    # ---- actions -------------------------------------------------------------------------------------------

    def actions(self) -> list[Action]:  # type: ignore[override]
        if self.record is None:
            return []
        return [
            Action("data.train", tr("Train on this…"), self._on_train, "play", reason=self._why_not_train),
            Action("data.rows", tr("Show rows"), partial(self._open_tab, "rows"), "rows-3"),
            Action("data.next", tr("Next dataset"), partial(self.pane.items.step, 1), "", "", palette=False),
            Action("data.before", tr("Previous dataset"), partial(self.pane.items.step, -1), "", "", palette=False),
            Action("data.tab", tr("Next tab"), partial(self.tabs.step, 1), "", "", palette=False),
            Action("data.remove", tr("Remove…"), self._on_remove, "trash-2", "", danger=True,
                   reason=self._why_not_remove),
        ]  # fmt: skip

    def _on_import(self) -> None:
        self.context.start("data.import")

    def _on_sample(self) -> None:
        self.context.start("data.import", samples=True)

    def _on_dropped(self, path: str) -> None:
        if path:
            self.context.start("data.import", path=path)

    def _on_train(self) -> None:
        if self.record is not None and not self._why_not_train():
            self.context.start("run.new", dataset=self.record.id)

    def _on_remove(self) -> None:
        if self.record is not None and not self._why_not_remove():
            self.context.open_sheet(RemoveSheet(self.context, self.record))

    def _on_run(self, run_id: str) -> None:
        self.context.navigate(f"run/{run_id}")

    # ---- list, tabs, menus ---------------------------------------------------------------------------------

    def _choose(self, dataset_id: str) -> None:
        self._id = dataset_id
        self._show()

    def _on_name_chosen(self, name: str) -> None:
        versions = data_words.group(self.context.state.datasets.values()).get(name)
        if versions:
            self._choose(versions[0].id)

    def _on_filter(self, wanted: Callable[[Any], bool] | None) -> None:
        self._filter = wanted
        record = self.record
        self.pane.show_datasets(self.context.state.datasets.values(), record.name if record else "", wanted)

    def _on_tab(self, _value: str) -> None:
        self._show()

    def _open_tab(self, value: str) -> None:
        self.tabs.set_value(value)
        self._show()

    def _on_label(self, label: str) -> None:
        self._open_tab("rows")
        self.rows.search(label)

    def _on_versions(self) -> None:
        menu = QMenu(self)
        for record in self._versions():
            text = f"v{record.version}   {data_words.rows(record.rows)}   {words.day_and_time(record.created_at)}"
            menu.addAction(text, partial(self._choose, record.id))
        menu.exec(self.head.versions.mapToGlobal(self.head.versions.rect().bottomLeft()))

    def _on_switch(self) -> None:
        menu = QMenu(self)
        for name in data_words.group(self.context.state.datasets.values()):
            menu.addAction(name, partial(self._on_name_chosen, name))
        menu.exec(self.head.switcher.mapToGlobal(self.head.switcher.rect().bottomLeft()))

    def _on_menu(self, name: str, at: QPoint) -> None:
        self._on_name_chosen(name)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for action in self.actions():
            if action.palette:
                add_entry(menu, action)
        link = f"modeldeck://dataset/{self._id}"
        menu.addAction(theme.icon("link", "text-secondary"), tr("Copy link"), partial(self.context.copy, link))
        menu.exec(at)

    # ---- dropping a file anywhere --------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_path(event.mimeData()):
            event.acceptProposedAction()
            self.pane.zone.set_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: ARG002
        self.pane.zone.set_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.pane.zone.set_over(False)
        event.acceptProposedAction()
        self._on_dropped(dropped_path(event.mimeData()))

    def _place_pane(self) -> None:
        wide = self.width() >= NARROW or not self.isVisible()
        self.pane.setVisible(wide and bool(self.context.state.datasets))
        self.head.switcher.setVisible(not wide)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_pane()
