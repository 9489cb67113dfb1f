"""The estimate: memory by purpose, whether it fits and what would help, time, start, disk, runs like it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from backend.contract.resources import RunEstimate, RunRecord
from console import words
from console.i18n import mark, tr, tr_n
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.chips import Icon
from console.widgets.meters import EstimateBar
from console.widgets.panel import Panel, column, line, row
from console.widgets.rows import KeyValue
from console.widgets.text import Text

TERMS = (
    ("weights", mark("Weights"), "s1-blue"),
    ("adapters", mark("LoRA adapters"), "s3-teal"),
    ("optimizer", mark("Optimizer"), "s4-magenta"),
    ("activations", mark("Activations"), "s2-orange"),
    ("runtime", mark("Libraries and cache"), "s7-slate"),
)
LOOKS = {
    "yes": ("circle-check", "ok"),
    "tight": ("triangle-alert", "warn"),
    "no": ("circle-x", "bad"),
    "unknown": ("circle-question-mark", "text-tertiary"),
}
WIDTH = 276


class Curves(QWidget):
    """The train loss of a few runs over each other, in grey, with three values at the left."""

    def __init__(self) -> None:
        super().__init__()
        self._curves: list[list[float]] = []
        self.setFixedHeight(92)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_curves(self, curves: Sequence[Sequence[float | None]]) -> None:
        """Show these; unknown values are left out."""
        self._curves = [[v for v in curve if v is not None and v == v] for curve in curves]
        self.setAccessibleName(tr_n(len(curves), "{n} curve of train loss", "{n} curves of train loss"))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 92)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        known = [value for curve in self._curves for value in curve]
        if not known:
            return
        painter = QPainter(self)
        low, high = min(known), max(known)
        span = (high - low) or 1.0
        plot = QRectF(36, 8, self.width() - 40, self.height() - 16)
        for share in (0.0, 0.5, 1.0):
            y = round(plot.bottom() - share * plot.height())
            painter.fillRect(QRectF(plot.left(), y, plot.width(), 1), theme.role("chart-grid"))
            text = f"{low + share * span:.2f}".removeprefix("0")
            paint.draw_text(painter, QRectF(0, y - 8, 30, 16), text, theme.font("caption", 400), "text-tertiary")
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.role("settled"), 1))
        for curve in self._curves:
            step = plot.width() / max(1, len(curve) - 1)
            points = [
                QPointF(plot.left() + i * step, plot.bottom() - (v - low) / span * plot.height())
                for i, v in enumerate(curve)
            ]
            painter.drawPolyline(QPolygonF(points))
        painter.end()


class EstimatePanel(Panel):
    """Signals: fix_wanted(dict of settings): a remedy was chosen."""

    fix_wanted = Signal(dict)

    def __init__(self) -> None:
        super().__init__(tr("Estimate"))
        self.setFixedWidth(WIDTH)
        hint = Text(tr("updates as you type"), "small", "text-tertiary")
        hint.setContentsMargins(0, 0, 3, 0)  # in line with the values below
        self.add_action(hint)
        self.memory = Text("", "small", "text-secondary")
        self._used = Text(words.DASH, "panel-title")
        font = theme.font("body", 600)
        font.setPixelSize(16)
        self._used.setFont(font)
        self._limit = Text("", "small", "text-tertiary")
        self.add(row(self.memory, None, self._used, self._limit, gap=5))
        self.bar = EstimateBar(tr("Memory"))
        self.add(self.bar)
        self._icon = Icon("circle-question-mark", "text-tertiary", 14)
        self.verdict = Text("", "small", weight=600, wrap=True)
        verdict = row(self._icon, self.verdict, gap=6, top=True)
        verdict.layout().setStretch(1, 1)  # type: ignore[union-attr]
        self.add(verdict)
        self._fixes = QWidget()
        self._fix_layout = QVBoxLayout(self._fixes)
        self._fix_layout.setContentsMargins(20, 0, 0, 0)
        self._fix_layout.setSpacing(6)
        self._fixes.hide()
        self.add(self._fixes)
        self.add(line())
        self.time, self.starts = KeyValue(tr("Time")), KeyValue(tr("Starts"))
        self.steps, self.disk = KeyValue(tr("Steps")), KeyValue(tr("Disk"))
        self.add(column(self.time, self.starts, self.steps, self.disk, gap=3))
        self.add(line())
        self._similar_head = row(Text(tr("Similar runs"), "small", "text-secondary"), None,
                                 Text(tr("train loss"), "small", "text-tertiary"))  # fmt: skip
        self.curves = Curves()
        self.similar = Text("", "small", "text-secondary", wrap=True)
        for widget in (self._similar_head, self.curves, self.similar):
            self.add(widget)
        self.body.addStretch(1)
        self._offered: tuple[object, ...] = ()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.box(painter, QRectF(self.rect()), theme.radius("panel"), theme.role("canvas"), theme.role("line"))
        painter.end()

    # ---- showing -------------------------------------------------------------------------------------------

    def show_estimate(self, found: RunEstimate, similar: Sequence[RunRecord], metric: str | None) -> None:
        """Everything of a reply; unknown stays a dash with a reason."""
        device = tr("Memory") if found.device == "cpu" else tr("GPU {n} memory", n=found.device.rpartition(":")[2])
        self.memory.setText(device)
        used, unit = words.size(found.memory_bytes), words.size(found.memory_limit_bytes)
        if used.partition(" ")[2] == unit.partition(" ")[2] and found.memory_limit_bytes:
            used = used.partition(" ")[0]
        self._used.setText(used)
        self._limit.setText(tr("of {size}", size=unit) if found.memory_limit_bytes else "")
        terms = [
            (tr(text), float(amount), role, words.size(amount))
            for key, text, role in TERMS
            if (amount := found.memory_terms.get(key))
        ]
        self.bar.set_parts(terms, found.memory_limit_bytes)
        self._show_verdict(found)
        self._show_fixes(found)
        self.time.set_value(time_range(found.seconds_low, found.seconds_high))
        self.starts.set_value(start_text(found))
        self.steps.set_value(words.count(found.steps))
        disk = words.size(found.disk_bytes)
        known = found.disk_bytes is not None and found.disk_free_bytes is not None
        short = known and (found.disk_bytes or 0) > (found.disk_free_bytes or 0)
        text = tr("{size} of {free}", size=disk, free=words.size(found.disk_free_bytes)) if known else words.DASH
        self.disk.set_value(text, "bad" if short else "text")
        self._show_similar(similar, metric)

    def _show_verdict(self, found: RunEstimate) -> None:
        icon, role = LOOKS[found.fits]
        self._icon.set_icon(icon, role)
        self.verdict.setText(verdict_text(found))
        self.verdict.set_role({"no": "bad", "tight": "warn"}.get(found.fits, "text"))

    def _show_fixes(self, found: RunEstimate) -> None:
        offered = tuple(str(fix) for fix in found.fixes)
        if offered == self._offered:
            return
        self._offered = offered
        while self._fix_layout.count():
            taken = self._fix_layout.takeAt(0)
            widget = taken.widget() if taken is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for fix in found.fixes:
            button = Button(str(fix["text"]), small=True)
            button.clicked.connect(lambda _=False, settings=fix["settings"]: self.fix_wanted.emit(settings))
            self._fix_layout.addWidget(button)
        self._fixes.setVisible(bool(found.fixes))

    def _show_similar(self, similar: Sequence[RunRecord], metric: str | None) -> None:
        curves = [run.spark for run in similar if len(run.spark) > 1]
        for widget in (self._similar_head, self.curves):
            widget.setVisible(bool(curves))
        self.curves.set_curves(curves)
        self.similar.setText(similar_text(similar, metric))

    def show_nothing(self, text: str) -> None:
        """Nothing can be estimated; say why and keep the layout."""
        self._icon.set_icon("circle-question-mark", "text-tertiary")
        self.verdict.setText(text)
        self.verdict.set_role("text-secondary")


def verdict_text(found: RunEstimate) -> str:
    """Fits, 25.1 GB to spare · Tight, 1.2 GB to spare · Needs 51.2 GB of 48 GB."""
    if found.memory_bytes is None or found.memory_limit_bytes is None:
        return tr("Memory is not known for this choice.")
    spare = words.size(found.memory_limit_bytes - found.memory_bytes)
    if found.fits == "yes":
        return tr("Fits, {size} to spare", size=spare)
    if found.fits == "tight":
        return tr("Tight, {size} to spare", size=spare)
    limit = words.size(found.memory_limit_bytes)
    return tr("Needs {size} of {limit}", size=words.size(found.memory_bytes), limit=limit)


def time_range(low: float | None, high: float | None) -> str:
    """38 to 46 min; about 8 s; an honest "not known yet"."""
    if low is None or high is None:
        return tr("known after one run like it")
    first, second = words.duration(low), words.duration(high)
    if first == second:
        return tr("about {time}", time=first)
    number, _, unit = first.partition(" ")
    same = unit == second.partition(" ")[2] and " " not in unit
    return tr("{low} to {high}", low=number if same else first, high=second)


def start_text(found: RunEstimate) -> str:
    """at once · in 18 min, after NAME · after NAME."""
    if found.starts_after is None:
        return tr("at once")
    if found.starts_in_seconds:
        return tr("in {time}, after {name}", time=words.duration(found.starts_in_seconds), name=found.starts_after)
    return tr("after {name}", name=found.starts_after)


def similar_text(similar: Sequence[RunRecord], metric: str | None) -> str:
    """4 runs like this reached 0.936 to 0.941 F1."""
    if not similar:
        return tr("No run like this has ended here yet.")
    known = [v for run in similar if metric and (v := run.metrics.get(metric)) is not None and v == v]
    if not known:
        return tr_n(len(similar), "{n} run like this has ended here.", "{n} runs like this have ended here.")
    low, high = (f"{value:.3f}" for value in (min(known), max(known)))
    name = (metric or "").rpartition("/")[2].replace("f1", "F1")
    reached = low if low == high else tr("{low} to {high}", low=low, high=high)
    return tr_n(
        len(known), "{n} run like this reached {value} {metric}.", "{n} runs like this reached {value} {metric}.",
        value=reached, metric=name,
    )  # fmt: skip
