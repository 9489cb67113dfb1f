"""Import run: choose a file or folder, see what is there, bring it in."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from backend.contract.errors import ErrorReply
from backend.contract.imports import ImportPreview
from backend.contract.resources import Operation
from console import operations
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.import_run.course import CoursePanel
from console.pages.import_run.following import Following
from console.pages.import_run.found import FoundTable, LeftOut
from console.widgets.dropfield import DropField, PathLine, browse_file
from console.widgets.empty import Skeleton
from console.widgets.form import FormField
from console.widgets.sheet import Sheet
from console.widgets.trouble import Trouble

SUFFIXES = "*tfevents* *.wandb *.csv *.tsv *.json *.jsonl"


class ImportRunSheet(Sheet):
    """`path`: what was dropped on the Runs page."""

    def __init__(self, context: Context, path: str = "") -> None:
        super().__init__(tr("Import run"), kind="form", icon="upload", primary=tr("Import"))
        self._context = context
        self._turn = 0
        self._asked = ""
        self._under_way: Operation | None = None
        self.preview: ImportPreview | None = None
        self.path = PathLine(browse, folder=tr("Import run"))
        kinds = tr("TensorBoard event files, a W&B offline folder, CSV of metrics, trainer_state.json")
        self.drop = DropField(kinds)
        self.trouble = Trouble()
        self.step_column = QComboBox()
        self.step_field = FormField(tr("Which column holds the step?"), self.step_column)
        self.name = QLineEdit()
        self.name_field = FormField(tr("Name"), self.name)
        self.table = FoundTable()
        self.left_out = LeftOut()
        self.course = CoursePanel()
        self._skeleton = Skeleton(tr("Reading the file"), 5)
        self._skeleton.setMinimumHeight(220)
        for widget in (self.path, self.trouble, self.step_field, self.drop, self._skeleton, self.course,
                       self.name_field, self.table, self.left_out):  # fmt: skip
            self.add(widget)
        self.add(QWidget(), 1)
        self.path.path_chosen.connect(self.choose)
        self.drop.dropped.connect(self.choose)
        self.drop.clicked.connect(self._on_browse)
        self.step_column.activated.connect(self._on_step_column)
        self.table.changed.connect(self._check)
        self.accepted.connect(self._on_accepted)
        self.first_focus = self.path.line
        self._show_step("choose")
        self._check()
        if path:
            self.choose(path)

    # ---- looking -------------------------------------------------------------------------------------------

    def choose(self, path: str) -> None:
        """Look at a path; what was looked at before is forgotten."""
        self.path.line.setText(path)
        self.step_column.clear()
        self._look(path)

    def _look(self, path: str) -> None:
        self._asked, self.preview = path, None
        self._turn += 1
        self.trouble.show_error("", "")
        self._show_step("reading")
        self._check()
        call = operations.preview_import(self._context.link, path, self.mapping())
        call.on_reply(partial(self._on_preview, self._turn)).on_refused(partial(self._on_no_preview, self._turn))

    def mapping(self) -> dict[str, str]:
        """What the user said of the columns."""
        column = self.step_column.currentData()
        return {"step": column} if column else {}

    def _on_browse(self) -> None:
        path = browse(self)
        if path:
            self.choose(path)

    def _on_step_column(self, _index: int) -> None:
        if self.mapping():
            self._look(self._asked)

    def _on_preview(self, turn: int, body: dict[str, Any]) -> None:
        if turn != self._turn:
            return
        self.preview = ImportPreview.model_validate(body)
        items = self.preview.items
        self.name.setText("")
        self.name.setPlaceholderText(items[0].name if len(items) == 1 else tr("each keeps its own name"))
        self.table.show_items(items)
        self.left_out.show_items(items, self.preview.passed_over)
        self._show_step("found")
        self._check()

    def _on_no_preview(self, turn: int, error: ErrorReply) -> None:
        if turn != self._turn:
            return
        columns = error.details.get("columns")
        if columns and not self.step_column.count():
            self.step_column.addItem(tr("none"), "")
            for column in columns:
                self.step_column.addItem(str(column)[:80], str(column))
        self._show_step("choose")
        fix = tr("Choose it below.") if columns else error.fix or ""
        self.trouble.show_error(error.text, fix)
        self._check()

    def _show_step(self, step: str) -> None:
        self.drop.setVisible(step == "choose")
        self._skeleton.setVisible(step == "reading")
        self.step_field.setVisible(self.step_column.count() > 0 and step != "importing")
        self.course.setVisible(step == "importing")
        self.path.setEnabled(step != "importing")
        for widget in (self.table, self.name_field):
            widget.setVisible(step == "found")
        self.left_out.setVisible(step == "found" and self.left_out.has_notes)
        if self.cancel is not None:
            self.cancel.set_busy(False)
            self.cancel.setText(tr("Cancel import") if step == "importing" else tr("Cancel"))
            self.cancel.updateGeometry()

    # ---- checking ------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Enable Import, or say what stands in the way."""
        if self._under_way is not None and self.primary is not None:
            self.set_note(tr("Esc ends it; nothing of it is kept then."), "text-tertiary")
            self.primary.setText(tr("Continue in background"))
            self.primary.updateGeometry()
            self.primary.set_enabled(True)
            return
        reason = self._why_not()
        self.set_note(reason or tr("They become read-only runs; the files stay where they are."), "text-tertiary")
        if self.primary is not None:
            count = len(self.table.chosen()) if self.preview is not None else 0
            self.primary.setText(tr_n(count, "Import {n} run", "Import {n} runs") if count else tr("Import"))
            self.primary.updateGeometry()
            self.primary.set_enabled(not reason, reason)

    def _why_not(self) -> str:
        if self._context.offline():
            return tr("Backend does not answer.")
        if self.preview is None:
            reading = self._skeleton.isVisibleTo(self)
            return tr("Reading the file") if reading else tr("Choose a file or folder.")
        if self.table.chosen():
            return ""
        if all(item.known_as for item in self.preview.items):
            return tr("This content is here already")
        return tr("Tick what should come in.")

    # ---- importing -----------------------------------------------------------------------------------------

    def _on_accepted(self) -> None:
        if self._under_way is not None:
            self.close_sheet()
            self._context.toast(tr("Importing…"), tr("It goes on in the background."), kind="info")
            return
        if self.preview is None or self._why_not():
            return
        self.trouble.show_error("", "")
        call = operations.import_runs(
            self._context.link, self._asked, name=self.name.text().strip(), mapping=self.mapping(),
            choose=self.table.chosen(),
        )  # fmt: skip
        if self.primary is not None:
            self.primary.set_busy(True)
        call.on_reply(self._on_begun).on_refused(self._on_refused).on_end(self._on_answered)

    def _on_answered(self) -> None:
        if self.primary is not None:
            self.primary.set_busy(False)

    def _on_begun(self, body: dict[str, Any]) -> None:
        """It goes on whether this sheet is open or not; as long as it is open it shows how far it is."""
        following = Following(self._context, Operation.model_validate(body))
        following.staged.connect(self._on_staged)
        following.ended.connect(self._on_ended)
        self._under_way = following.operation
        self._show_step("importing")
        self._on_staged(following.operation)

    def _on_staged(self, operation: Operation) -> None:
        self._under_way = operation
        self.course.show_operation(operation)
        self._check()

    def _on_ended(self, operation: Operation) -> None:
        self._under_way = None
        if operation.state == "done":
            self.close_sheet()
            return
        self._show_step("found")
        self._check()
        self.set_note(tr("Nothing was imported"), "bad")

    def dismiss(self) -> None:
        """While it imports, Esc, the cross and Cancel end the import; the sheet stays until nothing of it is left."""
        if self._under_way is None or not self._under_way.cancellable:
            self.close_sheet()
        elif self.cancel is not None and not self.cancel.busy:
            self.cancel.set_busy(True)
            call = operations.cancel_import(self._context.link, self._under_way.id)
            call.on_refused(self._on_not_cancelled)

    def _on_not_cancelled(self, error: ErrorReply) -> None:
        if self.cancel is not None:
            self.cancel.set_busy(False)
        self.trouble.show_error(error.text, error.fix or "")

    def _on_refused(self, error: ErrorReply) -> None:
        self.trouble.show_error(error.text, error.fix or "")
        self.set_note(tr("Nothing was imported"), "bad")


def browse(parent: QWidget) -> str:
    """The system's own dialog; empty when it was closed."""
    return browse_file(parent, tr("Import run"), tr("Logs of trainings"), SUFFIXES)
