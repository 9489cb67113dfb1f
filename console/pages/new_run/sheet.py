"""The New run sheet: 860 px from the right, form left, estimate right; draft kept, launched with Ctrl+Enter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout

from backend.contract.answers import items_of
from backend.contract.errors import ErrorReply
from backend.contract.resources import RunEstimate, RunRecord
from console import operations
from console.asking import ask
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.pages.new_run.estimate import EstimatePanel
from console.pages.new_run.form import RunForm
from console.pages.new_run.request import as_command, from_file, from_run
from console.pages.new_run.schema import Problem
from console.settings import DRAFTS
from console.widgets.buttons import Button
from console.widgets.chips import Kbd, Tag
from console.widgets.form import VALIDATE_AFTER_MS
from console.widgets.sheet import Sheet

DRAFT = "run.new"
ESTIMATE_AFTER_MS = 120
WAIT_MS = 250
NO_RECIPE = mark("The backend offers no recipe.")
LINK = "modeldeck://"


class _ProblemLink(Button):
    """The first field to fix, in red at the left of the footer."""

    def __init__(self) -> None:
        super().__init__("", "link", "circle-x")
        self.setFont(Button("", small=True).font())

    def _colours(self) -> tuple[str | None, str | None, str, str]:
        return None, None, "bad", "bad"


class NewRunSheet(Sheet):
    """`run` clones it (with `settings` changed), `dataset` chooses it, `file` reads it; else the draft is shown."""

    def __init__(
        self,
        context: Context,
        run: RunRecord | None = None,
        settings: Mapping[str, Any] | None = None,
        dataset: str | None = None,
        file: str | None = None,
    ) -> None:
        super().__init__(tr("New run"), kind="form")
        self.context = context
        self._launched = False
        self._turn = 0
        self._verdict: RunEstimate | None = None
        self._draft_timer = QTimer(self, singleShot=True, interval=VALIDATE_AFTER_MS)
        self._draft_timer.timeout.connect(self._save_draft)
        self._estimate_timer = QTimer(self, singleShot=True, interval=ESTIMATE_AFTER_MS)
        self._estimate_timer.timeout.connect(self._ask_estimate)
        self.setAcceptDrops(True)
        self._build()
        self._fill_first(run, settings, dataset, file)
        self._connect()
        samples = operations.list_samples(context.link)
        samples.on_reply(self._on_samples).on_refused(self._on_no_samples)
        self._ask_estimate()
        self._check()
        self._again = partial(context.start, "run.new", run=run, settings=settings, dataset=dataset, file=file)
        self._wait = QTimer(self, interval=WAIT_MS)
        self._wait.timeout.connect(self._on_wait)
        if not self.form.recipes:
            self._wait.start()

    def _on_wait(self) -> None:
        """Opened before the backend had said what it offers: begin afresh once it has."""
        if self.context.state.recipes:
            self._launched = True  # nothing of this form is a draft
            self.close_sheet()
            self._again()

    # ---- building ------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.saved = Tag(tr("Draft saved"))
        self.saved.hide()
        self.from_file = Button(tr("From file…"), "ghost", "upload", tip=tr("Read a run from YAML or JSON"))
        self.header.addWidget(self.saved)
        self.header.addStretch(1)
        self.header.addWidget(self.from_file)
        self.form = RunForm(self.context)
        self.add(self.form)
        self.first_focus = self.form.name
        self.estimate = EstimatePanel()
        self._put_beside()
        self.note.hide()
        self.problem = _ProblemLink()
        self.footer.insertWidget(0, self.problem)
        self.footer.insertStretch(1, 1)
        self.copy = Button(tr("Copy as command"), "ghost", "terminal")
        self.launch = Button(tr("Launch"), "primary", "play", tip=tr("Launch"), shortcut="Ctrl+Enter")
        for button in (self.copy, self.launch):
            self.add_button(button)
        self.footer.addWidget(Kbd("Ctrl", "↵"))
        self.set_primary(self.launch)

    def _put_beside(self) -> None:
        """The estimate stands beside the scrolling form and never scrolls away."""
        outer = self.layout()
        if not isinstance(outer, QVBoxLayout):
            return
        outer.removeWidget(self._scroll)
        self.body.setContentsMargins(20, 3, 20, 12)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 3, 20, 12)
        middle.setSpacing(0)
        middle.addWidget(self._scroll, 1)
        middle.addWidget(self.estimate)
        outer.insertLayout(1, middle, 1)

    def _connect(self) -> None:
        self.form.edited.connect(self._on_edited)
        self.form.settled.connect(self._on_settled)
        self.form.import_wanted.connect(self._on_import)
        self.form.own["base_model"].fixed.connect(self._on_base_fixed)
        self.estimate.fix_wanted.connect(self._on_fix)
        self.problem.clicked.connect(self._on_problem)
        self.copy.clicked.connect(self._on_copy)
        self.from_file.clicked.connect(self._on_from_file)
        self.accepted.connect(self._on_launch)
        fold = QShortcut(QKeySequence("Alt+A"), self)
        fold.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        fold.activated.connect(self._on_fold)

    def _fill_first(self, run: Any, settings: Any, dataset: str | None, file: str | None) -> None:
        if run is not None:
            self.form.fill(from_run(self.context.state, run, settings))
        elif file is not None:
            self._read_file(Path(file))
        elif dataset is not None:
            self.form.fill({"dataset": dataset, "settings": dict(settings or {})})
        elif draft := self.context.settings.entry(DRAFTS, DRAFT):
            self.form.fill(draft)
            self.saved.show()

    def _on_samples(self, body: dict[str, Any]) -> None:
        self.form.take_samples(items_of(body))
        self._check()

    def _on_no_samples(self, _error: ErrorReply) -> None:
        self.form.take_samples(())
        self._check()

    # ---- edits ---------------------------------------------------------------------------------------------

    def _on_edited(self) -> None:
        self.saved.hide()
        self._draft_timer.start()
        self._estimate_timer.start()
        self._check(show=False)

    def _on_settled(self) -> None:
        self._check(show=True)

    def _check(self, *, show: bool = True) -> dict[str, Problem]:
        """Allow or refuse Launch now; errors are shown when a field is left, taken away as soon as it is right."""
        wrong = self.form.problems()
        shown = wrong if show else {name: p for name, p in wrong.items() if self._is_shown(name)}
        self.form.show_problems(shown)
        self.problem.setVisible(bool(wrong))
        names = ", ".join(self.form.title_of(name) for name in wrong)
        self.problem.setText(tr_n(len(wrong), "{n} field to fix: {names}", "{n} fields to fix: {names}", names=names))
        self.problem.updateGeometry()
        reason = self.problem.text() if wrong else ""
        if self.context.offline():
            reason = tr("Backend does not answer.")
        elif not self.form.recipes:
            reason = tr(NO_RECIPE)
        self.launch.set_enabled(not reason, reason)
        return wrong

    def _is_shown(self, name: str) -> bool:
        field = self.form.own.get(name) or self.form.fields.fields.get(name)
        return bool(field and field.error)

    def _on_problem(self) -> None:
        wrong = self._check()
        if wrong:
            self.form.go_to(next(iter(wrong)))

    def _on_fix(self, settings: dict[str, Any]) -> None:
        self.form.fields.write(settings)
        self._on_edited()
        self._on_settled()

    def _on_base_fixed(self, value: object) -> None:
        self.form.choose_base(str(value))
        self._on_settled()

    def _on_fold(self) -> None:
        self.form.fields.advanced.toggle()

    def _on_import(self) -> None:
        self.context.start("data.import")

    # ---- estimate ------------------------------------------------------------------------------------------

    def _ask_estimate(self) -> None:
        self._estimate_timer.stop()
        body = self.form.body()
        if not body["recipe"]:
            waits = not self.context.state.loaded
            self.estimate.show_nothing(tr("Reading what the backend offers.") if waits else tr(NO_RECIPE))
            return
        self._turn += 1
        asked: dict[str, Any] = {
            key: body[key] for key in ("recipe", "dataset", "base_model", "settings", "device") if key in body
        }
        call = operations.estimate_run(self.context.link, asked)
        call.on_reply(partial(self.take_estimate, self._turn)).on_refused(partial(self.refuse_estimate, self._turn))

    def take_estimate(self, turn: int, body: dict[str, Any]) -> None:
        """Show a reply; one that a later keystroke has overtaken is dropped."""
        if turn != self._turn:
            return
        found = self._verdict = RunEstimate.model_validate(body)
        runs = self.context.state.runs
        similar = [runs[run_id] for run_id in found.similar_runs if run_id in runs]
        self.estimate.show_estimate(found, similar, self.form.recipe.get("metric"))
        self.form.take_estimate(found)
        if found.starts_after is not None:
            self._name_launch(tr("Add to queue"), "plus")
        elif found.fits == "no":
            self._name_launch(tr("Launch anyway"), "play")
        else:
            self._name_launch(tr("Launch"), "play")
        self._check(show=not self._draft_timer.isActive())

    def refuse_estimate(self, turn: int, error: ErrorReply) -> None:
        """Nothing can be said about memory and time; launching is still possible."""
        if turn == self._turn:
            self.estimate.show_nothing(error.text)

    def _name_launch(self, text: str, icon: str) -> None:
        if self.launch.text() != text:
            self.launch.setText(text)
            self.launch.set_icon(icon)

    # ---- draft, file, command ------------------------------------------------------------------------------

    def _save_draft(self) -> None:
        self._draft_timer.stop()
        self.context.settings.set_entry(DRAFTS, DRAFT, self.form.body())
        self.saved.show()

    def close_sheet(self) -> None:
        if self._draft_timer.isActive() and not self._launched:
            self._save_draft()
        super().close_sheet()

    def _on_copy(self) -> None:
        home = getattr(self.context.link, "home", None)
        self.context.copy(as_command(self.form.body(), home.root if home else None, self.form.base.first))

    def _on_from_file(self) -> None:
        dialog = QFileDialog(self, tr("Run from a file"))
        dialog.setNameFilter(tr("Runs (*.yaml *.yml *.json)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._on_file_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_file_chosen(self, path: str) -> None:
        self._read_file(Path(path))

    def _read_file(self, path: Path) -> None:
        try:
            body = from_file(path)
        except ValueError as error:
            self.context.toast(tr("{name} cannot be read", name=path.name), str(error), kind="bad")
            return
        self.form.fill({"recipe": self.form.cards.value, **body})
        self.context.toast(tr("Filled in from {name}", name=path.name), kind="info")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        data = event.mimeData()
        ours = data.text().startswith((f"{LINK}run/", f"{LINK}dataset/"))
        files = [url for url in data.urls() if url.toLocalFile().endswith((".yaml", ".yml", ".json"))]
        event.setAccepted(ours or bool(files))

    def dropEvent(self, event: QDropEvent) -> None:
        """A run fills everything in, a dataset is chosen, a file is read."""
        kind, _, thing = event.mimeData().text().removeprefix(LINK).partition("/")
        run = self.context.state.runs.get(thing)
        if event.mimeData().urls():
            self._read_file(Path(event.mimeData().urls()[0].toLocalFile()))
        elif kind == "run" and run is not None:
            self.form.fill(from_run(self.context.state, run, None))
        elif kind == "dataset":
            self.form.fill({**self.form.body(), "recipe": None, "dataset": thing})
        event.acceptProposedAction()

    # ---- launch --------------------------------------------------------------------------------------------

    def _on_launch(self) -> None:
        if self._check():
            return
        body = {key: value for key, value in self.form.body().items() if value is not None}
        call = operations.start_run(self.context.link, body)
        ask(self.context, call, self.launch).on_reply(self._on_started).on_refused(self._on_refused)

    def _on_started(self, body: dict[str, Any]) -> None:
        self._launched = True
        self._draft_timer.stop()
        self.context.settings.set_entry(DRAFTS, DRAFT, None)
        # The feed says the same in a moment; until then the run page has something to show.
        if body["id"] not in self.context.state.runs:
            self.context.state.apply([{"topic": "runs", "kind": "added", "data": body}])
        self.close_sheet()
        self.context.navigate(f"run/{body['id']}")

    def _on_refused(self, error: ErrorReply) -> None:
        name = error.details.get("field")
        if isinstance(name, str):
            self.form.show_problems({**self.form.problems(), name: Problem(error.text)})
            self.form.go_to(name)
