"""The Models page: list pane, versions, version page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from backend.contract.answers import readable_items
from backend.contract.resources import EndpointRecord, HistoryEntry, ModelRecord, PromotionPlan, VersionRecord
from backend.contract.states import EndpointState
from console import operations, words
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.pages.models import words as model_words
from console.pages.models.acting import ModelActions
from console.pages.models.comparing import ComparePanel
from console.pages.models.evidence import CardPanel, FilesPanel, GatesPanel, HistoryPanel, LineagePanel
from console.pages.models.head import Header, ListPane
from console.pages.models.small_sheets import registrable
from console.pages.models.timeline import VersionsPanel
from console.state.changes import Changes
from console.tasks import model_task_name
from console.widgets.buttons import Button
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.page import titled
from console.widgets.rows import ListItem

NARROW = 1130  # of the page: below, the list pane becomes a menu in the header

ANSWERING = (EndpointState.SERVING, EndpointState.DEGRADED)


class ModelsPage(ModelActions):
    """`open_target("name")` or `open_target("name/14")` chooses what is shown."""

    title = mark("Models")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._name = ""
        self._number = 0
        self._awaited: tuple[str, int] | None = None
        self._plans: dict[tuple[str, int], PromotionPlan] = {}
        self._turn = 0
        self._history_of = ""
        self.content.setContentsMargins(0, 0, 0, 0)
        self.pane = ListPane()
        self.header = Header()
        self.versions = VersionsPanel()
        self.versions.setFixedWidth(318)
        self.comparing, self.gates, self.lineage = ComparePanel(), GatesPanel(), LineagePanel()
        self.history, self.card, self.files = HistoryPanel(), CardPanel(), FilesPanel()
        self._stack = QStackedWidget()
        self._skeleton = titled(tr(self.title), Skeleton(tr("Reading the models")))
        self._stack.addWidget(self._skeleton)
        self._detail = self._build_detail()
        self._stack.addWidget(self._detail)
        self._empty = titled(tr(self.title), self._build_empty())
        self._stack.addWidget(self._empty)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.pane)
        middle.addWidget(self._stack, 1)
        self.content.addLayout(middle)
        self._connect()

    # ---- building ------------------------------------------------------------------------------------------

    def _build_detail(self) -> QWidget:
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 6, 16)
        column.setSpacing(10)
        for panel in (self.comparing, self.gates, self.lineage, self.history, self.card, self.files):
            column.addWidget(panel)
        column.addStretch(1)
        self.area = QScrollArea()
        self.area.setAccessibleName(tr("Models"))
        self.area.setWidgetResizable(True)
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.area.setWidget(right)
        self.area.viewport().setAutoFillBackground(False)
        right.setAutoFillBackground(False)
        body = QHBoxLayout()
        body.setSpacing(12)
        versions = QVBoxLayout()
        versions.setContentsMargins(0, 0, 0, 16)
        versions.addWidget(self.versions)
        body.addLayout(versions)
        body.addWidget(self.area, 1)
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(20, 0, 2, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addLayout(body, 1)
        return holder

    def _build_empty(self) -> QWidget:
        register = Button(tr("Register a run…"), "primary", "package")
        register.clicked.connect(self._on_register)
        runs = Button(tr("All runs"))
        runs.clicked.connect(self._on_runs)
        self._empty_register = register
        return EmptyState(
            "package",
            tr("No model yet"),
            tr("A model is a name under which the results of completed runs line up as versions."),
            (register, runs),
        )

    def _connect(self) -> None:
        self.pane.items.chosen.connect(self._on_model_chosen)
        self.pane.items.menu_asked.connect(self._on_model_menu)
        self.pane.filter.changed.connect(self._on_filter)
        self.pane.add.clicked.connect(self._on_register)
        self.versions.chosen.connect(self._on_version_chosen)
        self.versions.compared.connect(self._on_compared)
        self.versions.menu_asked.connect(self._on_version_menu)
        self.header.switcher.clicked.connect(self._on_switch_model)
        self.header.compare.clicked.connect(self._on_compare)
        self.header.roll_back.clicked.connect(self._on_roll_back)
        self.header.promote.clicked.connect(self._on_promote)
        self.header.more.clicked.connect(self._on_more)
        self.gates.again_wanted.connect(self._on_check_again)
        self.lineage.opened.connect(self.context.navigate)
        self.lineage.copied.connect(self.context.copy)
        self.files.copied.connect(self.context.copy)
        self.history.audit_wanted.connect(self._on_audit)
        self.card.edit_wanted.connect(self._on_edit)

    # ---- what is shown -------------------------------------------------------------------------------------

    def open_target(self, target: str) -> None:
        name, number = target, 0
        head, _, tail = target.rpartition("/")
        if head and tail.removeprefix("v").isdigit():
            name, number = head, int(tail.removeprefix("v"))
        self._choose_model(name, number)

    def focus_filter(self) -> bool:
        self.pane.filter.line.setFocus()
        return self.pane.isVisible()

    def _choose_model(self, name: str, number: int = 0) -> None:
        if name != self._name:
            self.versions.forget_model()
            self._history_of = ""
        self._name, self._number = name, number
        self._awaited = (name, number) if number and self.version is None else None
        self._show()

    def _take_awaited(self) -> None:
        """A version that was being registered when the page was asked for it has come."""
        if self._awaited is not None:
            name, number = self._awaited
            model = self.context.state.models.get(name)
            if model is not None and any(v.version == number for v in model.versions):
                self._name, self._number, self._awaited = name, number, None
                self._history_of = ""

    def refresh(self, changes: Changes) -> None:
        state = self.context.state
        if changes.everything or changes.connection or changes.models or changes.endpoints or changes.datasets:
            if changes.everything or self._name in changes.models or self._serving_changed(changes):
                self._plans = {key: plan for key, plan in self._plans.items() if key[0] != self._name}
                self._history_of = ""
            self._show()
        elif changes.runs and not state.models:
            self._show()

    def _serving_changed(self, changes: Changes) -> bool:
        """Another version answers: what is compared with it is old. Figures of the last minute are not meant."""
        now = tuple((e.name, e.live_version, e.standby_version, e.state) for e in self._endpoints())
        before, self._served = getattr(self, "_served", ()), now
        return bool(changes.endpoints) and now != before

    def on_shown(self) -> None:
        self._show()

    def set_stale(self, since: float | None) -> None:
        self.header.line.set_role("warn" if since else "text-tertiary")
        self._show()

    def _show(self) -> None:
        state = self.context.state
        self._take_awaited()
        if not state.models:
            self.pane.setVisible(False)
            self._stack.setCurrentWidget(self._empty if state.loaded else self._skeleton)
            ready = bool(registrable(self.context))
            self._empty_register.set_enabled(ready, tr("No completed run is waiting to be registered."))
            return
        self.pane.setVisible(self.width() >= NARROW or not self.isVisible())
        self.header.switcher.setVisible(not self.pane.isVisibleTo(self))
        if self.model is None:
            if self._name and state.loaded and self._awaited is None:
                self.context.toast(tr("There is no model {name}", name=self._name), kind="warn")
            self._name, self._number = next(iter(state.models)), 0
        self._show_list()
        if self.version is None and self.model is not None:
            if not self.model.versions:
                return
            self._number = self.model.versions[0].version
        self._show_version()
        self._stack.setCurrentWidget(self._detail)

    def _show_list(self) -> None:
        state, wanted = self.context.state, getattr(self, "_filter", None)
        shown = [m for m in state.models.values() if wanted is None or wanted(m)]
        items = []
        for model in shown:
            role, word = model_words.dot_of(state.endpoints_of(model.name))
            items.append(ListItem(model.name, model.name, model_task_name(model.task), right=word, dot=role))
        self.pane.items.set_items(items)
        self.pane.items.set_current(self._name)
        self.pane.count.setText(words.count(len(state.models)))
        self.pane.none.setVisible(not shown)
        self.pane.none.setText(tr("No model matches {filter}.", filter=self.pane.filter.text))

    def _show_version(self) -> None:
        model, version = self.model, self.version
        if model is None or version is None:
            return
        endpoints, now = self._endpoints(), self.context.clock()
        self._show_header(model, version, endpoints, now)
        self.versions.show_model(model, endpoints, self._gate_icons(model), now)
        self.versions.select(version.version)
        self.comparing.show_version(version, self.champion)
        dataset = self.context.state.datasets.get(version.dataset_id or "")
        self.lineage.show_version(version, endpoints, dataset.version if dataset else None)
        self.card.show_version(version)
        self.files.show_version(version)
        self._show_gates(version)
        self._read_history()
        self.context.actions_changed()

    def _show_header(
        self, model: ModelRecord, version: VersionRecord, endpoints: list[EndpointRecord], now: float
    ) -> None:
        head = self.header
        head.set_name(model.name)
        head.task.set_text(model_task_name(model.task))
        head.labels.set_text(tr_n(len(model.labels), "{n} label", "{n} labels"))
        line = model_words.serving_line(model, endpoints, now)
        since = self.context.state.stale_since
        head.line.setText(f"{line} · {tr('from {time}', time=words.clock(since))}" if self.context.offline() and since
                          else line)  # fmt: skip
        head.promote.setText(tr("Promote v{n}…", n=version.version))
        back = self._previous()
        head.roll_back.setText(tr("Roll back to v{n}…", n=back) if back else tr("Roll back…"))
        for button, reason in (
            (head.promote, self._why_not_promote()),
            (head.roll_back, self._why_not_roll_back()),
            (head.compare, self._why_not_compare()),
        ):
            button.set_enabled(not reason, reason)
            button.updateGeometry()

    # ---- gates and history ---------------------------------------------------------------------------------

    def _gate_icons(self, model: ModelRecord) -> dict[int, str]:
        """What is known: served versions have loaded and answered; others as their plan says."""
        found: dict[int, str] = {}
        for version in model.versions:
            plan = self._plans.get((model.name, version.version))
            broken = plan is not None and any(e.get("ok") is False and "metric" not in e for e in plan.evidence)
            if version.deleted or broken:
                found[version.version] = "failed"
            elif version.first_served_at is not None:
                found[version.version] = "passed"
            elif plan is not None:
                found[version.version] = "warned" if plan.warnings else "passed"
        return found

    def _show_gates(self, version: VersionRecord) -> None:
        plan = self._plans.get((self._name, version.version))
        if plan is None:
            self._read_plan(version)
            return
        self._fill_gates(version, plan)

    def _fill_gates(self, version: VersionRecord, plan: PromotionPlan) -> None:
        live = model_words.live_endpoint(self._endpoints(), version.version)
        warm = model_words.standby_endpoint(self._endpoints(), version.version)
        proven = ""
        answers = next((e for e in (live, warm) if e is not None and e.state in ANSWERING), None)
        if answers is not None:
            proven = tr("on {name}", name=answers.name)
        elif version.first_served_at is not None:
            proven = tr("served {time}", time=words.duration(version.served_seconds))
        self.gates.show_plan(plan, live=live is not None, proven=proven)

    def _read_plan(self, version: VersionRecord) -> None:
        if self.context.offline():
            return
        if version.deleted:
            self.gates.show_problem(tr("The files of this version were deleted."))
            return
        self._turn += 1
        key, turn = (self._name, version.version), self._turn
        self.gates.show_waiting()
        first = next((e.name for e in self._endpoints()), None)
        call = operations.plan_promotion(self.context.link, *key, kind="promote", endpoint=first)
        call.on_reply(partial(self._on_plan, turn, key)).on_refused(partial(self._on_plan_refused, turn))

    def _on_plan(self, turn: int, key: tuple[str, int], body: dict[str, Any]) -> None:
        self._plans[key] = PromotionPlan.model_validate(body)
        version, model = self.version, self.model
        if turn != self._turn or version is None or model is None or key != (self._name, version.version):
            return
        self._fill_gates(version, self._plans[key])
        self.versions.show_model(model, self._endpoints(), self._gate_icons(model), self.context.clock())

    def _on_plan_refused(self, turn: int, error: Any) -> None:
        if turn == self._turn:
            self.gates.show_problem(error.text)

    def _on_check_again(self) -> None:
        version = self.version
        if version is not None:
            self._plans.pop((self._name, version.version), None)
            self._read_plan(version)

    def _read_history(self) -> None:
        if self._history_of == self._name or self.context.offline():
            return
        self._history_of = self._name
        call = operations.read_model_history(self.context.link, self._name)
        call.on_reply(partial(self._on_history, self._name)).on_refused(self._on_history_refused)

    def _on_history(self, name: str, body: dict[str, Any]) -> None:
        if name == self._name:
            entries = readable_items(HistoryEntry, body)
            self.history.show_entries(entries, self.context.clock())

    def _on_history_refused(self, error: Any) -> None:
        self._history_of = ""
        self.history.show_problem(error.text)

    # ---- list, timeline, menus -----------------------------------------------------------------------------

    def _on_filter(self, wanted: Callable[[Any], bool] | None) -> None:
        self._filter = wanted
        self._show_list()

    def _on_model_chosen(self, name: str) -> None:
        self.context.navigate(f"model/{name}")
        if self._name != name:  # a window without navigation
            self._choose_model(name)

    def _on_version_chosen(self, number: int) -> None:
        self._number, self._awaited = number, None
        self.area.verticalScrollBar().setValue(0)
        self._show_version()

    def _on_switch_model(self) -> None:
        menu = QMenu(self)
        for name in self.context.state.models:
            menu.addAction(name, partial(self._on_model_chosen, name))
        menu.exec(self.header.switcher.mapToGlobal(self.header.switcher.rect().bottomLeft()))

    def _on_model_menu(self, name: str, at: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction(tr("Open"), partial(self._on_model_chosen, name))
        menu.addAction(tr("Copy link"), partial(self.context.copy, f"modeldeck://model/{name}"))
        menu.exec(at)

    def _on_version_menu(self, number: int, at: QPoint) -> None:
        self.versions.select(number)
        self._on_version_chosen(number)
        self.fill_menu().exec(at)

    def _on_more(self) -> None:
        button = self.header.more
        menu = self.fill_menu()
        menu.exec(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), button.height() + 4)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= NARROW
        self.pane.setVisible(wide and bool(self.context.state.models))
        self.header.switcher.setVisible(not wide)
        self.versions.setFixedWidth(318 if self.width() >= 900 else 270)
