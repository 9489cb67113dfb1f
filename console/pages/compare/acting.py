"""What can be done about the compared runs: choose others, pin, export, register the best."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMenu

from backend.contract.resources import RunRecord
from console.actions import Action
from console.i18n import tr, tr_n
from console.pages.compare import facts
from console.pages.compare.tables import Line
from console.sheets import RegisterSheet
from console.sheets.saving import save_as
from console.widgets.buttons import Button
from console.widgets.controls import Segmented
from console.widgets.page import Page

MOST_OFFERED = 20
LINK = "modeldeck://run/"


class CompareActions(Page):
    """Every action of the page; the page shows the runs."""

    axis: Segmented
    add_run: Button
    curves: Any
    _ids: list[str]

    def runs(self) -> list[RunRecord]:
        raise NotImplementedError

    def best(self) -> RunRecord | None:
        raise NotImplementedError

    def _nudge(self, amount: int) -> None:
        raise NotImplementedError

    def _on_eye(self, run_id: str) -> None:
        raise NotImplementedError

    def _on_moved(self, run_id: str, target: str) -> None:
        raise NotImplementedError

    def actions(self) -> list[Action]:  # type: ignore[override]
        if self.curves is None:
            return []
        pinned = self.context.is_pinned(f"compare/{self.target()}")
        best = self.best()
        why = "" if best else tr("Only a completed run can be registered.")
        return [
            Action("compare.register", tr("Register the best…"), self._on_register, "package", "", "run",
                   reason=lambda: why),
            Action("compare.pin", tr("Unpin") if pinned else tr("Pin"), self._on_pin, "pin", "", "run"),
            Action("compare.export", tr("Export…"), self._on_export, "download", "", "run"),
            Action("chart.axis", tr("Next x axis"), lambda: self.axis.step(1), "", "", "view"),
            Action("chart.smoother", tr("More smoothing"), lambda: self._nudge(50), "", "", "view"),
            Action("chart.rougher", tr("Less smoothing"), lambda: self._nudge(-50), "", "", "view"),
        ]  # fmt: skip

    def _on_back(self) -> None:
        self.context.navigate("runs")

    def _on_opened(self, line: Line) -> None:
        self._on_run_opened(line.id)

    def _on_run_opened(self, run_id: str) -> None:
        self.context.navigate(f"run/{run_id}")

    def _on_compare_wanted(self, run_ids: list[str]) -> None:
        self.context.navigate("compare/" + ",".join(run_ids))

    def _on_row_menu(self, line: Line, at: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction(tr("Open"), lambda: self._on_opened(line))
        menu.addAction(tr("Show") if line.hidden else tr("Hide"), lambda: self._on_eye(line.id))
        place = self._ids.index(line.id)
        up = menu.addAction(tr("Move up"), lambda: self._on_moved(line.id, self._ids[place - 1]))
        up.setEnabled(place > 0)
        down = menu.addAction(tr("Move down"), lambda: self._on_moved(line.id, self._ids[place + 1]))
        down.setEnabled(place + 1 < len(self._ids))
        menu.addSeparator()
        drop = menu.addAction(tr("Remove from comparison"), lambda: self._on_removed(line.id))
        drop.setEnabled(len(self._ids) > facts.FEWEST)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def _on_removed(self, run_id: str) -> None:
        self._go(other for other in self._ids if other != run_id)

    def _on_add_menu(self) -> None:
        menu = QMenu(self)
        free = [run for run in self.context.state.runs.values() if run.id not in self._ids and not run.archived]
        for run in free[:MOST_OFFERED]:
            entry = menu.addAction(run.name.replace("&", "&&"), partial(self._on_added, run.id))
            entry.setEnabled(len(self._ids) < facts.MOST)
        if not free:
            menu.addAction(tr("Every run is here already")).setEnabled(False)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.add_run.mapToGlobal(self.add_run.rect().bottomLeft() + QPoint(0, 4)))

    def _on_added(self, run_id: str) -> None:
        self._go((*self._ids, run_id))

    def _go(self, run_ids: Iterable[str]) -> None:
        """Compare these: here; as a step of the history when this is the page of the window."""
        target = ",".join(dict.fromkeys(run_ids))
        if self.context.is_in_front(self):
            self.context.navigate(f"compare/{target}")
        else:
            self.open_target(target)

    def _on_pin(self) -> None:
        link = f"compare/{self.target()}"
        if self.context.is_pinned(link):
            self.context.unpin(link)
        else:
            self.context.pin(link, tr_n(len(self._ids), "Compare {n} run", "Compare {n} runs"))
        self.context.actions_changed()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(bool(_dragged_runs(event)))

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self._go((*self._ids, *_dragged_runs(event)))

    def _on_export(self) -> None:
        runs = self.runs()
        save_as(self, self.context, "compare", {"csv": (tr("Table"), lambda: facts.as_csv(runs))})

    def _on_register(self) -> None:
        found = self.best()
        if found is not None:
            self.context.open_sheet(RegisterSheet(self.context, found))


def _dragged_runs(event: QDropEvent) -> list[str]:
    lines = event.mimeData().text().splitlines()
    return [line.removeprefix(LINK) for line in lines if line.startswith(LINK)]
