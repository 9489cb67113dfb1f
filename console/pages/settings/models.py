"""Models and gates: what a new endpoint begins with, and what every version must pass before it answers."""

from __future__ import annotations

from console.context import Context
from console.i18n import tr
from console.pages.settings.fields import ENDPOINTS, LOAD_TIMEOUT, BackendRow
from console.pages.settings.parts import Category, Row, Section
from console.widgets.chips import Icon


class ModelsCategory(Category):
    """Defaults of new endpoints; the checks that always hold, to be read."""

    def __init__(self, context: Context) -> None:
        super().__init__("models", tr("Models and gates"))
        self._context = context
        self.values = tuple(BackendRow(context, kept) for kept in (*ENDPOINTS, LOAD_TIMEOUT))
        self.add(Section(tr("New endpoints"), *self.values))
        self.add(Section(tr("Checked before a version answers"), *_gates()))

    def refresh(self) -> None:
        """Show what the backend keeps."""
        for value in self.values:
            value.refresh()


def _gates() -> tuple[Row, ...]:
    """What nobody can lift."""
    return (
        Row(tr("Files"), Icon("shield-check", "ok"), tr("Every file has the checksum it was registered with.")),
        Row(tr("Loads and warms up"), Icon("shield-check", "ok"),
            tr("Beside the version that answers, which stays until the new one is ready.")),
        Row(tr("Golden inputs"), Icon("shield-check", "ok"),
            tr("It answers them as it did when it was registered, before the switch and over its address after it.")),
        Row(tr("Way back"), Icon("shield-check", "ok"),
            tr("When one of these fails, the version that answered goes on answering.")),
    )  # fmt: skip
