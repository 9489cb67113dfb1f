"""Export of runs: every point, or a report, into files the user chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog

from backend.contract.errors import ErrorReply
from backend.contract.resources import RunRecord
from console import operations
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.widgets.controls import Segmented
from console.widgets.form import FormField
from console.widgets.sheet import Sheet
from console.widgets.text import Text

KINDS: dict[str, tuple[str, str, str]] = {
    "report": (
        mark("Report"),
        "html",
        mark("One HTML page with charts, facts and tables. It opens without a network."),
    ),
    "csv": (mark("CSV"), "csv", mark("Every point, a line each: key, step, time, value.")),
    "csv-wide": (mark("Wide CSV"), "csv", mark("Every point, a column for each metric.")),
    "jsonl": (mark("JSONL"), "jsonl", mark("Every point, a JSON object each; NaN and infinities by name.")),
    "parquet": (mark("Parquet"), "parquet", mark("Every point as 64-bit numbers for analysis tools.")),
}
"""Kind → its name, the ending of its file, what it holds."""


class ExportSheet(Sheet):
    """One file a run; all of them in one folder when there are several."""

    def __init__(self, context: Context, runs: Sequence[RunRecord], kind: str = "report") -> None:
        title = tr("Export {name}", name=runs[0].name) if len(runs) == 1 else tr("Export {n} runs", n=len(runs))
        super().__init__(title, icon="download", primary=tr("Export…"))
        self._context, self._runs = context, list(runs)
        self.kind_choice = Segmented(
            [(name, tr(text)) for name, (text, _, _) in KINDS.items()], kind, name=tr("Format")
        )
        self.kind_choice.changed.connect(self._on_kind)
        self._told = Text("", "small", "text-secondary", wrap=True)
        self.add(FormField(tr("Format"), self.kind_choice))
        self.add(self._told)
        self.accepted.connect(self._on_accepted)
        self._on_kind(kind)

    def _on_kind(self, kind: str) -> None:
        self._told.setText(tr(KINDS[kind][2]))
        if self.primary is not None:
            offline = self._context.offline()
            self.primary.set_enabled(not offline, tr("Backend does not answer.") if offline else "")

    def _on_accepted(self) -> None:
        kind = self.kind_choice.value
        ending = KINDS[kind][1]
        dialog = QFileDialog(self.window(), tr("Export"))
        if len(self._runs) == 1:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setNameFilters([f"{tr(KINDS[kind][0])} (*.{ending})"])
            dialog.setDefaultSuffix(ending)
            dialog.selectFile(f"{file_name(self._runs[0])}.{ending}")
        else:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(partial(self._on_chosen, kind))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_chosen(self, kind: str, path: str) -> None:
        self.export_to(Path(path), kind)

    def export_to(self, path: Path, kind: str) -> None:
        """Into this file, or into this folder when there are several runs."""
        ending = KINDS[kind][1]
        files = {run.id: path / f"{file_name(run)}-{run.id}.{ending}" for run in self._runs}
        if len(self._runs) == 1:
            files = {self._runs[0].id: path}
        export = Export(self._context, files, kind)
        self.close_sheet()
        export.go_on()


class Export:
    """Files one after another; told once at the end."""

    def __init__(self, context: Context, files: dict[str, Path], kind: str) -> None:
        self._context, self._kind = context, kind
        self._left = list(files.items())
        self._written: list[Path] = []
        self._failed = ""

    def go_on(self) -> None:
        """The next file, or the end."""
        if not self._left or self._failed:
            self._tell()
            return
        run_id, path = self._left.pop(0)
        call = operations.export_run(self._context.link, run_id, self._kind, path)
        call.on_reply(partial(self._on_written, path)).on_refused(self._on_refused).on_end(self.go_on)

    def _on_written(self, path: Path, _body: Any) -> None:
        self._written.append(path)

    def _on_refused(self, error: ErrorReply) -> None:
        self._failed = f"{error.text} {error.fix or ''}".strip()

    def _tell(self) -> None:
        if self._failed:
            self._context.toast(tr("The export stopped"), self._failed, kind="bad")
        elif len(self._written) == 1:
            self._context.toast(tr("Exported {name}", name=self._written[0].name), str(self._written[0].parent))
        else:
            text = tr_n(len(self._written), "Exported {n} file", "Exported {n} files")
            self._context.toast(text, str(self._written[0].parent))


def file_name(run: RunRecord) -> str:
    """The run's name as a file may be called everywhere."""
    return re.sub(r"[^\w.-]+", "-", run.name).strip("-.")[:80] or run.id
