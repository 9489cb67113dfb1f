"""The features of an endpoint's traffic: small history, bar against the limit, index, state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from backend.contract.resources import FeatureDrift
from console import alert_words, words
from console.i18n import tr
from console.pages.alerts import words as page_words
from console.theme import theme
from console.widgets import paint

ROW = 38
SPARK_POINTS = 60
ROLES = {"ok": "text", "warn": "warn", "bad": "bad", "not_enough_data": "text-tertiary"}


class FeatureTable(QWidget):
    """One row a feature, the worst first; arrows move, one tab stop. Signals: chosen(feature)."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._features: list[FeatureDrift] = []
        self._sparks: Mapping[str, Sequence[float | None]] = {}
        self._current = ""
        self._hover = -1

    @property
    def current(self) -> str:
        return self._current

    def show_features(self, features: Sequence[FeatureDrift], sparks: Mapping[str, Sequence[float | None]]) -> None:
        """The order stays while the same features are shown, so that no row jumps under the pointer."""
        known = [feature.feature for feature in self._features]
        if sorted(known) != sorted(feature.feature for feature in features):
            self._features = sorted(features, key=lambda f: -(f.psi if f.psi is not None else -1.0))
        else:
            self._features = sorted(features, key=lambda f: known.index(f.feature))
        self._sparks = sparks
        if self._features and self._current not in {f.feature for f in self._features}:
            self._current = self._features[0].feature
        self._describe()
        self.updateGeometry()
        self.update()

    def sort_anew(self) -> None:
        """Forget the order: another endpoint or alert is shown."""
        self._features = []

    def set_current(self, feature: str) -> None:
        """Mark a feature without telling."""
        self._current = feature
        self._describe()
        self.update()

    def order(self) -> list[str]:
        """Features as shown."""
        return [feature.feature for feature in self._features]

    def _describe(self) -> None:
        found = next((f for f in self._features if f.feature == self._current), None)
        text = f"{alert_words.feature_name(found.feature)}, PSI {_index(found)}" if found else ""
        self.setAccessibleName(f"{tr('Features')}: {text}")

    def sizeHint(self) -> QSize:
        return QSize(300, ROW * max(1, len(self._features)))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        names = self.order()
        at = names.index(self._current) if self._current in names else 0
        self._choose(names[max(0, min(len(names) - 1, at + step))])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = int(event.position().y() // ROW)
        if 0 <= at < len(self._features):
            self._choose(self._features[at].feature)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hover = int(event.position().y() // ROW)
        if hover != self._hover:
            self._hover = hover
            self.update()

    def leaveEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG002
        self._hover = -1
        self.update()

    def _choose(self, feature: str) -> None:
        if feature != self._current:
            self.set_current(feature)
            self.chosen.emit(feature)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        for index, feature in enumerate(self._features):
            self._paint_row(painter, QRectF(0, index * ROW, self.width(), ROW), feature, index == self._hover)
        painter.end()

    def _paint_row(self, painter: QPainter, rect: QRectF, feature: FeatureDrift, hover: bool) -> None:
        if feature.feature == self._current or hover:
            fill = theme.role("selected") if feature.feature == self._current else theme.role("raised", 0.6)
            paint.box(painter, rect, theme.radius("row"), fill)
        right = rect.right() - 10
        icon, icon_role = page_words.FEATURE_STATES[feature.state]
        theme.paint_icon(painter, icon, QRectF(right - 14, rect.center().y() - 7, 14, 14), icon_role)
        value = QRectF(right - 66, rect.top(), 42, ROW)
        font = theme.font("body", 600 if feature.state in ("warn", "bad") else 500)
        paint.draw_text(painter, value, _index(feature), font, ROLES[feature.state], paint.CENTER_RIGHT)
        bar = QRectF(value.left() - 74, rect.center().y() - 3, 64, 6)
        self._paint_bar(painter, bar, feature)
        spark = QRectF(bar.left() - 76, rect.center().y() - 9, 62, 18)
        role = {"bad": "bad", "warn": "warn"}.get(feature.state, "reference")
        values = list(self._sparks.get(feature.feature, ()))[-SPARK_POINTS:]
        if len(values) > 1:
            paint.sparkline(painter, spark, values, theme.role(role), zero=True, fill=False)
        unit = QRectF(spark.left() - 80, rect.top(), 70, ROW)
        text = page_words.feature_unit(feature)
        paint.draw_text(painter, unit, text, theme.font("small"), "text-tertiary", paint.CENTER_RIGHT)
        used = paint.text_width(text, theme.font("small")) + 12
        name = QRectF(rect.left() + 10, rect.top(), unit.right() - used - rect.left() - 10, ROW)
        title = alert_words.feature_name(feature.feature)
        paint.draw_text(painter, name, title, theme.font("body", 500), "text")

    @staticmethod
    def _paint_bar(painter: QPainter, rect: QRectF, feature: FeatureDrift) -> None:
        """The limit stands in the middle: the bar ends at twice the limit."""
        role = {"bad": "bad", "warn": "warn"}.get(feature.state, "text-tertiary")
        share = None if feature.psi is None else feature.psi / (2 * feature.limit)
        paint.bar(painter, rect, share, theme.role(role))
        painter.fillRect(QRectF(round(rect.center().x()) - 1, rect.top() - 3, 2, rect.height() + 6), theme.role("text"))


def _index(feature: FeatureDrift) -> str:
    return words.fixed(feature.psi, 2)
