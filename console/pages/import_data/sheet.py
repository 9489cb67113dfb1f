"""Import: choose a file, see what would be read, say which column is what, import."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QWidget

from backend.contract.answers import items_of
from backend.contract.errors import ErrorReply
from backend.contract.resources import DatasetPreview, DatasetRecord
from console import operations, words
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.import_data.choose import Chooser, browse
from console.pages.import_data.mapping import MappingForm
from console.pages.import_data.preview import BadRows, PreviewTable
from console.widgets.dropfield import PathLine
from console.widgets.empty import Skeleton
from console.widgets.sheet import Sheet
from console.widgets.toast import ToastAction
from console.widgets.trouble import Trouble

SAMPLE = "sample://"


class ImportSheet(Sheet):
    """`path`: what was dropped on the page. `samples`: begin at the built-in datasets."""

    def __init__(self, context: Context, path: str = "", samples: bool = False) -> None:
        super().__init__(tr("Import data"), kind="form", icon="upload", primary=tr("Import"))
        self._context = context
        self._turn = 0
        self._asked = ""
        self.preview: DatasetPreview | None = None
        self.path = PathLine(browse)
        self.chooser = Chooser()
        self.trouble = Trouble()
        self.mapping = MappingForm()
        self.table = PreviewTable()
        self.bad = BadRows()
        self._skeleton = Skeleton(tr("Reading the file"), 6)
        self._skeleton.setMinimumHeight(260)
        for widget in (self.path, self.trouble, self.chooser, self._skeleton, self.mapping, self.bad, self.table):
            self.add(widget)
        self.add(QWidget(), 1)
        self.path.path_chosen.connect(self.choose)
        self.chooser.path_chosen.connect(self.choose)
        self.mapping.changed.connect(self._check)
        self.bad.changed.connect(self._check)
        self.accepted.connect(self._on_accepted)
        self.first_focus = self.chooser.samples if samples else self.path.line
        self._show_step("choose")
        self._read_samples()
        self._check()
        if path:
            self.choose(path)

    # ---- choosing and reading ------------------------------------------------------------------------------

    def choose(self, path: str) -> None:
        """Look into a file or built-in dataset; what was looked into before is forgotten."""
        self._asked, self.preview = path, None
        self._turn += 1
        self.path.line.setText(path)
        self.trouble.show_error("", "")
        self._show_step("reading")
        self._check()
        call = operations.preview_dataset(self._context.link, path)
        call.on_reply(partial(self._on_preview, self._turn)).on_refused(partial(self._on_no_preview, self._turn))

    def _read_samples(self) -> None:
        call = operations.list_samples(self._context.link)
        call.on_reply(self._on_samples).on_refused(self._on_no_samples)

    def _on_samples(self, body: dict[str, Any]) -> None:
        self.chooser.samples.set_samples(items_of(body))

    def _on_no_samples(self, error: ErrorReply) -> None:
        self.chooser.samples_title.setText(error.text)

    def _on_preview(self, turn: int, body: dict[str, Any]) -> None:
        if turn != self._turn:
            return
        self.preview = DatasetPreview.model_validate(body)
        self.bad.show_rows(self.preview.bad_rows)
        self.bad.skip.setChecked(False)
        self._show_step("map")
        self.mapping.set_preview(self.preview)
        self.mapping.name.setFocus()

    def _on_no_preview(self, turn: int, error: ErrorReply) -> None:
        if turn == self._turn:
            self._show_step("choose")
            self._show_error(error)
            self._check()

    def _show_step(self, step: str) -> None:
        self.chooser.setVisible(step == "choose")
        self._skeleton.setVisible(step == "reading")
        self.mapping.setVisible(step == "map")
        self.table.setVisible(step == "map")
        self.bad.setVisible(step == "map" and self.preview is not None and bool(self.preview.bad_rows))

    # ---- checking ------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Enable Import, or say what stands in the way."""
        reason = self._why_not()
        self.set_note(reason or self._what_then(), "text-tertiary")
        if self.primary is not None:
            self.primary.setText(self._primary_text())
            self.primary.updateGeometry()
            self.primary.set_enabled(not reason, reason)

    def _why_not(self) -> str:
        if self._context.offline():
            return tr("Backend does not answer.")
        if self.preview is None:
            return (
                tr("Reading the file")
                if self._skeleton.isVisibleTo(self)
                else tr("Choose a file or a built-in dataset.")
            )
        values = self.mapping.values()
        self.table.show_preview(self.preview, values["mapping"], values["task"])
        problem = self.mapping.problem()
        if problem:
            return problem
        if self.preview.bad_rows and not self.bad.skip.isChecked():
            return tr("Some rows cannot be read: skip them, or mend the file.")
        return tr("The file holds no rows.") if self.preview.row_count == 0 else ""

    def _primary_text(self) -> str:
        preview = self.preview
        if preview is None or preview.row_count is None:
            return tr("Import")
        return tr_n(preview.row_count, "Import {n} row", "Import {n} rows")

    def _what_then(self) -> str:
        name = self.mapping.values()["name"]
        same = [d for d in self._context.state.datasets.values() if d.name == name]
        if same:
            newest = max(d.version for d in same)
            return tr(
                "Becomes {name} v{n}, unless the content is that of a version already there.", name=name, n=newest + 1
            )
        return tr("Becomes {name} v1. The file itself is copied, not moved.", name=name)

    # ---- importing -----------------------------------------------------------------------------------------

    def _on_accepted(self) -> None:
        if self.preview is None or self._why_not():
            return
        self.trouble.show_error("", "")
        known = set(self._context.state.datasets)
        values = self.mapping.values()
        call = operations.import_dataset(
            self._context.link, self._asked, **values, skip_bad_rows=self.bad.skip.isChecked()
        )
        self._set_busy(True)
        call.on_reply(partial(self._on_imported, known)).on_refused(self._on_refused).on_end(
            partial(self._set_busy, False)
        )

    def _set_busy(self, busy: bool) -> None:
        if self.primary is not None:
            self.primary.set_busy(busy)
        for widget in (self.path, self.mapping, self.bad):
            widget.setEnabled(not busy)
        if busy:
            self.set_note(tr("Reading, checking and copying; this goes on when the sheet is closed."))
        elif self.trouble.isHidden():
            self._check()

    def _on_refused(self, error: ErrorReply) -> None:
        self._show_error(error)
        field = str(error.details.get("field", ""))
        if field and field != "path":
            self.mapping.show_refusal(field, error.text)
        self.set_note(tr("Nothing was imported."), "bad")

    def _show_error(self, error: ErrorReply) -> None:
        """File and line are part of the text or of the details; each is said once."""
        details = error.details
        where = []
        name = Path(str(details["file"])).name if details.get("file") else ""
        if name and name not in error.text:
            where.append(name)
        if details.get("line") and f"line {details['line']}" not in error.text:
            where.append(tr("line {n}", n=words.count(int(details["line"]))))
        text = f"{', '.join(where)}: {error.text}" if where else error.text
        self.trouble.show_error(text, error.fix or "")

    def _on_imported(self, known: set[str], body: dict[str, Any]) -> None:
        record = DatasetRecord.model_validate(body)
        self.close_sheet()
        rows = tr_n(record.rows, "{n} row", "{n} rows")
        if record.id in known:
            text = tr("{name} v{n} holds exactly this already", name=record.name, n=record.version)
            self._context.toast(text, rows, "info")
        else:
            train = ToastAction(
                tr("Train on this…"), partial(self._context.start, "run.new", dataset=record.id), "play"
            )
            text = tr("Imported {name} v{n}", name=record.name, n=record.version)
            self._context.toast(text, rows, actions=(train,))
        self._context.navigate(f"dataset/{record.id}")
