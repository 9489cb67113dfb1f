"""Audit: who changed what, when and why; read-only, with the hash chain that proves it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QSplitter, QVBoxLayout, QWidget

from backend.contract.answers import readable_items
from backend.contract.resources import AuditRecord
from console import operations, words
from console.context import Context
from console.i18n import mark, tr, tr_n
from console.said import said_why
from console.tables import Column, Field, TableModel, TableView
from console.tables.columns import tsv_cell
from console.widgets.buttons import Button
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.filterbox import FilterBox
from console.widgets.page import Page, PageHeader
from console.widgets.panel import Panel
from console.widgets.rows import KeyValue
from console.widgets.text import Text

COUNT = 2000
ICONS = {
    "register": ("package", "accent"),
    "promote": ("badge-check", "ok"),
    "rollback": ("rotate-ccw", "warn"),
    "undo": ("undo-2", "text-secondary"),
    "delete": ("trash-2", "bad"),
}


ACTIONS = {
    "import": mark("Import"),
    "remove": mark("Remove"),
    "register": mark("Register"),
    "promote": mark("Promote"),
    "rollback": mark("Roll back"),
    "undo": mark("Undo"),
    "delete": mark("Delete"),
    "create_endpoint": mark("Create endpoint"),
    "delete_endpoint": mark("Delete endpoint"),
    "start_endpoint": mark("Start endpoint"),
    "stop_endpoint": mark("Stop endpoint"),
    "restart_endpoint": mark("Restart endpoint"),
    "run.queue": mark("Queue run"),
    "run.start": mark("Start run"),
    "run.end": mark("Run ended"),
    "run.pause": mark("Pause run"),
    "run.resume": mark("Resume run"),
    "run.stop": mark("Stop run"),
    "run.checkpoint": mark("Save checkpoint"),
    "run.kill": mark("End run at once"),
    "run.cancel": mark("Take from queue"),
    "run.requeue": mark("Queue run again"),
    "run.remove": mark("Remove run"),
    "run.move": mark("Move in queue"),
    "run.change": mark("Change run"),
    "run.apply_settings": mark("Apply settings"),
    "run.import": mark("Import run"),
    "run.export_checkpoint": mark("Export checkpoint"),
    "change_settings": mark("Change settings"),
    "add_rule": mark("Add alert rule"),
    "change_rule": mark("Change alert rule"),
    "remove_rule": mark("Remove alert rule"),
    "alert_acknowledged": mark("Acknowledge alert"),
    "alert_snoozed": mark("Snooze alert"),
    "alert_resolved": mark("Resolve alert"),
    "alert_open": mark("Reopen alert"),
    "change_note": mark("Change note"),
    "change_card": mark("Change model card"),
}
"""What was done, in words; the filter knows it by its own name as well."""


def action_words(action: str) -> str:
    """Pause run, not run.pause; what a later version has done is at least readable."""
    known = ACTIONS.get(action)
    return tr(known) if known else action.replace("_", " ").replace(".", " ")


def _change(record: AuditRecord) -> str:
    if record.before and record.after:
        return f"{record.before} → {record.after}"
    return record.after or record.before


def _words(record: AuditRecord) -> str:
    said = (record.action, action_words(record.action), record.object, _change(record), record.reason, record.result)
    return " ".join((record.actor, *said))


FIELDS = (
    Field("action", "text", lambda r: r.action),
    Field("object", "text", lambda r: r.object),
    Field("who", "text", lambda r: r.actor, aliases=("actor",)),
    Field("result", "text", lambda r: r.result, ("done", "aborted", "intent")),
    Field("since", "time", lambda r: r.time),
)


def named(record: AuditRecord, state: Any) -> str:
    """The object as people call it: run/first-try, not run/r46d28b540739ef; ids of what is gone stay."""
    kind, _, key = record.object.partition("/")
    known = {"run": state.runs, "dataset": state.datasets}.get(kind, {}).get(key)
    return f"{kind}/{known.name}" if known is not None else record.object


def _columns(state: Any) -> tuple[Column, ...]:
    return (
        Column("time", tr("Time"), lambda r: r.time, text=lambda r: words.day_and_time(r.time), width=130,
               tip=lambda r: words.full_time(r.time), descending_first=True),
        Column("who", tr("Who"), lambda r: r.actor, width=110),
        Column("action", tr("Action"), lambda r: r.action, text=lambda r: action_words(r.action), width=150,
               weight=500, tip=lambda r: r.action),
        Column("object", tr("Object"), lambda r: named(r, state), width=190, tip=lambda r: r.object),
        Column("change", tr("Before → after"), _change, width=210),
        Column("reason", tr("Reason"), lambda r: said_why(r.reason), stretch=True, role=lambda _r: "text-secondary"),
        Column("result", tr("Result"), lambda r: r.result, width=90,
               role=lambda r: "bad" if r.result == "aborted" else "text-secondary"),
    )  # fmt: skip


class AuditPage(Page):
    """The table at the left, the whole record at the right; filter, export, nothing to delete."""

    title = mark("Audit")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._model = TableModel(_columns(context.state), row_id=lambda r: r.seq)
        self._view = TableView(self._model, name=tr("Audit entries"))
        self._view.set_empty_text(tr("No entries match this filter."))
        self._filter = FilterBox(FIELDS, words=_words, placeholder=tr("Filter: action:promote since:30d"), name="audit")
        self._filter.setFixedWidth(380)
        self._filter.changed.connect(self._model.set_filter)
        self._chain = Text("", "small", "text-tertiary")
        self._export = Button(tr("Export"), icon="download")
        self._export.clicked.connect(self._on_export_clicked)
        self.header = PageHeader(tr("Audit"))
        self.header.add_left(self._filter)
        self.header.add_action(self._chain)
        self.header.add_action(self._export)
        self.content.addWidget(self.header)
        self._empty = EmptyState(
            "history",
            tr("Nothing has been changed yet"),
            tr("Registrations, promotions, rollbacks and settings are written down here."),
        )
        self._detail = _Detail()
        self._detail.hide()
        self._splitter = self._build_splitter()
        self.content.addWidget(self._splitter, 1)
        self._skeleton = Skeleton(tr("Reading the audit"), rows=12)
        self.content.addWidget(self._skeleton, 1)
        self.content.addWidget(self._empty, 1)
        self._view.current_changed.connect(self._on_chosen)
        self._model.counted.connect(self._on_counted)
        self._pending = False

    def _build_splitter(self) -> QSplitter:
        panel = Panel(flush=True)
        panel.add(self._view, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(panel)
        splitter.addWidget(self._detail)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([900, 320])
        splitter.setChildrenCollapsible(False)
        return splitter

    def refresh(self, changes: Any) -> None:
        if not (changes.everything or changes.audit):
            return
        self._set_rows(list(self.context.state.audit))
        if self.isVisible():
            self._read()

    def on_shown(self) -> None:
        self._read()

    def _on_chosen(self, record: AuditRecord | None) -> None:
        """The whole record opens at the right with the first row that is chosen; until then the table has the room."""
        self._detail.show_record(record)
        self._detail.setVisible(record is not None)

    def focus_filter(self) -> bool:
        self._filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        return True

    def set_stale(self, since: float | None) -> None:
        self.header.set_stale(words.clock(since) if since else None)

    def _read(self) -> None:
        """The state keeps the newest 200; the page shows more, and asks whether the chain holds."""
        if self._pending or self.context.offline():
            return
        self._pending = True
        operations.read_audit(self.context.link, COUNT).on_reply(self._on_read).on_end(self._on_read_end)
        operations.verify_audit(self.context.link).on_reply(self._on_verified)

    def _on_read(self, body: dict[str, Any]) -> None:
        self._set_rows(readable_items(AuditRecord, body))

    def _on_read_end(self) -> None:
        self._pending = False

    def _set_rows(self, records: list[AuditRecord]) -> None:
        known = {record.seq: record for record in self._model.all_rows()}
        known.update((record.seq, record) for record in records)
        self._model.set_rows(sorted(known.values(), key=lambda record: -record.seq))
        loaded = self.context.state.loaded
        self._skeleton.setVisible(not known and not loaded)
        self._empty.setVisible(not known and loaded)
        self._splitter.setVisible(bool(known))

    def _on_counted(self, shown: int, total: int) -> None:
        self.header.set_context(f"{shown:,} of {total:,}" if shown != total else words.count(total))

    def _on_verified(self, body: dict[str, Any]) -> None:
        if body.get("ok"):
            newest = self.context.state.audit[0].time if self.context.state.audit else None
            self._chain.setText(tr("Chain verified to {time}", time=words.day_and_time(newest)) if newest else "")
            self._chain.set_role("text-tertiary")
        else:
            self._chain.setText(tr("The chain is broken at entry {n}", n=body.get("first_bad_seq")))
            self._chain.set_role("bad")

    # ---- export ----------------------------------------------------------------------------------------------------

    def _on_export_clicked(self) -> None:
        menu = QMenu(self)
        for name, suffix in (("CSV", "csv"), ("JSONL", "jsonl"), ("PDF", "pdf")):
            action = menu.addAction(tr("Save as {name}…", name=name))
            action.setData(suffix)
        chosen = menu.exec(self._export.mapToGlobal(self._export.rect().bottomLeft()))
        if chosen is not None:
            self._ask_and_save(chosen.data())

    def _ask_and_save(self, suffix: str) -> None:
        path, _ = QFileDialog.getSaveFileName(self, tr("Export audit"), f"audit.{suffix}", f"*.{suffix}")
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write what the filter shows, in the format of the file's ending; a failure is told with its reason."""
        records = self._model.rows()
        try:
            if path.suffix == ".pdf":
                save_pdf(records, path)
            else:
                path.write_text(to_csv(records) if path.suffix == ".csv" else to_jsonl(records), encoding="utf-8")
        except OSError as error:
            self.context.toast(tr("The file could not be written"), str(error), kind="bad")
            return
        self.context.toast(tr_n(len(records), "{n} entry saved", "{n} entries saved"), str(path))


class _Detail(Panel):
    """The whole record, hashes included."""

    def __init__(self) -> None:
        super().__init__(tr("Entry"))
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        holder = QWidget()
        outer = QHBoxLayout(holder)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addLayout(self._rows)
        self.add(holder)
        self.body.addStretch(1)
        self.show_record(None)

    def show_record(self, record: AuditRecord | None) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if widget := item.widget():
                widget.deleteLater()
        if record is None:
            self.set_title(tr("Entry"))
            self._rows.addWidget(Text(tr("Choose an entry to see all of it."), "small", "text-tertiary", wrap=True))
            return
        self.set_title(tr("Entry {n}", n=record.seq))
        for label, value, mono in _facts(record):
            if mono or len(value) <= 28:
                self._rows.addWidget(KeyValue(label, value, mono=mono))
            else:
                self._rows.addWidget(Text(label, "small", "text-tertiary"))
                self._rows.addWidget(Text(value, "body", wrap=True))


def _facts(record: AuditRecord) -> list[tuple[str, str, bool]]:
    facts = [
        (tr("Time"), words.full_time(record.time), False),
        (tr("Who"), record.actor, False),
        (tr("From"), record.client or words.DASH, False),
        (tr("Action"), action_words(record.action), False),
        (tr("Object"), record.object, False),
        (tr("Before"), record.before or words.DASH, False),
        (tr("After"), record.after or words.DASH, False),
        (tr("Result"), record.result, False),
        (tr("Reason"), said_why(record.reason) or words.DASH, False),
    ]
    facts += [(str(key), json.dumps(value, ensure_ascii=False), False) for key, value in record.details.items()]
    hashes = ((tr("Hash"), record.hash), (tr("Previous"), record.previous_hash))
    return facts + [(label, f"{value[:4]}…{value[-4:]}" if value else words.DASH, True) for label, value in hashes]


COLUMNS = ("seq", "time", "actor", "client", "action", "object", "before", "after", "reason", "result", "hash")


def to_csv(records: list[AuditRecord]) -> str:
    """RFC 4180 with a header; text that a spreadsheet would run gets a leading quote (RELIABILITY T23)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for record in records:
        values = [getattr(record, name) for name in COLUMNS]
        writer.writerow([value if not isinstance(value, str) else tsv_cell(value, number=False) for value in values])
    return out.getvalue()


def to_jsonl(records: list[AuditRecord]) -> str:
    """One record a line, lossless."""
    return "".join(record.model_dump_json() + "\n" for record in records)


def save_pdf(records: list[AuditRecord], path: Path) -> None:
    """Pages of plain lines, newest first."""
    from PySide6.QtCore import QMarginsF, QRectF
    from PySide6.QtGui import QPageLayout, QPageSize, QPainter, QPdfWriter

    writer = QPdfWriter(str(path))
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageOrientation(QPageLayout.Orientation.Landscape)
    writer.setPageMargins(QMarginsF(12, 12, 12, 12), QPageLayout.Unit.Millimeter)
    painter = QPainter()
    if not painter.begin(writer):
        raise OSError(f"{path} cannot be written")
    font = painter.font()
    font.setPointSize(8)
    painter.setFont(font)
    height = painter.fontMetrics().lineSpacing() * 1.4
    lines = int(writer.height() / height)
    for number, record in enumerate(records):
        if number and number % lines == 0:
            writer.newPage()
        cells = (
            words.full_time(record.time),
            record.actor,
            record.action,
            record.object,
            _change(record),
            record.reason,
            record.result,
        )
        rect = QRectF(0, (number % lines) * height, writer.width(), height)
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignLeft), "   ".join(cells))
    painter.end()
