"""Split: what a run with the recipe's settings would train, validate and test on."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from backend.contract.resources import DatasetRecord
from console import operations, words
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.data import words as data_words
from console.said import said
from console.tables import Column, TableModel, TableView
from console.widgets.buttons import Button
from console.widgets.chips import Icon
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.meters import EstimateBar
from console.widgets.panel import Panel, row
from console.widgets.rows import KeyValue
from console.widgets.text import Text

ROLES = {"train": "s1-blue", "validation": "s2-orange", "test": "s3-teal"}


class SplitView(QWidget):
    """Reads the split when it is looked at; a version's split never changes, so once is enough."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._record: DatasetRecord | None = None
        self._read: str = ""
        self.bar = EstimateBar(tr("Split"))
        self.shares = Panel(tr("Parts"))
        self.shares.add(self.bar)
        self.table_model = TableModel(_columns(), row_id=lambda item: item["label"])
        self.table = TableView(self.table_model, name=tr("Labels by part"))
        self.by_label = Panel(tr("Labels by part"), flush=True)
        self.by_label.body.setContentsMargins(8, 0, 8, 0)
        self.by_label.add(self.table, 1)
        self.how = Panel(tr("How rows are drawn"))
        self.how.body.setSpacing(2)
        self.check = Panel(tr("Leak check"))
        self._problem = Text("", "body", "text-secondary", wrap=True)
        self._stack = QStackedWidget()
        self._skeleton = Skeleton(tr("Reading the split"))
        self._none = EmptyState("split", tr("Nothing to split"),
                                tr("Only datasets with a text and a label column are split by a recipe."))  # fmt: skip
        self._again = Button(tr("Try again"), icon="refresh-cw")
        self._again.clicked.connect(self.read)
        self._failed = EmptyState("circle-x", tr("The split could not be read"), "", (self._again,), role="bad")
        self._content = self._build()
        for widget in (self._skeleton, self._content, self._none, self._failed):
            self._stack.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def _build(self) -> QWidget:
        right = QVBoxLayout()
        right.setSpacing(10)
        right.addWidget(self.how)
        right.addWidget(self.check)
        right.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addWidget(self.shares)
        left.addWidget(self.by_label, 1)
        content = QWidget()
        layout = QHBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addLayout(left, 64)
        layout.addLayout(right, 36)
        return content

    def retry(self) -> None:
        """The backend answers again."""
        if self._record is not None and self._record.id != self._read:
            self.read()

    def show_dataset(self, record: DatasetRecord) -> None:
        """Ask once a version."""
        self._record = record
        if record.id != self._read:
            self.read()

    def read(self) -> None:
        """Ask the backend; offline, what stands there stays when it is of this version."""
        record = self._record
        if record is None:
            return
        if self._context.offline():
            if record.id != self._read:
                self._read = ""
                self._show_failed(tr("Backend does not answer."))
            return
        self._stack.setCurrentWidget(self._skeleton)
        call = operations.read_split(self._context.link, record.id)
        call.on_reply(partial(self._on_split, record)).on_refused(self._on_refused)

    def _on_refused(self, error: Any) -> None:
        self._show_failed(said(error.text))

    def _show_failed(self, text: str) -> None:
        self._failed.text.setText(text)
        self._failed.text.setHidden(False)
        self._stack.setCurrentWidget(self._failed)

    def _on_split(self, record: DatasetRecord, body: dict[str, Any]) -> None:
        if self._record is None or record.id != self._record.id:
            return
        self._read = record.id
        if not body.get("supported"):
            self._stack.setCurrentWidget(self._none)
            return
        self._show(record, body)
        self._stack.setCurrentWidget(self._content)

    def _show(self, record: DatasetRecord, body: dict[str, Any]) -> None:
        parts = {part["name"]: {"rows": 0, "labels": {}, **part} for part in body.get("parts") or () if "name" in part}
        total = sum(part["rows"] for part in parts.values())
        shown = [
            (f"{data_words.part_name(name)} {words.count(part['rows'])}", float(part["rows"]),
             ROLES.get(name, "s7-slate"), words.percent(part["rows"] / max(1, total), 1))
            for name, part in parts.items()
        ]  # fmt: skip
        self.bar.set_parts(shown)
        self.shares.set_title(tr("Parts"), data_words.rows(total))
        names = sorted(
            {name for part in parts.values() for name in part["labels"]}, key=lambda n: -record.labels.get(n, 0)
        )
        self.table_model.set_rows(
            {"label": name, **{part: counts["labels"].get(name, 0) for part, counts in parts.items()}} for name in names
        )
        self.by_label.set_title(tr("Labels by part"), tr_n(len(names), "{n} label", "{n} labels"))
        self._show_how(body)
        self._show_check(body)

    def _show_how(self, body: dict[str, Any]) -> None:
        given = body.get("given")
        how = tr("by a column of the data") if given else tr("at random, each label alike")
        facts = [(tr("Drawn"), how), (tr("Seed"), str(body.get("seed", words.DASH)))]
        if not given:
            facts += [(tr("Validation part"), words.percent(body.get("validation_fraction"))),
                      (tr("Test part"), words.percent(body.get("test_fraction")))]  # fmt: skip
        facts.append((tr("Rows on two sides"), tr("are dropped") if body.get("drop_duplicates") else tr("stay")))
        _fill(self.how, [KeyValue(name, value) for name, value in facts])
        note = tr("These are the recipe's own settings. New run can change them under Advanced.")
        self.how.add(Text(note, "small", "text-tertiary", wrap=True))

    def _show_check(self, body: dict[str, Any]) -> None:
        count, rows = body.get("duplicates", 0), []
        if body.get("problem"):
            rows.append(_verdict("circle-x", "bad", tr("This split cannot train: {why}.", why=body["problem"])))
        if not count:
            rows.append(_verdict("circle-check", "ok", tr("No text stands on two sides.")))
        elif body.get("removed"):
            text = tr_n(
                count, "{n} row stood on two sides and is dropped.", "{n} rows stood on two sides and are dropped."
            )
            rows.append(_verdict("circle-check", "ok", text))
        else:
            text = tr_n(count, "{n} row stands on two sides: scores will look too good.",
                        "{n} rows stand on two sides: scores will look too good.")  # fmt: skip
            rows.append(_verdict("triangle-alert", "warn", text))
        rows += [Text(f"“{sample}”", "small", "text-tertiary", elide=True) for sample in body.get("samples") or ()]
        _fill(self.check, rows)


def _verdict(icon: str, role: str, text: str) -> QWidget:
    label = Text(text, "body", "text", wrap=True)
    holder = row(Icon(icon, role, 16), label, gap=8)
    layout = holder.layout()
    if isinstance(layout, QHBoxLayout):
        layout.setStretch(1, 1)
    return holder


def _fill(panel: Panel, rows: list[Any]) -> None:
    while (item := panel.body.takeAt(0)) is not None:
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()
    for one in rows:
        panel.add(one)


def _columns() -> tuple[Column, ...]:
    found = [Column("label", tr("Label"), lambda r: r["label"], stretch=True, weight=500, hideable=False)]
    for part in data_words.PARTS:
        found.append(
            Column(part, data_words.part_name(part), partial(_count, part), text=partial(_count_text, part),
                   align="right", width=110, descending_first=True)
        )  # fmt: skip
    found.append(Column("all", tr("All"), _all, text=lambda r: words.count(_all(r)), align="right", width=110,
                        descending_first=True, weight=500))  # fmt: skip
    return tuple(found)


def _count(part: str, item: dict[str, Any]) -> int:
    return int(item.get(part, 0))


def _count_text(part: str, item: dict[str, Any]) -> str:
    return words.count(_count(part, item))


def _all(item: dict[str, Any]) -> int:
    return sum(_count(part, item) for part in data_words.PARTS)
