"""Name, task, and which column has which role in the task; and what still stands in the way."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QWidget

from backend.contract.resources import DatasetPreview
from backend.contract.tasks import roles_by_name
from console.i18n import mark, tr
from console.tasks import TASKS, role_name, roles_of, task_name
from console.widgets.form import FormField

MOST_NAME = 200
IN_A_ROW = 3
HINTS: dict[tuple[str, str], str] = {
    ("tabular", "target"): mark("Every other column is a feature."),
    ("image-classification", "label"): mark("Every other column is a pixel."),
    ("question-answering", "answer"): mark("Empty where the context does not tell."),
    ("text-classification", "text_pair"): mark("Only where two texts are judged together."),
}


class MappingForm(QWidget):
    """Filled from a preview's suggestion; another task has other roles. Signals: changed()."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[str, ...] = ()
        self._suggested: dict[str, str] = {}
        self._suggested_task = ""
        self.name = QLineEdit()
        self.name.setMaxLength(MOST_NAME)
        self.task = QComboBox()
        for task in TASKS:
            self.task.addItem(task_name(task), task)
        self.roles: dict[str, QComboBox] = {}
        self.fields = {"name": FormField(tr("Name"), self.name), "task": FormField(tr("Task"), self.task)}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(10)
        self._grid.addWidget(self.fields["name"], 0, 0, 1, 3)
        self._grid.addWidget(self.fields["task"], 0, 3, 1, 3)
        for column in range(2 * IN_A_ROW):
            self._grid.setColumnStretch(column, 1)
        self.name.textChanged.connect(self._on_changed)
        self.task.currentIndexChanged.connect(self._on_task)
        self._build_roles()

    def _build_roles(self) -> None:
        """A box for each role of the task; what was chosen for a role of the same name stays."""
        kept = {role: str(box.currentData() or "") for role, box in self.roles.items()}
        for name in self.roles:
            old = self.fields.pop(name)
            self._grid.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.roles = {}
        task = str(self.task.currentData())
        named = self._named(task)
        for at, role in enumerate(roles_of(task)):
            box = self._box(kept.get(role.name) or named.get(role.name, ""))
            title = role_name(task, role.name)
            note = "" if role.needed else tr("optional")
            field = FormField(title, box, hint=tr(HINTS.get((task, role.name), "")), note=note)
            self.roles[role.name], self.fields[role.name] = box, field
            place = 1 + at // IN_A_ROW, 2 * (at % IN_A_ROW), 1, 2
            self._grid.addWidget(field, *place, Qt.AlignmentFlag.AlignTop)

    def _named(self, task: str) -> dict[str, str]:
        """Role → column as the backend found it; for another task as the columns are called."""
        if task == self._suggested_task:
            return self._suggested
        named = roles_by_name(task, self._columns)
        if task == "tabular" and self._columns:
            named.setdefault("target", self._columns[-1])
        return named

    def _box(self, value: str) -> QComboBox:
        box = QComboBox()
        box.setMinimumContentsLength(8)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.addItem(tr("none"), "")
        for column in self._columns:
            box.addItem(column, column)
        box.setCurrentIndex(max(0, box.findData(value)))
        box.currentIndexChanged.connect(self._on_changed)
        return box

    def set_preview(self, preview: DatasetPreview) -> None:
        """Columns to choose from, with what was detected chosen."""
        self.blockSignals(True)
        self._columns, self._suggested = tuple(preview.columns), dict(preview.suggested_mapping)
        self._suggested_task = preview.suggested_task or "table"
        self.name.setText(preview.suggested_name)
        for box in self.roles.values():
            box.setCurrentIndex(0)
        self.task.blockSignals(True)
        self.task.setCurrentIndex(max(0, self.task.findData(self._suggested_task)))
        self.task.blockSignals(False)
        self._build_roles()
        self.blockSignals(False)
        self.changed.emit()

    def values(self) -> dict[str, Any]:
        """name, task, mapping as an import wants them."""
        mapping = {role: str(box.currentData()) for role, box in self.roles.items() if box.currentData()}
        return {"name": self.name.text().strip(), "task": self.task.currentData(), "mapping": mapping}

    def problem(self) -> str:
        """The first thing that stands in the way, shown under its field too; empty when nothing does."""
        for field in self.fields.values():
            field.set_error("")
        values = self.values()
        task, mapping = values["task"], values["mapping"]
        if not values["name"]:
            return self._wrong("name", tr("Give the dataset a name."))
        for role in roles_of(task):
            if role.needed and role.name not in mapping:
                return self._wrong(role.name, tr("Choose a column for “{role}”.", role=role_name(task, role.name)))
        taken: dict[str, str] = {}
        for role_, column in mapping.items():
            if column in taken:
                return self._wrong(role_, tr("{column} is used already.", column=column))
            taken[column] = role_
        return ""

    def _wrong(self, field: str, text: str) -> str:
        self.fields[field].set_error(text)
        return text

    def show_refusal(self, field: str, text: str) -> bool:
        """Put what the backend refused under its field; False when no field is meant."""
        known = self._role_in(text) if field == "mapping" else field
        if known not in self.fields:
            return False
        self.fields[known].set_error(text)
        return True

    def _role_in(self, text: str) -> str:
        """The role a sentence about the mapping names, else the first that is needed."""
        needed = [role.name for role in roles_of(str(self.task.currentData())) if role.needed]
        return next((role for role in self.roles if f" {role} " in f" {text.replace('.', ' ')} "),
                    needed[0] if needed else "")  # fmt: skip

    def _on_task(self, _index: int) -> None:
        self._build_roles()
        self.changed.emit()

    def _on_changed(self, *_ignored: Any) -> None:
        self.changed.emit()
