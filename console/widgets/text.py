"""Text that is never taken for markup: labels, tooltips and message boxes (RELIABILITY T24)."""

from __future__ import annotations

import html
import re

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtWidgets import QLabel, QMessageBox, QSizePolicy, QWidget

from console.theme import theme

_TIP = '<div style="white-space:pre-wrap">'
_TIP_MARKUP = re.compile(r'</?(?:div|b|span)(?: style="[^"<>]*")?>|<br/>')


class Text(QLabel):
    """A label in a type token's font and a role's colour; always plain text.

    `elide` cuts at the end with an ellipsis, keeps the whole text as tooltip and lets the label shrink.
    """

    def __init__(
        self,
        text: str = "",
        style: str = "body",
        role: str = "text",
        *,
        elide: bool = False,
        wrap: bool = False,
        weight: int | None = None,
        mono: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._role, self._elide = role, elide
        self.setFont(theme.mono(style) if mono else theme.font(style, weight))
        self.setWordWrap(wrap)
        if elide:
            self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            self.setMinimumWidth(24)
        self.setText(text)

    @property
    def role(self) -> str:
        return self._role

    def set_role(self, role: str) -> None:
        """Another colour role; repaints."""
        if role != self._role:
            self._role = role
            self.update()

    def set_weight(self, weight: int) -> None:
        """400, 500 or 600."""
        if self.font().weight() != weight:
            font = self.font()
            font.setWeight(theme.font("body", weight).weight())
            self.setFont(font)

    def setText(self, text: str) -> None:
        if text == self.text():
            return
        super().setText(text)
        if self._elide:
            set_tip(self, text)
        elif self.wordWrap() and self.minimumHeight():
            self._fit_lines(self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.wordWrap():
            self._fit_lines(event.size().width())

    def _fit_lines(self, width: int) -> None:
        # Layouts ask for the height at another width than the one they give; the lines at this width must all show.
        self.setMinimumHeight(0)  # heightForWidth would not answer less
        self.setMinimumHeight(max(0, self.heightForWidth(width)))

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(24, hint.width()), hint.height()) if self._elide else hint

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(theme.role(self._role if self.isEnabled() else "text-disabled"))
        rect = self.contentsRect()
        text = self.text()
        if self._elide:
            text = QFontMetrics(self.font()).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        flags = int(self.alignment().value)
        if self.wordWrap():
            flags |= int(Qt.TextFlag.TextWordWrap.value)
        painter.drawText(rect, flags, text)
        painter.end()


def tip_html(name: str, shortcut: str = "", line: str = "") -> str:
    """A tooltip's markup from untrusted parts; every part is escaped."""
    parts = [f"<b>{html.escape(name)}</b>" if shortcut or line else html.escape(name)]
    if shortcut:
        parts.append(f'&nbsp;&nbsp;<span style="color:{theme.hex("text-tertiary")}">{html.escape(shortcut)}</span>')
    if line:
        parts.append(f"<br/>{html.escape(line)}")
    return f"{_TIP}{''.join(parts)}</div>" if any(parts) else ""


def set_tip(widget: QWidget, name: str, shortcut: str = "", line: str = "") -> None:
    """Tooltip with name, shortcut and one more line; nothing in it is read as markup. Empty name removes it."""
    widget.setToolTip(tip_html(name, shortcut, line) if name else "")


def plain(label: QLabel) -> QLabel:
    """Make any QLabel show its text as it is."""
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def message_box(parent: QWidget | None, title: str, text: str, detail: str = "") -> QMessageBox:
    """A message box whose texts are shown as they are; used only before a window exists, sheets are used after."""
    box = QMessageBox(parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(title)
    box.setText(text)
    if detail:
        box.setInformativeText(detail)
    for label in box.findChildren(QLabel):
        plain(label)
    return box


def reads_markup(tip: str) -> bool:
    """Whether Qt would find markup in a tooltip that tip_html() did not put there; for tests."""
    return "<" in _TIP_MARKUP.sub("", tip) if tip.startswith(_TIP) else GuiQt.mightBeRichText(tip)


def rich_text_leaks(root: QWidget) -> list[str]:
    """Every label and tooltip under `root` that Qt would read as markup though we did not build it; for tests."""
    leaks = []
    for widget in [root, *root.findChildren(QWidget)]:
        tip = widget.toolTip()
        if reads_markup(tip):
            leaks.append(f"{type(widget).__name__} tooltip {tip[:60]!r}")
        if (
            isinstance(widget, QLabel)
            and GuiQt.mightBeRichText(widget.text())
            and widget.textFormat() != Qt.TextFormat.PlainText
        ):
            leaks.append(f"{type(widget).__name__} label {widget.text()[:60]!r}")
    return leaks
