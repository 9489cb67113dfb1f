"""Widgets of the playground: the editor, the scores, where the time went, and why."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from console import words
from console.i18n import mark, tr
from console.keys import key_table
from console.pages.endpoints import outputs
from console.theme import theme
from console.widgets import paint
from console.widgets.attribution import TokenAttribution
from console.widgets.buttons import Button
from console.widgets.panel import row
from console.widgets.text import Text

STAGES: tuple[tuple[str, str, str], ...] = (
    ("queue_ms", mark("queue"), "s7-slate"),
    ("tokenize_ms", mark("tokenize"), "s3-teal"),
    ("model_ms", mark("model"), "s1-blue"),
    ("encode_ms", mark("encode"), "s6-violet"),
)


class Editor(QPlainTextEdit):
    """The playground's key runs; a file may be dropped.

    Signals: run_wanted(), dropped(path).
    """

    run_wanted = Signal()
    dropped = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setAcceptDrops(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if key_table.is_key_of("endpoint.try", event):
            self.run_wanted.emit()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
        else:
            super().dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        urls = event.mimeData().urls()
        if urls and urls[0].isLocalFile():
            self.dropped.emit(urls[0].toLocalFile())
            event.acceptProposedAction()
        else:
            super().dropEvent(event)


class LatencySplit(QWidget):
    """queue · tokenize · model · encode, and the total at the right."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(22)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._timing: dict[str, float] = {}

    def sizeHint(self) -> QSize:
        return QSize(300, 22)

    def show_timing(self, timing: dict[str, float]) -> None:
        self._timing = timing
        self.setAccessibleName(", ".join(f"{tr(name)} {timing.get(key, 0):.1f} ms" for key, name, _ in STAGES))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self._timing:
            return
        painter = QPainter(self)
        small, strong, left = theme.font("small"), theme.font("small", 600), 0.0
        for key, name, role in STAGES:
            paint.dot(painter, QPointF(left + 3.5, 11), role, 7)
            left += 13
            for text, font, text_role in ((tr(name), small, "text-secondary"),
                                          (words.fixed(self._timing.get(key), 1), strong, "text")):  # fmt: skip
                width = paint.text_width(text, font)
                paint.draw_text(painter, QRectF(left, 0, width + 1, 22), text, font, text_role)
                left += width + 6
            left += 8
        total = tr("{n} ms total", n=words.fixed(sum(self._timing.values()), 1))
        paint.draw_text(painter, QRectF(0, 0, self.width(), 22), total, strong, "text", paint.CENTER_RIGHT)
        painter.end()


class Output(QWidget):
    """One answer, shown as what it is (see outputs.py). Signals: copy_wanted(text)."""

    copy_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        self.title = Text(tr("Output"), "small", "text-secondary")
        self.note = Text("", "small", "text-tertiary")
        layout.addWidget(row(self.title, None, self.note))
        self._body: QWidget | None = None
        self._layout = layout

    def show_hint(self, title: str, text: str, role: str = "text-tertiary") -> None:
        """Nothing to show, or why."""
        self.title.setText(title)
        self.note.setText("")
        inner = self._fresh()
        inner.addWidget(Text(text, "small", role, wrap=True))
        inner.addStretch(1)

    def show_answer(self, title: str, prediction: dict[str, Any], asked: Any = "") -> None:
        """`asked` is the input it answers: words and spans are marked in it."""
        self.title.setText(title)
        self.note.setText(tr("cut to fit") if prediction.get("truncated") else "")
        inner = self._fresh()
        shown = {name: value for name, value in prediction.items() if name != "truncated"}
        outputs.fill(inner, shown, asked, self.copy_wanted.emit)
        inner.addStretch(0 if any(inner.stretch(at) for at in range(inner.count())) else 1)

    def _fresh(self) -> QVBoxLayout:
        """An empty place for an answer; the one before goes as a whole."""
        if self._body is not None:
            self._body.hide()
            self._body.deleteLater()
        self._body = QWidget()
        inner = QVBoxLayout(self._body)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(3)
        self._layout.addWidget(self._body, 1)
        return inner

    def texts(self) -> list[str]:
        """What is written in it, for tests and copies."""
        body = self._body
        return [] if body is None else [child.text() for child in body.findChildren(Text)]


class Why(QWidget):
    """Token attributions of the answer shown, asked for by a button. Signals: wanted()."""

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self.title = Text(tr("Why?"), "small", "text-secondary")
        self._legend = _Legend()
        layout.addWidget(row(self.title, None, self._legend))
        self.tokens = TokenAttribution(tr("Why?"))
        self._area = QScrollArea()
        self._area.setAccessibleName(tr("Answer"))
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self.tokens)
        self._area.viewport().setAutoFillBackground(False)
        self.tokens.setAutoFillBackground(False)
        layout.addWidget(self._area, 1)
        self.ask = Button(tr("Explain this answer"), icon="lightbulb", small=True)
        self.ask.clicked.connect(self.wanted)
        self._ask_row = row(self.ask, None)
        layout.addWidget(self._ask_row)
        self.note = Text("", "small", "text-tertiary", wrap=True)
        layout.addWidget(self.note)
        self._rest = QWidget()
        layout.addWidget(self._rest, 1)
        self.show_none(False)

    def show_none(self, can_ask: bool) -> None:
        """No explanation yet."""
        self.title.setText(tr("Why?"))
        self._area.hide()
        self._rest.show()
        self._legend.hide()
        self._ask_row.setVisible(can_ask)
        self.note.setText("" if can_ask else tr("Run it to see which words speak for the answer."))

    def show_problem(self, text: str) -> None:
        self.ask.set_busy(False)
        self.note.setText(text)

    def show_explanation(self, found: dict[str, Any]) -> None:
        self.ask.set_busy(False)
        self._ask_row.hide()
        self._rest.hide()
        self.title.setText(tr("Why “{label}”?", label=found.get("label", "")))
        self.tokens.set_tokens([(str(t["token"]), float(t["weight"])) for t in found.get("tokens", ())])
        self._area.show()
        self._legend.show()
        score, base = found.get("score"), found.get("baseline_score")
        delta = found.get("convergence_delta")
        said = tr("Integrated gradients, {n} steps.", n=found.get("steps", 0))
        if score is not None and base is not None and delta is not None:
            total = score - base + delta
            said += " " + tr("The weights sum to {sum} of the {gap} between an empty text and this one.",
                             sum=words.signed(total, 3), gap=words.signed(score - base, 3))  # fmt: skip
        self.note.setText(said)


class _Legend(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._parts = (("attribution-for", tr("for")), ("attribution-against", tr("against")))
        self.setFixedSize(self.sizeHint())

    def sizeHint(self) -> QSize:
        width = sum(paint.text_width(text, theme.font("small")) + 18 for _, text in self._parts) + 8
        return QSize(round(width), 18)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, left = QPainter(self), 0.0
        for role, text in self._parts:
            painter.fillRect(QRectF(left, 8, 11, 2), theme.role(role))
            width = paint.text_width(text, theme.font("small"))
            paint.draw_text(painter, QRectF(left + 16, 0, width + 1, 18), text, theme.font("small"), "text-secondary")
            left += width + 26
        painter.end()
