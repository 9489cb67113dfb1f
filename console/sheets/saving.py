"""Saving: ask where to, then write one text file; the reply is a toast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from console.context import Context
from console.i18n import tr


def save_as(
    parent: QWidget, context: Context, name: str, kinds: dict[str, tuple[str, Callable[[], str]]]
) -> QFileDialog:
    """Open a save dialog; `kinds` maps an ending to (its words, what makes the text)."""
    dialog = QFileDialog(parent, tr("Export"))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters([f"{words} (*.{ending})" for ending, (words, _) in kinds.items()])
    first = next(iter(kinds))
    dialog.setDefaultSuffix(first)
    dialog.selectFile(f"{name}.{first}")

    def on_filter(text: str) -> None:
        ending = next((e for e in kinds if f"*.{e})" in text), first)
        dialog.setDefaultSuffix(ending)
        dialog.selectFile(f"{name}.{ending}")

    def on_chosen(path: str) -> None:
        ending = Path(path).suffix.removeprefix(".").lower()
        make = kinds.get(ending, kinds[first])[1]
        write(context, Path(path), make())

    dialog.filterSelected.connect(on_filter)
    dialog.fileSelected.connect(on_chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog


def write(context: Context, path: Path, text: str) -> None:
    """Write the file and say so; a full disk or a forbidden folder is named."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        context.toast(tr("{name} could not be written", name=path.name), error.strerror or str(error), kind="bad")
        return
    context.toast(tr("Exported {name}", name=path.name), str(path.parent))
