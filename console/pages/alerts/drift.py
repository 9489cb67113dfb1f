"""Drift of one endpoint: features by index, the chosen one over time and as a distribution, what was compared."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from backend.contract.resources import (
    AlertRecord,
    DatasetRecord,
    DriftReport,
    EndpointRecord,
    FeatureDrift,
    VersionRecord,
)
from console import alert_words, words
from console.charts.binned import BinnedChart
from console.charts.catalogue import ChartSpec, Limit, SeriesSpec
from console.charts.chart import TimeSeriesChart
from console.charts.events import ChartEvent
from console.charts.group import ChartGroup
from console.i18n import tr, tr_n
from console.pages.alerts import words as page_words
from console.pages.alerts.facts import Fact, FactsPanel, StoryPanel
from console.pages.alerts.features import FeatureTable, as_told
from console.theme import theme
from console.widgets import paint
from console.widgets.buttons import Button
from console.widgets.chips import Icon
from console.widgets.panel import Panel
from console.widgets.text import Text

UPPER = {"unknown_share": 1.0, "confidence": 1.0}
MOST_LABELS = 12
STORY_LEAST = 110


class Suggestion(QWidget):
    """What would help, with the reason; "Why not roll back?" opens the answer. Signals: why_wanted()."""

    why_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(46)
        self.title = Text("", "body", "text", weight=600)
        self.detail = Text("", "small", "text-tertiary", elide=True)
        self.why = Button(tr("Why not roll back?"), "link")
        self.why.clicked.connect(self.why_wanted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(15, 0, 15, 0)
        layout.setSpacing(9)
        layout.addWidget(Icon("lightbulb", "warn", 16))
        layout.addWidget(self.title)
        layout.addWidget(self.detail, 1)
        layout.addWidget(self.why)

    def show_texts(self, title: str, detail: str, *, why: bool) -> None:
        self.title.setText(title)
        self.detail.setText(detail)
        self.why.setVisible(why)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        paint.box(painter, QRectF(self.rect()), theme.radius("panel"), theme.role("panel"), theme.role("line"))
        painter.end()


class LabelBars(QWidget):
    """Shares of each label: reference above, now below; the label at the left, both numbers at the right."""

    ROW = 46

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._rows: list[tuple[str, float, float | None]] = []

    def show_shares(self, names: Sequence[str], reference: Sequence[float], current: Sequence[float]) -> None:
        """The largest labels; the rest together."""
        now: list[float | None] = list(current) if sum(current) > 0 else [None] * len(names)
        rows = list(zip(names, reference, now, strict=True))
        if len(rows) > MOST_LABELS:
            rest = rows[MOST_LABELS - 1 :]
            other = None if rest[0][2] is None else sum(row[2] or 0.0 for row in rest)
            rows = [*rows[: MOST_LABELS - 1], (tr("{n} more", n=len(rest)), sum(row[1] for row in rest), other)]
        self._rows = rows
        said = (f"{n}: {words.percent(a)}, {words.percent(b)}" for n, a, b in rows)
        self.setAccessibleName("; ".join(said))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        height = min(self.ROW, max(24, self.height() // max(1, len(self._rows))))
        font, small = theme.font("body"), theme.font("small", 500)
        left = min(160.0, max((paint.text_width(n, font) for n, _, _ in self._rows), default=60) + 18)
        for index, (name, old, new) in enumerate(self._rows):
            top = index * height
            paint.draw_text(painter, QRectF(0, top, left - 10, height), name, font, "text-secondary")
            middle, thick = top + height / 2, min(9.0, height / 2 - 4)
            track = QRectF(left, middle - thick - 2, max(20.0, self.width() - left - 56), thick)
            for share, role, shift in ((old, "reference", 0.0), (new, "current", thick + 4)):
                bar = track.translated(0, shift)
                paint.bar(painter, bar, share, theme.role(role))
                area = QRectF(self.width() - 50, bar.center().y() - 9, 50, 18)
                paint.draw_text(painter, area, words.percent(share, 1), small, role, paint.CENTER_RIGHT)
        painter.end()


class LegendPanel(Panel):
    """A panel whose header shows two colours with their names."""

    def __init__(self) -> None:
        super().__init__(" ", style="chart-title")
        self.names = ("", "")
        self.bars = LabelBars()
        self.add(self.bars, 1)

    def show_feature(self, title: str, unit: str, names: tuple[str, str]) -> None:
        self.names = names
        self.set_title(title, unit)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        right, font = self.width() - 14.0, theme.font("small")
        for name, role in ((self.names[1], "current"), (self.names[0], "reference")):
            width = paint.text_width(name, font)
            paint.draw_text(painter, QRectF(right - width, 9, width + 2, 26), name, font, "text-secondary")
            painter.fillRect(QRectF(right - width - 17, 21, 11, 2), theme.role(role))
            right -= width + 30
        painter.end()


class DriftView(QWidget):
    """Signals: why_wanted() from the suggestion."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoint = ""
        self._report: DriftReport | None = None
        self._alert: AlertRecord | None = None
        self._history: dict[str, list[tuple[float, float | None]]] = {}
        self._charted = ""
        self._stale = False
        self.suggestion = Suggestion()
        self.features = Panel(tr("Features"))
        self.table = FeatureTable()
        self.features.body.setContentsMargins(6, 4, 6, 8)
        self.features.add(self.table)
        self.none = Text("", "body", "text-secondary", wrap=True)
        self.none.setContentsMargins(8, 4, 8, 8)
        self.features.add(self.none)
        self.table.chosen.connect(self._on_feature)
        self.facts = FactsPanel(tr("Compared"))
        self.story = StoryPanel()
        self.story.setMinimumHeight(STORY_LEAST)
        self.group = ChartGroup(self, axis="time", labels="clock")
        self.chart = TimeSeriesChart(self.group, _spec("", None, ""))
        self.bins = BinnedChart("")
        self.labels = LegendPanel()
        holder = QWidget()
        self._stack = QStackedLayout(holder)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.bins)
        self._stack.addWidget(self.labels)
        column = QWidget()
        left = QVBoxLayout(column)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(10)
        left.addWidget(self.features)
        left.addWidget(self.facts, 3)
        left.addWidget(self.story, 2)
        right = QVBoxLayout()
        right.setSpacing(10)
        right.addWidget(self.chart, 1)
        right.addWidget(holder, 1)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.suggestion, 0, 0, 1, 2)
        layout.addWidget(_scrolled(column), 1, 0)
        layout.addLayout(right, 1, 1)
        layout.setColumnStretch(0, 47)
        layout.setColumnStretch(1, 53)
        layout.setRowStretch(1, 1)

    # ---- data ----------------------------------------------------------------------------------------------

    def show_endpoint(self, endpoint: str, feature: str | None) -> bool:
        """Turn to an endpoint; True when its history must be read."""
        if endpoint == self.endpoint:
            if feature:
                self.table.set_current(feature)
            return False
        self.endpoint, self._report, self._history, self._charted = endpoint, None, {}, ""
        self.table.sort_anew()
        self.table.set_current(feature or "")
        return True

    def set_history(self, report: DriftReport) -> None:
        """What GET /drift/{endpoint} returned: history and report; points that came meanwhile follow it."""
        for feature in report.features:
            past = list(zip(feature.history_times, feature.history_psi, strict=False))
            last = past[-1][0] if past else 0.0
            later = [point for point in self._history.get(feature.feature, []) if point[0] > last]
            self._history[feature.feature] = past + later
        self._charted = ""
        if self._report is None or (report.checked_at or 0) >= (self._report.checked_at or 0):
            self.show_report(report)
        else:
            self._show()

    def show_report(self, report: DriftReport | None) -> None:
        """The newest check."""
        if report is not None and report is not self._report and report.checked_at:
            for feature in report.features:
                points = self._history.setdefault(feature.feature, [])
                if not points or points[-1][0] < report.checked_at:
                    points.append((report.checked_at, feature.psi))
                    if feature.feature == self._charted:
                        self._append(feature, report.checked_at)
        self._report = report
        self._show()

    def _append(self, feature: FeatureDrift, at: float) -> None:
        if feature.psi is not None:  # too few texts: a gap, not a value
            self.group.append(_key(feature.feature), [0], [at], None, [feature.psi])

    def set_alert(self, alert: AlertRecord | None) -> None:
        """The alert in front: where the traffic of now says nothing, its own figures stay in view."""
        self._alert = alert

    @property
    def told(self) -> AlertRecord | None:
        """The alert whose figures are shown in place of those of now."""
        features = self._report.features if self._report else ()
        return self._alert if any(as_told(f, self._alert) is not f for f in features) else None

    def _features(self) -> tuple[FeatureDrift, ...]:
        return tuple(as_told(f, self._alert) for f in self._report.features) if self._report else ()

    def set_events(self, events: Sequence[ChartEvent]) -> None:
        """Alerts and switches on the time axis."""
        if list(events) != self.group.events:
            self.group.set_events(events)

    # ---- picture -------------------------------------------------------------------------------------------

    @property
    def feature(self) -> FeatureDrift | None:
        """The chosen feature as last compared."""
        return next((f for f in self._features() if f.feature == self.table.current), None)

    def _show(self) -> None:
        report = self._report
        features = self._features()
        sparks = {name: [psi for _, psi in points] for name, points in self._history.items()}
        self.table.show_features(features, sparks)
        self.table.setVisible(bool(features))
        self.none.setVisible(not features)
        self.none.setText(report.text if report and report.text else tr("Not checked yet."))
        limit = words.fixed(features[0].limit, 2) if features else ""
        self.features.set_title(tr("Features"), self._said(limit) if features else "")
        self._show_feature()

    def _said(self, limit: str) -> str:
        if (told := self.told) is not None:
            return tr("PSI at {time} · limit {limit}", time=words.clock(told.seen_at), limit=limit)
        span = words.duration(self._report.window_seconds if self._report else 0)
        return tr("PSI over {time} · limit {limit}", time=span, limit=limit)

    def _window(self) -> str:
        if (told := self.told) is not None:
            return tr("at {time}", time=words.clock(told.seen_at))
        return tr("last {time}", time=words.duration(self._report.window_seconds if self._report else 0))

    def _on_feature(self, _name: str) -> None:
        self._show_feature()

    def _show_feature(self) -> None:
        feature = self.feature
        if feature is None:
            return
        self._show_chart(feature)
        name = alert_words.feature_name(feature.feature).lower()
        names = (tr("reference"), self._window())
        if feature.names:
            self._stack.setCurrentWidget(self.labels)
            self.labels.show_feature(tr("Distribution of {feature}", feature=name), "", names)
            self.labels.bars.show_shares(feature.names, feature.reference, feature.current)
            return
        self._stack.setCurrentWidget(self.bins)
        self.bins.header.set_texts(tr("Distribution of {feature}", feature=name), page_words.feature_unit(feature))
        if len(feature.edges) == len(feature.reference) == len(feature.current) and feature.edges:
            upper = UPPER.get(feature.feature)
            self.bins.set_bins(feature.edges, feature.reference, feature.current, names, upper)

    def _show_chart(self, feature: FeatureDrift) -> None:
        if (spec := _spec(feature.feature, feature.limit, self._when(feature.feature))) != self.chart.spec:
            self.chart.set_spec(spec)
        if self._charted == feature.feature:
            return
        self._charted = feature.feature
        points = [(at, psi) for at, psi in self._history.get(feature.feature, []) if psi is not None]
        self.group.set_series(_key(feature.feature), None, [at for at, _ in points], None, [psi for _, psi in points])
        self.group.reset()

    def _when(self, feature: str) -> str:
        """What the last value of the curve is of: of now, or of the last check that had enough texts."""
        known = [at for at, psi in self._history.get(feature, []) if psi is not None]
        checked = self._report.checked_at if self._report else None
        fresh = not known or (known[-1] == checked and not self._stale)
        return tr("now") if fresh else tr("at {time}", time=words.clock(known[-1]))

    def set_stale(self, stale: bool) -> None:
        """Nobody checks any more (the backend does not answer, the endpoint does not run): nothing is of now."""
        if stale != self._stale:
            self._stale = stale
            self._show_feature()

    # ---- words beside it -----------------------------------------------------------------------------------

    def show_facts(
        self, endpoint: EndpointRecord | None, version: VersionRecord | None, check_seconds: float | None, now: float
    ) -> None:
        """Window, minimum, reference, when."""
        report, feature = self._report, self.feature
        if report is None or report.checked_at is None:
            self.facts.show_facts([(tr("Endpoint"), endpoint.name if endpoint else self.endpoint)])
            return
        items = f"{words.count(report.window_items)} / {words.count(report.minimum_items)}"
        facts: list[Fact] = [
            (tr("Texts in the window / needed"), items),
            (tr("Window"), tr("last {time}", time=words.duration(report.window_seconds))),
            (tr("Reference"), self._reference(version)),
            (tr("Last check"), words.clock(report.checked_at)),
        ]
        if check_seconds is not None:
            facts.append((tr("Checked every"), words.seconds_exact(check_seconds) if check_seconds < 1
                          else words.duration(check_seconds)))  # fmt: skip
        if feature is not None:
            name = alert_words.feature_name(feature.feature)
            facts.append((tr("PSI of {feature}", feature=name.lower()), words.fixed(feature.psi, 3)))
            facts.append((tr("Jensen–Shannon distance"), words.fixed(feature.js, 3)))
            facts.append((tr("Limit"), words.fixed(feature.limit, 2)))
        if endpoint is not None and endpoint.serving_since:
            facts.append((tr("Live since"), words.day_and_time(endpoint.serving_since, now)))
        self.facts.show_facts(facts)

    def _reference(self, version: VersionRecord | None) -> str:
        if version is None:
            return words.DASH
        rows = version.evaluation.get("rows")
        part = tr("test part") if str(version.evaluation.get("split", "")) == "test" else tr("held-out part")
        return tr_n(rows, "v{v}, {part}, {n} row", "v{v}, {part}, {n} rows", v=version.version, part=part) if rows \
            else f"v{version.version}, {part}"  # fmt: skip

    def show_suggestion(self, title: str, detail: str, *, why: bool) -> None:
        """An empty title hides the bar."""
        self.suggestion.setVisible(bool(title))
        self.suggestion.show_texts(title, detail, why=why)


def trained_on(version: VersionRecord, dataset: DatasetRecord | None) -> str:
    """v1 learnt from sentiment_en_movie v1, 3,000 rows."""
    name = f"{dataset.name} v{dataset.version}" if dataset else version.dataset_name or words.DASH
    if dataset is None:
        return tr("v{n} learnt from {name}", n=version.version, name=name)
    return tr("v{n} learnt from {name}, {rows} rows", n=version.version, name=name, rows=words.count(dataset.rows))


def _scrolled(widget: QWidget) -> QScrollArea:
    """In a low window the column scrolls instead of being squeezed."""
    area = QScrollArea()
    area.setAccessibleName(tr("Drift & alerts"))
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(widget)
    area.viewport().setAutoFillBackground(False)
    widget.setAutoFillBackground(False)
    return area


def _key(feature: str) -> str:
    return f"psi/{feature}"


def _spec(feature: str, limit: float | None, when: str) -> ChartSpec:
    limits = (Limit(limit, "bad"), Limit(limit / 2, "warn")) if limit else ()
    series = SeriesSpec(_key(feature), "reference", when, style=".2f")
    return ChartSpec(
        f"psi:{feature}", alert_words.feature_name(feature) if feature else " ", (series,), unit="PSI", fill=True,
        zero=True, robust=False, lane=True, limits=limits,
    )  # fmt: skip
