"""Parts of the promote and roll back sheets: changes, blocks, the steps of the switch."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from backend.contract.resources import Change, Operation
from console import words
from console.i18n import mark, tr
from console.pages.models import words as model_words
from console.theme import theme
from console.widgets import paint
from console.widgets.chips import Icon
from console.widgets.text import Text

STEPS: tuple[tuple[str, str], ...] = (
    ("load", mark("Load v{n} and check its files")),
    ("warm_up", mark("Warm up and answer the golden samples")),
    ("switch", mark("Switch between two requests")),
    ("verify", mark("Ask v{n} through the endpoint")),
)


def heading(text: str) -> Text:
    """Above a part of the sheet."""
    return Text(text, "small", "text-secondary", weight=600)


class ChangesBox(QWidget):
    """Before → after rows in one bordered box; 26 px a row."""

    ROW = 26

    def __init__(self, changes: tuple[Change, ...]) -> None:
        super().__init__()
        self._rows = [
            (change.icon or "diff", model_words.change_name(change), model_words.change_value(change.before),
             model_words.change_value(change.after))
            for change in changes if change.before != change.after
        ]  # fmt: skip
        self.setFixedHeight(self.ROW * len(self._rows) + 16)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("; ".join(f"{name}: {old} → {new}" for _, name, old, new in self._rows))

    def sizeHint(self) -> QSize:
        return QSize(400, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        ground = theme.role("canvas" if theme.is_dark else "raised")
        paint.box(painter, QRectF(self.rect()), theme.radius("panel"), ground, theme.role("line-control"))
        body, strong = theme.font("body"), theme.font("body", 600)
        for index, (icon, name, old, new) in enumerate(self._rows):
            top = 8 + index * self.ROW
            theme.paint_icon(painter, icon, QRectF(15, top + 5, 16, 16), "text-secondary")
            area = QRectF(39, top, self.width() - 39 - 15, self.ROW)
            paint.draw_text(painter, area, new, strong, "text", paint.CENTER_RIGHT)
            right = area.right() - paint.text_width(new, strong) - 11
            theme.paint_icon(painter, "arrow-right", QRectF(right - 13, top + 6.5, 13, 13), "text-tertiary")
            left = QRectF(area.left(), top, right - 24 - area.left(), self.ROW)
            paint.draw_text(painter, left, old, body, "text-secondary", paint.CENTER_RIGHT)
            used = paint.text_width(old, body) + 16
            paint.draw_text(painter, left.adjusted(0, 0, -used, 0), name, body, "text")
        painter.end()


class Block(QWidget):
    """A soft block in a state's colour: icon, what, why, what then."""

    def __init__(self, role: str, title: str, *lines: str) -> None:
        super().__init__()
        self._role = role
        layout = QVBoxLayout(self)
        layout.setContentsMargins(38, 9, 14, 9)
        layout.setSpacing(1)
        heading = Text(title, "body", "text", weight=600, wrap=True)
        layout.addWidget(heading)
        for text in lines:
            if text:
                layout.addWidget(Text(text, "small", "text-secondary", wrap=True))
        icon = Icon("triangle-alert" if role == "warn" else "circle-x", role, 16, parent=self)
        icon.setGeometry(12, 10, 16, 16)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(f"{title}. {' '.join(lines)}".strip())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.box(painter, QRectF(self.rect()), theme.radius("control"), theme.role(f"{self._role}-soft"))
        painter.end()


class StepsView(QWidget):
    """Load, warm up, switch, verify: what is done, what is under way, what has failed."""

    ROW = 34

    def __init__(self, version: int) -> None:
        super().__init__()
        self._version = version
        self._states = ["waiting"] * len(STEPS)
        self._took: dict[str, float] = {}
        self._began: dict[str, float] = {}
        self._stages = [name for name, _ in STEPS]
        self.setFixedHeight(self.ROW * len(STEPS) + 8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_operation(self, operation: Operation, now: float) -> None:
        """States from the stage; times are those between the stages as they were heard."""
        at = self._stages.index(operation.stage) if operation.stage in self._stages else 0
        ended = operation.state != "running"
        for index, name in enumerate(self._stages):
            if index < at or (ended and operation.state == "done"):
                self._states[index] = "done"
            elif index == at:
                self._states[index] = "failed" if ended else "running"
            else:
                self._states[index] = "waiting"
            if index <= at and name not in self._began:
                self._began[name] = now
        for index, name in enumerate(self._stages[:-1]):
            after = self._began.get(self._stages[index + 1])
            if name in self._began and after is not None:
                self._took.setdefault(name, after - self._began[name])
        said = ", ".join(f"{self._text(i)}: {state}" for i, state in enumerate(self._states))
        self.setAccessibleName(said)
        self.update()

    def states(self) -> list[str]:
        """done, running, failed or waiting, in order."""
        return list(self._states)

    def _text(self, index: int) -> str:
        return tr(STEPS[index][1], n=self._version)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        looks = {
            "done": ("circle-check", "ok", "text"),
            "running": ("loader-circle", "accent", "text"),
            "failed": ("circle-x", "bad", "text"),
            "waiting": ("circle", "text-tertiary", "text-tertiary"),
        }
        for index, state in enumerate(self._states):
            icon, role, text_role = looks[state]
            top = 4 + index * self.ROW
            if index + 1 < len(self._states):
                painter.fillRect(QRectF(7.5, top + 27, 1, self.ROW - 20), theme.role("line-control"))
            theme.paint_icon(painter, icon, QRectF(0, top + 9, 16, 16), role)
            area = QRectF(26, top, self.width() - 26, self.ROW)
            weight = 600 if state in ("running", "failed") else 400
            paint.draw_text(painter, area, self._text(index), theme.font("body", weight), text_role)
            took = self._took.get(self._stages[index])
            if took is not None and took >= 0.05 and state == "done":
                paint.draw_text(painter, area, words.seconds_exact(took), theme.font("small"), "text-tertiary",
                                paint.CENTER_RIGHT)  # fmt: skip
        painter.end()
