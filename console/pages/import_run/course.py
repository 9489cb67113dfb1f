"""An import under way, as its sheet shows it: what is read or stored now, and how much of it is done."""

from __future__ import annotations

from backend.contract.resources import Operation
from console.i18n import mark, tr
from console.widgets.meters import ProgressBar
from console.widgets.panel import Panel
from console.widgets.text import Text

STAGES = {
    "read": mark("Reading"),
    "store": mark("Storing"),
    "undo": mark("Taking back what was read"),
}


class CoursePanel(Panel):
    """One line of words, one bar."""

    def __init__(self) -> None:
        super().__init__(tr("Importing…"))
        self.text = Text("", "body", elide=True)
        self.bar = ProgressBar(tr("Importing…"))
        self.add(self.text)
        self.add(self.bar)

    def show_operation(self, operation: Operation) -> None:
        """Where it is now; an unknown share leaves the bar empty."""
        stage = tr(STAGES[operation.stage]) if operation.stage in STAGES else ""
        share = None if operation.progress is None else f"{operation.progress:.0%}"
        self.text.setText(" · ".join(part for part in (stage, share, operation.text) if part))
        self.bar.set_fraction(operation.progress)
