"""The sweep below the tables: parallel coordinates, chips of the brushes, axes to add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QMenu

from backend.contract.resources import RunRecord
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.compare import facts, sweep
from console.pages.compare.parallel import Parallel
from console.settings import LAYOUTS
from console.widgets.buttons import Button
from console.widgets.chips import Tag
from console.widgets.panel import Panel

MOST_CHIPS = 3


class SweepPanel(Panel):
    """Signals: compare_wanted(run ids): the brushed runs; opened(run id)."""

    compare_wanted = Signal(list)
    opened = Signal(str)

    def __init__(self, context: Context) -> None:
        super().__init__(tr("Sweep"), flush=True)
        self._context = context
        self._tag = ""
        self._runs: list[RunRecord] = []
        self._axes: dict[str, sweep.Axis] = {}
        self._logs: dict[str, bool] = {}
        self._keys: list[str] | None = None
        self._chips: dict[str, Tag] = {}
        self.plot = Parallel()
        self.plot.brushed.connect(self._on_brushed)
        self.plot.axes_changed.connect(self._on_axes_changed)
        self.plot.menu_asked.connect(self._on_menu)
        self.plot.opened.connect(self.opened)
        self.these = Button(tr("Compare these"), "ghost", "chart-line")
        self.these.clicked.connect(self._on_these)
        self.clear = Button(tr("Clear"), "ghost", "x")
        self.clear.clicked.connect(self.plot.clear_brushes)
        self.more = Button(tr("Add axis"), "ghost", "plus")
        self.more.clicked.connect(self._on_more)
        for button in (self.these, self.clear, self.more):
            self.add_action(button)
        self.add(self.plot, 1)

    # ---- what is shown ---------------------------------------------------------------------------------------------

    def show_runs(self, compared: Sequence[RunRecord], known: Sequence[RunRecord], metric: str | None) -> bool:
        """Show the sweep of the compared runs, or these alone; False when fewer than two axes differ."""
        tag, runs = sweep.members(compared, known)
        if self._keys is not None and tag == self._tag and runs == self._runs:
            return len(self.plot.axes) >= 2
        self._runs = runs
        if tag != self._tag or self._keys is None:
            self._tag = tag
            self._restore()
        found = sweep.possible_axes(self._runs)
        self._axes = {a.key: replace(a, log=self._logs.get(a.key, a.log) and a.can_log) for a in found}
        keys = [key for key in self._keys or () if key in self._axes] or sweep.first_axes(found, metric)
        colours = {run.id: index for index, run in enumerate(compared)}
        names = [run.name for run in self._runs]
        self.plot.show_runs([r.id for r in self._runs], names, [self._axes[key] for key in keys], colours)
        self._on_brushed()
        return len(self.plot.axes) >= 2

    def _restore(self) -> None:
        kept = self._context.settings.entry(LAYOUTS, f"sweep:{self._tag}", {}) if self._tag else {}
        kept = kept if isinstance(kept, dict) else {}
        keys, logs = kept.get("axes"), kept.get("log")
        self._keys = [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
        self._logs = {k: v for k, v in logs.items() if isinstance(v, bool)} if isinstance(logs, dict) else {}
        self.plot.brushes = {}

    def _on_axes_changed(self) -> None:
        """Order and scales are kept for each sweep."""
        self._keys = [axis.key for axis in self.plot.axes]
        if self._tag:
            kept = {"axes": self._keys, "log": self._logs}
            self._context.settings.set_entry(LAYOUTS, f"sweep:{self._tag}", kept)
        self._on_brushed()

    def _on_brushed(self) -> None:
        inside, count = self.plot.inside(), len(self._runs)
        brushed = bool(self.plot.brushes)
        runs = tr_n(count, "{n} run", "{n} runs")
        if brushed:
            runs = tr("{n} of {count} runs", n=len(inside), count=count)
        hint = "" if brushed else tr("drag on an axis to filter")
        title = tr("Sweep") if self._tag else tr("Settings and results")
        self.set_title(title, " · ".join(part for part in (self._tag, runs, hint) if part))
        self.clear.setVisible(brushed)
        self.these.setVisible(brushed)
        enough = facts.FEWEST <= len(inside) <= facts.MOST
        self.these.set_enabled(enough, "" if enough else tr("2 to 12 runs can be compared."))
        self._show_chips()

    def _show_chips(self) -> None:
        brushes = self.plot.brushes
        keys = [axis.key for axis in self.plot.axes if axis.key in brushes][:MOST_CHIPS]
        if keys != list(self._chips):
            for chip in self._chips.values():
                chip.hide()
                chip.deleteLater()
            self._chips = {}
            for place, key in enumerate(keys):
                chip = self._chips[key] = Tag("", clickable=True)
                chip.clicked.connect(partial(self.plot.set_brush, key, None))
                self._head.insertWidget(2 + place, chip)
        for axis in self.plot.axes:
            if axis.key in self._chips:
                self._chips[axis.key].set_text(axis.text_of(*brushes[axis.key]))

    # ---- slots -----------------------------------------------------------------------------------------------------

    def _on_these(self) -> None:
        self.compare_wanted.emit(self.plot.inside())

    def _on_menu(self, key: str, at: QPoint) -> None:
        axis = self._axes[key]
        menu = QMenu(self)
        log = menu.addAction(tr("Log axis"), partial(self._set_log, key, not axis.log))
        log.setCheckable(True)
        log.setChecked(axis.log)
        log.setEnabled(axis.can_log)
        clear = menu.addAction(tr("Clear brush"), partial(self.plot.set_brush, key, None))
        clear.setEnabled(key in self.plot.brushes)
        menu.addSeparator()
        place = self.plot.current
        left = menu.addAction(tr("Move left"), partial(self.plot.move_axis, key, place - 1))
        left.setEnabled(place > 0)
        right = menu.addAction(tr("Move right"), partial(self.plot.move_axis, key, place + 1))
        right.setEnabled(place + 1 < len(self.plot.axes))
        hide = menu.addAction(tr("Hide axis"), partial(self._hide, key))
        hide.setEnabled(len(self.plot.axes) > 2)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def _set_log(self, key: str, on: bool) -> None:
        self._logs[key] = on
        self._axes[key] = replace(self._axes[key], log=on)
        self.plot.replace_axis(self._axes[key])

    def _hide(self, key: str) -> None:
        self._put([axis for axis in self.plot.axes if axis.key != key])

    def _add(self, key: str) -> None:
        self._put([*self.plot.axes, self._axes[key]])

    def _put(self, axes: Sequence[sweep.Axis]) -> None:
        self.plot.show_runs(self.plot.ids, self.plot.names, axes, self.plot.colours)
        self._on_axes_changed()

    def _on_more(self) -> None:
        menu = QMenu(self)
        shown = {axis.key for axis in self.plot.axes}
        for key, axis in self._axes.items():
            if key not in shown:
                menu.addAction(axis.title.replace("&", "&&"), partial(self._add, key))
        if menu.isEmpty():
            menu.addAction(tr("Every axis that differs is shown")).setEnabled(False)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft() + QPoint(0, 4)))
