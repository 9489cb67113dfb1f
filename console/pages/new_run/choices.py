"""What the combo boxes offer, as (value, text); and a combo box that can also be typed into."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics, QPaintEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QStyle, QStyleOptionComboBox, QStylePainter

from console import words
from console.i18n import tr
from console.state.store import AppState

FOLDER, TYPED, IMPORT, NEW_NAME = "#folder", "#typed", "#import", "#new"
SCRATCH = "scratch"
Choice = tuple[str, str]


def base_models(state: AppState, recipe: Mapping[str, Any]) -> list[Choice]:
    """What a recipe can begin from, its usual start first, then ways to name another one."""
    bases = tuple(recipe.get("bases") or ("starter", "version", "folder", "hub"))
    found: list[Choice] = []
    for base in bases:
        if base == SCRATCH:
            found.append((SCRATCH, tr("From scratch")))
        elif base in ("starter", "version"):
            found += [_base_model(model) for model in _fitting_bases(state, base, str(recipe.get("task", "")))]
    if "folder" in bases:
        found.append((FOLDER, tr("Folder on this machine…")))
    if "hub" in bases or "folder" in bases:
        found.append((TYPED, tr("Hub id or path…") if "hub" in bases else tr("Path…")))
    return found


def _fitting_bases(state: AppState, kind: str, task: str) -> list[dict[str, Any]]:
    """Of a kind; versions of models that do the same come first."""
    known = [model for model in state.base_models if model.get("kind") == kind]
    return sorted(known, key=lambda model: _task_of(state, str(model["name"])) != task) if kind == "version" else known


def _task_of(state: AppState, version: str) -> str:
    model = state.models.get(version.rpartition(":")[0])
    return model.task if model else ""


def _base_model(model: Mapping[str, Any]) -> Choice:
    title = words.base_model("starter") if model.get("kind") == "starter" else model.get("title", model["name"])
    size = f" · {words.size(model['size_bytes'])}" if model.get("size_bytes") else ""
    return str(model["name"]), f"{title}{size}"


def datasets(state: AppState, tasks: Collection[str], samples: Sequence[Mapping[str, Any]]) -> list[Choice]:
    """Datasets of these tasks, newest first; then the built-in ones, which are imported at launch. Without any, a line
    that says so and chooses nothing."""
    fitting = sorted((d for d in state.datasets.values() if d.task in tasks), key=lambda d: -d.created_at)
    found = [(d.id, tr("{name} · v{version} · {rows} rows", name=short(d.name, 28 - len(f"{d.version}{d.rows:,}") - 11),
                       version=d.version, rows=words.count(d.rows))) for d in fitting]  # fmt: skip
    known = {d.name for d in fitting}
    found += [
        (str(s["name"]), tr("Sample: {title}, {n} rows", title=tr(str(s["title"])), n=words.count(int(s["rows"]))))
        for s in samples
        if s["task"] in tasks and s["name"] not in known
    ]
    return [*(found or [("", tr("No dataset for this recipe"))]), (IMPORT, tr("Import data…"))]


def short(name: str, room: int) -> str:
    """A name in at most `room` characters; the middle goes, so that version and rows stay readable."""
    return name if len(name) <= room else f"{name[: room - room // 2 - 1]}…{name[-(room // 2) :]}"


def devices(state: AppState) -> list[Choice]:
    """Automatic, every card with what it does now, and the processor."""
    gpus = [gpu for gpu in (state.telemetry.gpus if state.telemetry else ()) if not gpu.lost]
    best = tr("GPU") if gpus else tr("CPU, no GPU found")
    found = [("auto", tr("Automatic · {device}", device=best))]
    for gpu in gpus:
        runs = [run for run in state.live_runs() if run.device == f"cuda:{gpu.index}"]
        busy = ""
        if runs:
            eta = runs[0].eta_seconds
            busy = tr("busy for {time}", time=words.duration(eta)) if eta else tr("busy")
        found.append((f"cuda:{gpu.index}", " · ".join(filter(None, (f"GPU {gpu.index}", busy or gpu.name)))))
    return [*found, ("cpu", tr("CPU"))]


def endings(state: AppState) -> list[Choice]:
    """Nothing, or a model the result becomes a version of."""
    names = [(f"={name}", tr("Register as {name}", name=name)) for name in state.models]
    return [("", tr("Keep the run")), *names, (NEW_NAME, tr("Register as a new model…"))]


class ChoiceBox(QComboBox):
    """A combo box of (value, text). The entry "#typed" turns it into a field; any other entry turns it back.

    Signals: picked(): the user chose or typed another value; wanted(str): "#import" or "#new" was chosen.
    """

    picked = Signal()
    wanted = Signal(str)

    def __init__(self, choices: Sequence[Choice] = (), placeholder: str = "") -> None:
        super().__init__()
        self._placeholder = placeholder
        self._before = ""
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setMinimumContentsLength(8)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(self._on_activated)
        self.set_choices(choices)

    @property
    def value(self) -> str:
        """The value, or what was typed."""
        if self.isEditable():
            return self.currentText().strip()
        return str(self.currentData() or "")

    @property
    def first(self) -> str:
        """What is offered first: the usual choice."""
        return str(self.itemData(0) or "") if self.count() else ""

    def set_choices(self, choices: Sequence[Choice]) -> None:
        """Replace what is offered; the value stays when it can."""
        value, typed = (self.value, self.isEditable()) if self.count() else ("", False)
        if [(self.itemData(i), self.itemText(i)) for i in range(self.count())] == list(choices):
            return
        self.blockSignals(True)
        self.clear()
        for key, text in choices:
            self.addItem(text, key)
        self.blockSignals(False)
        if value and not typed:
            self.set_value(value)
        elif self.count() and not typed:
            self.setCurrentIndex(0)
        self._before = self.value

    def set_value(self, value: str) -> None:
        """Show a value; one that is not offered is shown as typed, when typing is possible."""
        index = self.findData(value)
        if index >= 0:
            self.setEditable(False)
            self.setCurrentIndex(index)
        elif value and self.findData(TYPED) >= 0:
            self._type(value)
        self._before = self.value

    def _type(self, text: str) -> None:
        self.setEditable(True)
        line = self.lineEdit()
        if line is None:
            return
        line.setCompleter(None)  # type: ignore[arg-type]
        line.setPlaceholderText(self._placeholder)
        line.setText(text)
        line.textEdited.connect(self._on_typed, Qt.ConnectionType.UniqueConnection)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.isEditable():
            super().paintEvent(event)
            return
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        metrics = QFontMetrics(self.font())
        option.currentText = metrics.elidedText(option.currentText, Qt.TextElideMode.ElideRight, self.width() - 58)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _on_typed(self, _text: str) -> None:
        self.picked.emit()

    def _on_activated(self, index: int) -> None:
        value = str(self.itemData(index) or "")
        if value == TYPED:
            self._type("")
            self.setFocus()
            self.picked.emit()
        elif value in (FOLDER, IMPORT):
            self.set_value(self._before)
            self._choose_folder() if value == FOLDER else self.wanted.emit(value)
        else:
            self.setEditable(False)
            self.setCurrentIndex(index)
            self._before = value
            self.picked.emit()

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, tr("Folder of a base model"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._on_folder)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_folder(self, path: str) -> None:
        self._type(path)
        self.picked.emit()
