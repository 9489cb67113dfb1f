"""Environment of a run: what the worker reported, beside the last good run of the same kind."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from backend.contract.differences import LastGood
from backend.contract.errors import ErrorReply
from backend.contract.resources import RunRecord
from console import operations, words
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.run.facts_tab import Facts, flatten, shown
from console.tables import Column
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.controls import Toggle

_OTHER = 2
"""The column of the last good run."""


class EnvironmentTab(Facts):
    """Packages, driver, commit and machine that the worker reported; what differs from the last good run is marked and
    stands beside it, settings included."""

    def __init__(self, context: Context, run: RunRecord) -> None:
        other = Column("other", tr("Last good run"), lambda r: r[2], kind="custom", paint=self._paint_other, width=380,
                       tip=lambda r: r[2], hideable=False)  # fmt: skip
        super().__init__(context, tr("Environment"), other)
        self._run = run
        self._good: LastGood | None = None  # None: not read
        self._read_for: tuple[Any, ...] = ()
        self._only = Toggle(tr("Only differences"), False)
        self._only.toggled.connect(self._on_only)
        self._open = Button(tr("Open last good run"), icon="arrow-right")
        self._open.clicked.connect(self._on_open)
        copy = Button(tr("Copy"), icon="copy")
        copy.clicked.connect(self._on_copy)
        self.build(self._only, self._open, copy)
        self._show()

    def show_run(self, run: RunRecord) -> None:
        """Show what the record knows; before the worker has started that is nothing. Ask what differs when this run has
        changed in a way that could change the answer."""
        self._run = run
        self._show()
        asked_for = (run.id, run.environment, run.settings, run.device)
        if asked_for != self._read_for:
            self._read_for = asked_for
            call = operations.read_last_good(self._context.link, run.id)
            call.on_reply(self._on_read).on_refused(self._on_refused)

    def _on_read(self, body: dict[str, Any]) -> None:
        self._good = LastGood.model_validate(body)
        self._show()

    def _on_refused(self, error: ErrorReply) -> None:
        self._read_for = ()  # asked again when the tab is shown next
        if self._good is None:
            self.note.setText(error.text)

    def _show(self) -> None:
        good = self._good if self._good is not None and self._good.run_id else None
        rows = flatten(self._run.environment) if self._run.environment else []
        rows += [(f"facts.{name}", text) for name, text in flatten(self._run.facts)] if self._run.facts else []
        facts, marked = _beside(rows, good)
        if self._only.isChecked() and good is not None:
            facts = [fact for fact in facts if fact[0] in marked]
        self.view.setColumnHidden(_OTHER, good is None)
        self._only.setVisible(good is not None)
        self._open.setVisible(good is not None)
        self.view.set_empty_text(tr("Nothing differs.") if self._only.isChecked() and good is not None else "")
        self.show_facts(facts, marked)
        self.note.setText(self._note(bool(rows), len(marked)))

    def _note(self, reported: bool, differing: int) -> str:
        if self._good is None:
            return "" if reported else tr("The worker has not reported yet.")
        if self._good.run_id is None:
            return tr("No completed run with this recipe and the same data or base model to compare with.")
        place = {"name": self._good.name, "time": words.day_and_time(self._good.ended_at)}
        if not differing:
            return tr("Nothing differs from {name}, {time}.", **place)
        if not self._good.environment_known:
            return tr_n(differing, "{n} setting differs from {name}, {time}; the environment of one is not known.",
                        "{n} settings differ from {name}, {time}; the environment of one is not known.",
                        **place)  # fmt: skip
        return tr_n(differing, "{n} differs from {name}, {time}.", "{n} differ from {name}, {time}.", **place)

    def _paint_other(self, painter: QPainter, rect: QRectF, fact: tuple[str, ...]) -> None:
        marked = fact[0] in self._marked
        paint.draw_text(painter, rect, fact[2], theme.font("body"), "text" if marked else "text-tertiary")

    def _on_only(self, _on: bool) -> None:
        self._show()

    def _on_open(self) -> None:
        if self._good is not None and self._good.run_id:
            self._context.navigate(f"run/{self._good.run_id}")

    def _on_copy(self) -> None:
        body = {"environment": self._run.environment}
        if self._good is not None and self._good.run_id:
            body["last_good_run"] = self._good.model_dump(mode="json")
        self._context.copy(json.dumps(body, indent=2, ensure_ascii=False))


def _beside(rows: list[tuple[str, str]], good: LastGood | None) -> tuple[list[tuple[str, ...]], set[str]]:
    """(name, here, there) of every fact, those only one of both has included; the names that differ."""
    differing = {each.name: each for each in good.differences} if good is not None else {}
    found: list[tuple[str, ...]] = []
    for name, text in rows:
        there = differing.get(name)
        if good is None or name.startswith("facts."):  # facts are what came of it, and not compared
            found.append((name, text, ""))
        else:
            found.append((name, text, text if there is None else shown(there.other)))
    known = {name for name, _ in rows}
    found += [(each.name, shown(each.this), shown(each.other)) for each in differing.values() if each.name not in known]
    return found, set(differing)
