"""The runs page: header with filter, the table, the bulk bar, and the states without rows."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import Any

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QMenu, QStackedWidget, QWidget

from backend.contract.resources import RunRecord
from backend.contract.states import RunState
from console import operations, words
from console.actions import Action
from console.asking import ask
from console.context import Context
from console.i18n import mark, tr
from console.pages.runs.chosen import Chosen
from console.pages.runs.columns import build_columns, build_fields, metric_keys, words_of
from console.pages.runs.groups import GROUPS, GroupHead, Groups
from console.pages.runs.table import CompareZone, RunsTable
from console.settings import FILTERS, TABLES
from console.state.changes import Changes
from console.tables import Filter, TableModel
from console.widgets.bulkbar import BulkBar
from console.widgets.buttons import Button
from console.widgets.dropfield import DropCurtain, dropped_path
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.filterbox import FilterBox
from console.widgets.page import Page, PageHeader
from console.widgets.panel import Panel, column, row
from console.widgets.text import Text

SAMPLE = "sentiment_en_movie"
UPDATE_MS = 200
"""Running runs report many times a second; the table follows this often, less often where arranging it takes long."""

SHARE = 5
"""Arranging the table takes at most one part in so many of the time."""


class RunsPage(Page):
    """Every run that is not archived, newest first unless sorted."""

    title = mark("Runs")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.content.setSpacing(0)
        self.groups = Groups(words.higher_is_better)
        self.chosen = Chosen(context, self, self.chosen_runs)
        self._metrics: tuple[str, ...] = ()
        self._filter: Filter | None = None
        self._live_eta: float | None = None
        self._due = QTimer(self, singleShot=True, interval=UPDATE_MS)
        self._due.timeout.connect(self._show_runs)
        self._saving = QTimer(self, singleShot=True, interval=400)
        self._saving.timeout.connect(self._save_layout)
        self._build_header()
        self._panel = Panel(flush=True)
        self._stack = QStackedWidget()
        self._panel.add(self._stack, 1)
        self.content.addWidget(self._panel, 1)
        self._skeleton = Skeleton(tr("Reading the runs"), rows=12)
        self._stack.addWidget(self._skeleton)
        self._empty = self._build_empty()
        self._stack.addWidget(self._empty)
        self._no_match = self._build_no_match()
        self._stack.addWidget(self._no_match)
        self._build_table(metric_keys(list(context.state.runs.values())))
        self._build_bulk()
        self.setAcceptDrops(True)
        text = tr("Drop to import: TensorBoard, W&B, CSV of metrics, trainer_state.json")
        self.curtain = DropCurtain(self, text)

    # ---- building ------------------------------------------------------------------------------------------

    def _build_header(self) -> None:
        self.header = PageHeader(tr("Runs"))
        self.filter = FilterBox(
            build_fields(metric_keys([]), ()), words=words_of, name=tr("Filter runs"), clock=self.context.clock,
            placeholder=tr("Filter: {example}", example="state:running f1>0.93 tag:sweep-4"),
            saved=self.context.settings.entry(FILTERS, "runs", []),
        )  # fmt: skip
        self.filter.setFixedWidth(340)
        self.filter.changed.connect(self._on_filter)
        self.filter.saved_changed.connect(self._on_saved)
        self._group_button = Button(tr("Group"), icon="layers", tip=tr("Group by state, model, dataset or tag"))
        self._group_button.clicked.connect(self._on_group_menu)
        self._columns_button = Button(tr("Columns"), icon="columns-3", tip=tr("Show and hide columns"))
        self._columns_button.clicked.connect(self._on_columns_menu)
        self.compare_button = Button(tr("Compare"), icon="chart-line", tip=tr("Compare"), action="runs.compare")
        self.compare_button.clicked.connect(self.chosen.compare)
        self.compare_zone = CompareZone(self.compare_button)
        self.compare_zone.dropped.connect(self._on_dropped_on_compare)
        self.header.set_left_gap(8)
        self.header.add_left(self.filter)
        self.header.add_left(self._group_button)
        self.header.add_left(self._columns_button)
        self.import_button = Button(tr("Import…"), icon="upload", tip=tr("Bring in runs that other programs made"))
        self.import_button.clicked.connect(self._on_import)
        self.header.add_action(self.import_button)
        self.header.add_action(self.compare_zone)
        self.content.addWidget(self.header)

    def _build_empty(self) -> QWidget:
        new = Button(tr("New run"), "primary", "plus")
        new.clicked.connect(self._on_new)
        self.try_sample = Button(tr("Try with sample data"), icon="flask-conical")
        self.try_sample.clicked.connect(self._on_sample)
        text = tr("Choose data and a base model; the estimate says whether it fits and how long it takes.")
        hint = ("run.new", tr("opens the sheet from anywhere"))
        bring = Button(tr("Import run…"), icon="upload")
        bring.clicked.connect(self._on_import)
        return EmptyState("activity", tr("No runs yet"), text, (new, self.try_sample, bring), shortcut=hint)

    def _build_no_match(self) -> QWidget:
        self._no_match_text = Text("", "body", "text-secondary")
        clear = Button(tr("Clear filter"), icon="funnel-x")
        clear.clicked.connect(self.filter.clear)
        return column(None, row(None, self._no_match_text, None), row(None, clear, None), None, gap=10)

    def _build_table(self, metrics: tuple[str, ...]) -> None:
        self._metrics = metrics
        old = getattr(self, "view", None)
        self.model = TableModel(build_columns(metrics, self._wait_text, self.context.clock))
        self.model.set_layout(self.groups.arrange)
        self.view = RunsTable(self.model, tr("Runs"))
        layout = self.context.settings.entry(TABLES, "runs")
        if isinstance(layout, dict):
            self.groups.by = str(layout.get("group", ""))
            self.view.restore_layout(layout)
        self.view.opened.connect(self._on_opened)
        self.view.folded.connect(self._on_folded)
        self.view.menu_asked.connect(self._on_row_menu)
        self.view.queue_moved.connect(self._on_queue_moved)
        self.view.layout_changed.connect(self._on_layout_changed)
        self.view.selectionModel().selectionChanged.connect(self._on_chosen)
        self.model.ticks_changed.connect(self._on_chosen)
        self.model.counted.connect(self._on_counted)
        self._stack.addWidget(self.view)
        if old is not None:
            self._stack.removeWidget(old)
            old.deleteLater()

    def _build_bulk(self) -> None:
        shown = {a.id: a for a in self.chosen.actions()}
        self._bulk_buttons: dict[str, Button] = {}
        for name in ("runs.compare", "runs.tag", "runs.register", "runs.export", "runs.points", "runs.archive"):
            action = shown[name]
            button = Button(action.text, "primary" if name == "runs.compare" else "default", action.icon)
            button.clicked.connect(action.callback)
            self._bulk_buttons[name] = button
        self.bulk = BulkBar(self._panel, list(self._bulk_buttons.values()))
        self.bulk.cleared.connect(self._on_cleared)

    # ---- feed ----------------------------------------------------------------------------------------------

    def refresh(self, changes: Changes) -> None:
        if changes.everything:
            self._show_runs()
        elif changes.runs and not self._due.isActive():
            self._due.start()
        if changes.everything or changes.connection:
            self._on_chosen()

    def _show_runs(self) -> None:
        begun = monotonic()
        self._arrange()
        self._due.setInterval(max(UPDATE_MS, round((monotonic() - begun) * 1000 * SHARE)))

    def _arrange(self) -> None:
        state = self.context.state
        runs = [run for run in state.runs.values() if not run.archived]
        metrics = metric_keys(runs)
        if metrics != self._metrics:
            self._build_table(metrics)
            self.model.set_filter(self._filter)
        tags = tuple(sorted({tag for run in runs for tag in run.tags}))
        self.filter.set_fields(build_fields(metrics, tags))
        live = state.live_runs()
        self._live_eta = live[0].eta_seconds if len(live) == 1 else None
        self.model.set_rows(runs)
        self._on_chosen()

    def _wait_text(self, run: RunRecord) -> str:
        place = run.queue_position or 1
        if place == 1 and self._live_eta is not None:
            return tr("starts in {time}", time=words.duration(self._live_eta))
        return tr("starts next") if place == 1 else tr("place {n} in line", n=place)

    def _on_counted(self, shown: int, count: int) -> None:
        self.header.set_context(f"{shown:,} / {count:,}" if shown != count else f"{count:,}")
        if not count:
            front = self._empty if self.context.state.loaded else self._skeleton
        elif not shown:
            self._no_match_text.setText(tr("No runs match {filter}.", filter=f"“{self.filter.text.strip()}”"))
            front = self._no_match
        else:
            front = self.view
        self._stack.setCurrentWidget(front)

    def set_stale(self, since: float | None) -> None:
        self.header.set_stale(words.clock(since) if since else None)

    # ---- what is chosen ------------------------------------------------------------------------------------

    def chosen_runs(self) -> list[RunRecord]:
        """The ticked runs in their order, else the selected ones, else none."""
        ticked = self.model.ticked
        if ticked:
            return [run for run_id in ticked if (run := self.context.state.runs.get(run_id)) is not None]
        return self.view.runs_selected()

    def _on_chosen(self, *_ignored: object) -> None:
        self.bulk.show_count(len(self.model.ticked))
        reason = self.chosen.why_not_compare()
        self.compare_button.set_enabled(not reason, reason)
        if self.model.ticked:
            for action in self.chosen.actions():
                if action.id in self._bulk_buttons:
                    self._bulk_buttons[action.id].set_enabled(not action.reason(), action.reason())

    def _on_cleared(self) -> None:
        self.model.set_ticked(())
        self.view.setFocus()

    def actions(self) -> list[Action]:  # type: ignore[override]
        return self.chosen.actions()

    def focus_filter(self) -> bool:
        self.filter.line.setFocus()
        self.filter.line.selectAll()
        return True

    # ---- slots ---------------------------------------------------------------------------------------------

    def _on_opened(self, run: Any) -> None:
        self.context.navigate(f"run/{run.id}")

    def _on_folded(self, head: GroupHead) -> None:
        self.groups.toggle(head.id)
        self.model.set_layout(self.groups.arrange)

    def _on_row_menu(self, run: Any, at: QPoint) -> None:
        if isinstance(run, GroupHead):
            self._on_group_menu()
            return
        if not self.model.is_ticked(run.id):
            self.model.set_ticked(())
            if run not in self.view.runs_selected():
                self.view.select_id(run.id)
        menu = QMenu(self)
        for action in self.chosen.actions():
            if action.separator:
                menu.addSeparator()
            pinned = action.id == "runs.pin" and self.context.is_pinned(f"run/{run.id}")
            entry = menu.addAction(tr("Unpin") if pinned else action.text, action.callback)
            entry.setEnabled(not action.reason())
        menu.popup(at)
        menu.aboutToHide.connect(menu.deleteLater)

    def _on_queue_moved(self, run_id: str, target_id: str) -> None:
        moved, target = (self.context.state.runs.get(found) for found in (run_id, target_id))
        if moved is None or target is None or moved.state != RunState.QUEUED:
            return
        place = target.queue_position or 1
        ask(self.context, operations.move_run(self.context.link, run_id, place))

    def _on_dropped_on_compare(self, run_ids: list[str]) -> None:
        """They join the ticked ones; two or more are compared at once."""
        self.model.set_ticked(list(dict.fromkeys((*self.model.ticked, *run_ids))))
        if not self.chosen.why_not_compare():
            self.chosen.compare()

    def _on_filter(self, found: Filter | None) -> None:
        self._filter = found
        self.model.set_filter(found)

    def _on_saved(self, saved: list[str]) -> None:
        self.context.settings.set_entry(FILTERS, "runs", saved)

    def _on_group_menu(self) -> None:
        menu = QMenu(self)
        for key, text in GROUPS:
            entry = menu.addAction(tr(text), partial(self.group_by, key))
            entry.setCheckable(True)
            entry.setChecked(key == self.groups.by)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._group_button.mapToGlobal(self._group_button.rect().bottomLeft() + QPoint(0, 4)))

    def group_by(self, key: str) -> None:
        """Group by a fact of the runs; an empty key ends it."""
        self.groups.by = key
        self._group_button.setText(tr(dict(GROUPS)[key]) if key else tr("Group"))
        self._group_button.updateGeometry()
        sorts = [name for name, _ in self.model.sorts if "/" in name]
        self.groups.metric = sorts[0] if sorts else "eval/f1"
        self.model.set_layout(self.groups.arrange)
        self._save_layout()

    def _on_columns_menu(self) -> None:
        menu = self.view.column_menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._columns_button.mapToGlobal(self._columns_button.rect().bottomLeft() + QPoint(0, 4)))

    def _on_layout_changed(self) -> None:
        self._saving.start()

    def _save_layout(self) -> None:
        state = {**self.view.layout_state(), "group": self.groups.by}
        self.context.settings.set_entry(TABLES, "runs", state)

    def _on_new(self) -> None:
        self.context.start("run.new")

    def _on_import(self) -> None:
        self.context.start("run.import")

    # ---- dropping a file anywhere --------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_path(event.mimeData()):
            event.acceptProposedAction()
            self.curtain.rise()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: ARG002
        self.curtain.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.curtain.hide()
        event.acceptProposedAction()
        self.context.start("run.import", path=dropped_path(event.mimeData()))

    def _on_sample(self) -> None:
        call = operations.import_sample(self.context.link, SAMPLE)
        ask(self.context, call, self.try_sample).on_reply(self._on_sample_there)

    def _on_sample_there(self, body: dict[str, Any]) -> None:
        dataset = body.get("id") or body.get("result", {}).get("dataset_id") or SAMPLE
        self.context.start("run.new", dataset=dataset)

    def on_hidden(self) -> None:
        if self._saving.isActive():
            self._saving.stop()
            self._save_layout()
