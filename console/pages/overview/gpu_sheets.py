"""What a card's menus hold: the vendor's own text, its power limit, and the end of a process of ours."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu, QPlainTextEdit, QWidget

from backend.contract.resources import GpuProcess, GpuReading
from console import operations
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.pages.overview.power_sheet import PowerSheet, takes_limit
from console.theme import theme
from console.widgets.buttons import Button
from console.widgets.sheet import Sheet
from console.widgets.text import Text

PROGRAMS = {"nvidia": "nvidia-smi", "amd": "amd-smi"}


class SmiSheet(Sheet):
    """What nvidia-smi prints; asked when it opens."""

    def __init__(self, context: Context, vendor: str) -> None:
        super().__init__(PROGRAMS[vendor], icon="terminal", icon_role="text-secondary")
        self._context = context
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(theme.font("log"))
        self.text.setMinimumHeight(360)
        self.text.setAccessibleName(PROGRAMS[vendor])
        self.text.setPlainText(tr("Asking the driver…"))
        self.add(self.text, 1)
        copy = Button(tr("Copy"), icon="copy")
        copy.clicked.connect(lambda: context.copy(self.text.toPlainText()))
        self.add_button(copy)
        close = Button(tr("Close"))
        close.clicked.connect(self.close_sheet)
        self.add_button(close)
        call = operations.read_smi_text(context.link, vendor)
        call.on_reply(self._show).on_refused(lambda error: self._put(error.text))

    def _show(self, body: dict[str, Any]) -> None:
        self._put(str(body.get("text", "")))

    def _put(self, text: str) -> None:
        from shiboken6 import isValid

        if isValid(self):
            self.text.setPlainText(text)


class EndProcessSheet(Sheet):
    """Asks before a worker of ours is ended; foreign processes never get here."""

    def __init__(self, context: Context, process: GpuProcess, name: str) -> None:
        super().__init__(tr("End process {pid}?", pid=process.pid), icon="circle-x", primary=tr("End process"))
        self._context = context
        self._kind, _, self._id = (process.owner or "").partition("/")
        if self._kind == "run":
            text = tr(
                "{name} ends at once, without a checkpoint. What it did since the last checkpoint is lost. "
                "It can be resumed from there.", name=name,
            )  # fmt: skip
        else:
            text = tr("{name} finishes what is in flight and stops answering. It can be started again.", name=name)
        self.add(Text(text, "body", "text-secondary", wrap=True))
        self.accepted.connect(self._on_accepted)

    def _on_accepted(self) -> None:
        link = self._context.link
        call = operations.kill_run(link, self._id) if self._kind == "run" else operations.stop_endpoint(link, self._id)
        ask(self._context, call, self.primary).on_reply(lambda _body: self.close_sheet())


def add_card_actions(context: Context, menu: QMenu, card: GpuReading) -> None:
    """What can be asked of the driver of a card: its program's text, and another power limit where it takes one."""
    if card.vendor in PROGRAMS:
        text = tr("Open {program} text", program=PROGRAMS[card.vendor])
        menu.addAction(theme.icon("terminal"), text, lambda: context.open_sheet(SmiSheet(context, card.vendor)))
    if takes_limit(card):
        limit = menu.addAction(
            theme.icon("zap"), tr("Set power limit…"), lambda: context.open_sheet(PowerSheet(context, card))
        )
        limit.setEnabled(not context.offline())


def process_menu(context: Context, parent: QWidget, process: GpuProcess, name: str, link: str, at: QPoint) -> QMenu:
    """Copy, show, and for a worker of ours its end."""
    menu = QMenu(parent)
    menu.addAction(theme.icon("copy"), tr("Copy pid"), lambda: context.copy(str(process.pid)))
    if link:
        text = tr("Show run") if link.startswith("run/") else tr("Show endpoint")
        menu.addAction(theme.icon("external-link"), text, lambda: context.navigate(link))
        menu.addSeparator()
        end = menu.addAction(
            theme.icon("circle-x"), tr("End process…"),
            lambda: context.open_sheet(EndProcessSheet(context, process, name)),
        )  # fmt: skip
        end.setEnabled(not context.offline())
    menu.popup(at)
    return menu
