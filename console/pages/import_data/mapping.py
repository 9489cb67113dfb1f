"""Name, task, and which column is the text, the label, the split; and what still stands in the way."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QWidget

from backend.contract.resources import DatasetPreview
from console.i18n import mark, tr
from console.pages.import_data.choose import TASKS, task_name
from console.widgets.form import FormField

ROLES: tuple[tuple[str, str], ...] = (
    ("text", mark("Text column")),
    ("label", mark("Label column")),
    ("split", mark("Split column")),
)
NEEDED = {"text-classification": ("text", "label")}
MOST_NAME = 200


class MappingForm(QWidget):
    """Filled from a preview's suggestion. Signals: changed()."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name = QLineEdit()
        self.name.setMaxLength(MOST_NAME)
        self.task = QComboBox()
        for task in TASKS:
            self.task.addItem(task_name(task), task)
        self.roles = {role: QComboBox() for role, _ in ROLES}
        self.fields = {"name": FormField(tr("Name"), self.name), "task": FormField(tr("Task"), self.task)}
        for role, text in ROLES:
            self.fields[role] = FormField(tr(text), self.roles[role])
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(10)
        grid.addWidget(self.fields["name"], 0, 0, 1, 3)
        grid.addWidget(self.fields["task"], 0, 3, 1, 3)
        for at, (role, _) in enumerate(ROLES):
            grid.addWidget(self.fields[role], 1, at * 2, 1, 2)
        for column in range(6):
            grid.setColumnStretch(column, 1)
        self.name.textChanged.connect(self._on_changed)
        self.task.currentIndexChanged.connect(self._on_changed)
        for box in self.roles.values():
            box.currentIndexChanged.connect(self._on_changed)

    def set_preview(self, preview: DatasetPreview) -> None:
        """Columns to choose from, with what was detected chosen."""
        self.blockSignals(True)
        self.name.setText(preview.suggested_name)
        at = self.task.findData(preview.suggested_task or "table")
        self.task.setCurrentIndex(max(0, at))
        for role, box in self.roles.items():
            box.clear()
            box.addItem(tr("none"), "")
            for column in preview.columns:
                box.addItem(column, column)
            box.setCurrentIndex(max(0, box.findData(preview.suggested_mapping.get(role, ""))))
        self.blockSignals(False)
        self.changed.emit()

    def values(self) -> dict[str, Any]:
        """name, task, mapping as an import wants them."""
        chosen = {role: box.currentData() for role, box in self.roles.items()}
        mapping = {role: column for role, column in chosen.items() if column} if self._maps() else {}
        return {"name": self.name.text().strip(), "task": self.task.currentData(), "mapping": mapping}

    def _maps(self) -> bool:
        return self.task.currentData() in ("text-classification", "table", "summarization", "question-answering")

    def problem(self) -> str:
        """The first thing that stands in the way, shown under its field too; empty when nothing does."""
        for field in self.fields.values():
            field.set_error("")
        values = self.values()
        if not values["name"]:
            return self._wrong("name", tr("Give the dataset a name."))
        for role in NEEDED.get(values["task"], ()):
            if role not in values["mapping"]:
                text = tr("Choose the text column.") if role == "text" else tr("Choose the label column.")
                return self._wrong(role, text)
        taken: dict[str, str] = {}
        for role, column in values["mapping"].items():
            if column in taken:
                return self._wrong(role, tr("{column} is used already.", column=column))
            taken[column] = role
        return ""

    def _wrong(self, field: str, text: str) -> str:
        self.fields[field].set_error(text)
        return text

    def show_refusal(self, field: str, text: str) -> bool:
        """Put what the backend refused under its field; False when no field is meant."""
        known = {"mapping": "label", "name": "name", "task": "task"}.get(field, field)
        if known not in self.fields:
            return False
        self.fields[known].set_error(text)
        return True

    def _on_changed(self, *_ignored: Any) -> None:
        for box in self.roles.values():
            box.setEnabled(self._maps())
        self.changed.emit()
