"""Tags: add and remove tags of one or many runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PySide6.QtWidgets import QCheckBox, QLineEdit

from backend.contract.resources import RunRecord
from console import operations
from console.asking import ask
from console.context import Context
from console.i18n import tr, tr_n
from console.widgets.form import FormField
from console.widgets.sheet import Sheet
from console.widgets.text import Text

MOST_SHOWN = 8


def split_tags(text: str) -> tuple[str, ...]:
    """`a, b  c` → ("a", "b", "c"): tags are parted by commas or spaces, each counts once."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


class TagSheet(Sheet):
    """Tags that some of the runs have stand as boxes; new ones are typed. Only what changed is sent."""

    def __init__(self, context: Context, runs: Sequence[RunRecord]) -> None:
        title = (
            tr("Tag {name}", name=runs[0].name) if len(runs) == 1 else tr_n(len(runs), "Tag {n} run", "Tag {n} runs")
        )
        super().__init__(title, icon="tag", primary=tr("Set tags"))
        self._context, self._runs = context, list(runs)
        self._new = QLineEdit()
        self._new.setPlaceholderText(tr("sweep-4, seed"))
        self.add(FormField(tr("Add tags"), self._new))
        counts = Counter(tag for run in runs for tag in run.tags)
        self._boxes: dict[str, QCheckBox] = {}
        if counts:
            self.add(Text(tr("On these runs"), "small", "text-secondary", weight=500))
        for tag, count in counts.most_common(MOST_SHOWN):
            box = QCheckBox(tag.replace("&", "&&"))
            box.setTristate(count < len(runs))
            box.setChecked(True) if count == len(runs) else box.setCheckState(box.checkState().PartiallyChecked)
            self._boxes[tag] = box
            self.add(box)
        self.first_focus = self._new
        self.accepted.connect(self._on_accepted)

    def tags_of(self, run: RunRecord) -> tuple[str, ...]:
        """What the run would carry now: a half ticked box leaves it as it is."""
        kept = []
        for tag in run.tags:
            box = self._boxes.get(tag)
            if box is None or box.checkState() != box.checkState().Unchecked:
                kept.append(tag)
        ticked = [tag for tag, box in self._boxes.items() if box.checkState() == box.checkState().Checked]
        return tuple(dict.fromkeys([*kept, *ticked, *split_tags(self._new.text())]))

    def _on_accepted(self) -> None:
        for run in self._runs:
            wanted = self.tags_of(run)
            if wanted != run.tags:
                ask(self._context, operations.change_run(self._context.link, run.id, tags=list(wanted)))
        self.close_sheet()
