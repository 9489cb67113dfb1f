"""Privacy: what is kept and what never is. About: versions, notices, licences, diagnostics."""

from __future__ import annotations

from pathlib import Path

from console.context import Context
from console.i18n import mark, tr
from console.pages.settings.machine import FactRow
from console.pages.settings.parts import Category, Row, Section
from console.widgets.buttons import Button
from console.widgets.logview import LogView
from console.widgets.sheet import Sheet

ROOT = Path(__file__).resolve().parents[3]
LICENCES = (
    ("Modeldeck", "Apache License 2.0", "LICENSE"),
    ("Inter", "SIL Open Font License 1.1", "resources/fonts/Inter-OFL.txt"),
    ("JetBrains Mono", "SIL Open Font License 1.1", "resources/fonts/JetBrainsMono-OFL.txt"),
    ("Noto Sans SC", "SIL Open Font License 1.1", "resources/fonts/NotoSansSC-OFL.txt"),
    ("Lucide", "ISC License", "resources/icons/LICENSE"),
)
KEPT = (
    (mark("Texts of requests"), mark("Never written down. Only lengths, labels, scores and times are counted.")),
    (mark("Datasets"), mark("A copy of each imported version lies in the home folder until you remove it.")),
    (mark("Runs"), mark("Settings, every logged number and the log, until the run is removed.")),
    (mark("Readings of the machine"), mark("Each for an hour, one in ten seconds for a day.")),
    (mark("Audit"), mark("Who changed what and when, with your user name; it cannot be changed or removed.")),
    (mark("Network"), mark("Nothing is sent anywhere. Base models are fetched only when you name one of a hub.")),
)  # fmt: skip


class PrivacyCategory(Category):
    """Plain statements; there is nothing to switch on that would send data away."""

    def __init__(self, context: Context) -> None:
        super().__init__("privacy", tr("Privacy"))
        self._context = context
        self.add(Section(tr("What is kept"), *(Row(tr(name), None, tr(text)) for name, text in KEPT)))
        self.home = FactRow(context, tr("All of it lies in"), copy=True)
        self.add(Section(tr("Where"), self.home))

    def refresh(self) -> None:
        """The folder of the backend that answers."""
        system = self._context.state.system
        if system is not None:
            self.home.show_value(system.home)


class AboutCategory(Category):
    """Versions of everything that decides how the product behaves."""

    def __init__(self, context: Context) -> None:
        super().__init__("about", tr("About"))
        self._context = context
        self._shown: dict[str, str] = {}
        self.copy = Button(tr("Copy diagnostics"), icon="copy", small=True)
        self.copy.clicked.connect(lambda: context.start("diagnostics"))
        hint = tr("Versions, platform and counts; no data, no keys, no user name.")
        self.add(Section(tr("About"), Row(tr("For a report"), self.copy, hint)))
        self.versions = self.add(Section(tr("Versions")))
        self.notices = self.add(Section(tr("Notices")))
        self.notices.needs_rows = True
        self.notices.hide()
        self._notices: tuple[str, ...] = ()
        self.add(Section(tr("Licences"), *(self._licence(*entry) for entry in LICENCES)))

    def _licence(self, name: str, kind: str, path: str) -> Row:
        button = Button(tr("Show"), "ghost", small=True)
        button.clicked.connect(lambda: self._context.open_sheet(licence_sheet(f"{name} · {kind}", ROOT / path)))
        return Row(name, button, kind, words="licence license")

    def refresh(self) -> None:
        """Rows are added once; their values follow."""
        system = self._context.state.system
        if system is None:
            return
        if system.versions != self._shown:
            self._shown = dict(system.versions)
            for old in self.versions.rows:
                self.versions.body.removeWidget(old)
                old.hide()
                old.deleteLater()
            self.versions.rows = []
            for name, version in system.versions.items():
                fact = FactRow(self._context, name)
                fact.show_value(version)
                self.versions.add_row(fact)
        if system.notices != self._notices:
            self._notices = system.notices
            for text in system.notices:
                self.notices.add_row(Row(tr("Notice"), None, text))
            self.notices.setVisible(bool(self.notices.rows))


def licence_sheet(title: str, path: Path) -> Sheet:
    """The text of a licence as it is shipped."""
    sheet = Sheet(title, kind="form", icon="file-text", icon_role="text-secondary")
    view = LogView(title)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        lines = [str(error)]
    view.set_follow(False)
    view.set_lines([(0.0, "info", line) for line in lines])
    view.setMinimumHeight(480)
    sheet.add(view, 1)
    return sheet
