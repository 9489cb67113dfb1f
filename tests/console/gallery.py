"""Every widget on paper: `python -m tests.console.gallery OUT` writes PNGs in dark, light and Chinese."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from backend.contract.recipes import TextClassificationSettings
from console.app import make_application
from console.i18n import translator
from console.tables import Column, Field, Progress, TableModel, TableView
from console.theme import theme
from console.widgets.attribution import TokenAttribution
from console.widgets.bulkbar import BulkBar
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import AliasChip, Icon, Ring, StateDot, StatePill, Tag
from console.widgets.controls import Segmented, Tabs, Toggle
from console.widgets.empty import EmptyState, Skeleton
from console.widgets.filterbox import FilterBox
from console.widgets.form import FormField, ModelForm
from console.widgets.interval import IntervalBar
from console.widgets.lineage import LineageStrip, Node
from console.widgets.logview import LogView
from console.widgets.meters import EstimateBar, Meter, MetricTile, ProgressBar, Sparkline
from console.widgets.page import PageHeader
from console.widgets.paint import StateLook
from console.widgets.panel import Panel, column, line, row
from console.widgets.rows import BarRow, EventRow, GateRow, HistoryRow, ItemList, KeyValue, ListItem
from console.widgets.sheet import Sheet, SheetHost
from console.widgets.text import Text
from console.widgets.timeline import VersionEntry, VersionTimeline
from console.widgets.toast import Banner, ToastHost
from console.widgets.traffic import TrafficSlider

FALL = [1.2 / (1 + 0.2 * i) + 0.02 * (i % 3) for i in range(60)]
FLAT = [11 + 0.6 * ((i * 7) % 5 - 2) / 2 for i in range(60)]


def _runs_table() -> tuple[TableModel, TableView]:
    def live(r: SimpleNamespace) -> bool:
        return bool(r.state == "running")

    columns = (
        Column("tick", "", lambda r: None, kind="check", width=42, sortable=False, hideable=False),
        Column("state", "State", lambda r: r.state, kind="pill", width=100),
        Column("name", "Name", lambda r: r.name, stretch=True, weight=500, hideable=False),
        Column("progress", "Progress", lambda r: r.share, cell=lambda r: r.progress, kind="progress", width=122),
        Column(
            "loss", "Train loss", lambda r: r.loss, cell=lambda r: r.spark, kind="sparkline", width=112,
            role=lambda r: "train" if live(r) else None,
        ),
        Column("eval", "Eval loss", lambda r: r.loss, text=lambda r: f"{r.loss:.4f}" if r.loss else "—", align="right", width=80),  # noqa: E501  a picture, not a program
        Column("f1", "F1", lambda r: r.f1, text=lambda r: f"{r.f1:.4f}" if r.f1 else "—", align="right", width=72),
        Column("duration", "Duration", lambda r: r.duration, align="right", width=86, role=lambda r: "text-secondary"),
        Column("tags", "Tags", lambda r: r.tags, kind="tags", width=140),
    )  # fmt: skip
    model = TableModel(columns)
    model.set_rows(_runs())
    return model, TableView(model, name="Runs")


def _runs() -> list[SimpleNamespace]:
    rows = []
    for index, state in enumerate(
        ("running", "running", "queued", "completed", "completed", "failed", "stopped", "paused")
    ):
        rows.append(
            SimpleNamespace(
                id=str(index), state=state, name=f"intent-lora-r{2**index}-s42", share=0.7 - index / 20,
                progress=Progress(0.7, "70%") if state == "running" else Progress(None, "starts in 18 min")
                if state == "queued" else None if state == "completed" else Progress(0.12, "12%", active=False),
                loss=0.2617 + index / 50 if state != "queued" else None, spark=FALL if state != "queued" else (),
                f1=0.9436 - index / 300 if state == "completed" else None, duration=f"{42 + index} min",
                tags=["sweep-4"] if index % 2 else ["sweep-4", "seed"],
            )
        )  # fmt: skip
    return rows


def sheet_one() -> QWidget:
    """Buttons, marks, panels, tiles, table."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(20, 0, 20, 16)
    layout.setSpacing(10)
    header = PageHeader("support-intent", "Text classification")
    header.add_left(StatePill("serving"))
    header.add_action(Segmented([("5", "5 min"), ("15", "15 min"), ("60", "1 h"), ("360", "6 h")], name="Window"))
    header.add_action(Button("Pause updates", icon="pause"))
    header.add_action(Button("Stop", "danger", "square"))
    header.add_action(Button("Promote v14…", "primary", "badge-check"))
    header.add_action(IconButton("ellipsis", "More"))
    layout.addWidget(header)
    marks = [StatePill(s) for s in ("running", "queued", "completed", "failed", "paused", "degraded", "open")]
    pill = StatePill()
    pill.set_look(StateLook("", "triangle-alert", "warn", True), "5 of 6 passed")
    chips = [AliasChip(a) for a in ("champion", "challenger", "previous", "shadow")]
    layout.addWidget(
        row(
            *marks,
            pill,
            *chips,
            Tag("sweep-4"),
            Tag("GPU 0", "ok"),
            Ring(0.7),
            StateDot("warn", "slow", halo=True),
            None,
        )
    )
    tabs = Tabs([("charts", "Charts"), ("log", "Log"), ("config", "Config"), ("checkpoints", "Checkpoints")])
    tabs.set_count("checkpoints", 4)
    layout.addWidget(tabs)
    tiles = []
    for label, value, unit, note in (
        ("Requests", "148.2", "/s", "+6% in 1 h"),
        ("p50", "6.1", "ms", "−0.2"),
        ("p99", "19.4", "ms", ""),
    ):
        tile = MetricTile(label)
        tile.set_value(value, unit)
        tile.set_note(note) if note else tile.set_note("SLO 25", "ok", "circle-check")
        tiles.append(tile)
    layout.addWidget(row(*tiles, gap=10))
    model, view = _runs_table()
    model.set_ticked(["0", "3"])
    panel = Panel(flush=True)
    panel.add(view)
    layout.addWidget(panel, 1)
    bulk = BulkBar(
        panel,
        [Button("Compare", "primary", "chart-line"), Button("Tag…", icon="tag"), Button("Archive", icon="archive")],
    )
    bulk.show_count(2)
    layout.addWidget(row(_gpu_panel(), _traffic_panel(), _estimate_panel(), gap=10))
    return page


def _gpu_panel() -> Panel:
    panel = Panel("GPU 0", "RTX 6000 Ada")
    panel.add_action(IconButton("ellipsis", "More", small=True))
    for label, role, value, unit, share in (
        ("Utilization", "utilization", "38", "%", 0.38),
        ("Memory", "memory", "38.2", "/48 GB", 0.8),
    ):
        meter = Meter(label, role)
        meter.set_value(value, unit, share, limited=True)
        panel.add(meter)
    spark = Sparkline("p95", zero=True)
    spark.set_values(FLAT)
    panel.add(spark)
    bar = ProgressBar("run")
    bar.set_fraction(0.7)
    panel.add(bar)
    return panel


def _traffic_panel() -> Panel:
    panel = Panel("Traffic")
    pill = StatePill("canary", "Canary 10%")
    panel.add_action(pill)
    slider = TrafficSlider()
    slider.set_split("v13", "v14", 10)
    panel.add(slider)
    mode = Segmented([("off", "Off"), ("shadow", "Shadow"), ("canary", "Canary")], "canary", small=True)
    panel.add(row(Text("Challenger mode", "small", "text-secondary"), None, mode))
    panel.add(row(Text("Step up 10% every 30 min", "small", "text-secondary"), None, Toggle("", True, name="Step up")))
    panel.add(line())
    panel.add(KeyValue("Accuracy from feedback", "+0.006 ± 0.011"))
    return panel


def _estimate_panel() -> Panel:
    panel = Panel("Estimate", "updates as you type")
    bar = EstimateBar("GPU memory")
    parts = (("Weights, bf16", 3.0, "s1-blue"), ("Optimizer", 0.9, "s4-magenta"), ("Activations", 15.9, "s2-orange"))
    bar.set_parts([(text, amount, role, f"{amount} GB") for text, amount, role in parts], 48)
    panel.add(bar)
    panel.add(GateRow("passed", "Fits, 25.1 GB to spare"))
    tokens = TokenAttribution("Why")
    tokens.set_tokens(
        [("My", 0.01), ("card", 0.2), ("was", 0.0), ("charged", 0.7), ("twice", 0.6), ("not", -0.4), ("money", 0.3)]
    )
    panel.add(tokens)
    return panel


def sheet_two() -> QWidget:
    """Lists, timeline, forms, states."""
    page = QWidget()
    layout = QHBoxLayout(page)
    layout.setContentsMargins(10, 16, 20, 16)
    layout.setSpacing(10)
    items = ItemList("Models")
    items.set_items(
        [
            ListItem("a", "support-intent", "Text classification", "v13", dot="ok"),
            ListItem("b", "ticket-summary", "Summarization", "v4", dot="warn"),
            ListItem("c", "doc-embed", "Embedding", "not serving", dot="idle"),
            ListItem("d", "Bias gap 0.058 by language", "toxicity-filter · mira", lead=("scale", "text-tertiary"), small_right="2 h", head="Acknowledged"),  # noqa: E501  a picture, not a program
        ]
    )  # fmt: skip
    items.set_current("a")
    box = FilterBox(
        (Field("f1", "number", lambda r: 0),), placeholder="Filter models", saved=["f1>0.9", "state:running"]
    )
    wrong = FilterBox((Field("f1", "number", lambda r: 0),))
    wrong.set_text("f2>0.9")
    left = column(row(Text("Models", "page-title"), Text("6", "body", "text-tertiary"), None), box, wrong, items, gap=8)
    left.setFixedWidth(232)
    layout.addWidget(left)
    versions = Panel("Versions", "macro F1", flush=True)
    timeline = VersionTimeline("Versions")
    timeline.set_entries(
        [
            VersionEntry("14", "v14", "Today 09:20 · intent-lora-r8-s42", "0.9412", ("challenger",), "warned"),
            VersionEntry("13", "v13", "21 Nov 16:02 · serving 90%", "0.9327", ("champion",), "passed", True),
            VersionEntry("12", "v12", "18 Nov · served 3 days", "0.9301", ("previous",), "passed", True),
            VersionEntry("11", "v11", "17 Nov · canary, rolled back", "0.9288", (), "failed"),
        ]
    )
    timeline.set_current("14")
    versions.add(timeline)
    versions.body.addStretch(1)
    versions.setFixedWidth(318)
    layout.addWidget(versions)
    layout.addWidget(_right_side(), 1)
    return page


def _right_side() -> QWidget:
    gates = Panel("Gates")
    gates.add(row(column(GateRow("passed", "Better than champion", "+0.0085, p = 0.004"), GateRow("passed", "Calibration below 0.05", "0.021"), gap=0), column(GateRow("warned", "p95 latency below 12 ms", "12.9 ms"), GateRow("failed", "Loads and answers", "0 of 8"), gap=0), gap=36))  # fmt: skip  # noqa: E501
    interval = IntervalBar("Macro F1")
    interval.set_interval(0.0085, 0.004, 0.013, 0.02)
    gates.add(interval)
    lineage = Panel("Lineage")
    strip = LineageStrip("Lineage")
    strip.set_nodes(
        [Node("Data", "tickets v12", "database"), Node("Run", "r8-s42", "activity"), Node("Version", "v14", "package", current=True), Node("Endpoint", "canary 10%", "rocket")]  # noqa: E501  a picture, not a program
    )  # fmt: skip
    lineage.add(strip)
    lineage.add(
        row(
            Icon("git-commit-horizontal", "text-tertiary", 14),
            Text("a91f3c2", "small", "text-secondary", mono=True),
            None,
        )
    )
    history = Panel("History", flush=True)
    link = Button("Audit", "link", "arrow-right", icon_right=True)
    history.add_action(link)
    history.body.setSpacing(0)
    history.add(
        HistoryRow("split", "challenger", "Canary v14 at 10%", "Try the smaller adapter", "mira", "today 13:19")
    )
    history.add(
        HistoryRow(
            "rotate-ccw", "warn", "Rolled back v11 to v10", "Turkish F1 fell 3 pt in canary", "jonas", "17 Nov 16:40"
        )
    )
    events = Panel("Events")
    events.add(EventRow("bookmark", "text-secondary", "Checkpoint saved, 21 MB", "8,000"))
    events.add(EventRow("triangle-alert", "warn", "Gradient norm 6.1", "7,120"))
    events.add(BarRow("refund", 0.912, "91.2%", "accent", strong=True))
    events.add(BarRow("billing error", 0.061, "6.1%", "line-strong"))
    log = Panel("Log")
    view = LogView("Log")
    view.append(
        [
            (1e9, "info", "step 8400/12000 loss 0.2191 lr 5.57e-05"),
            (1e9, "warning", "slow reader"),
            (1e9, "error", "CUDA out of memory\x1b[2J"),
        ]
    )
    view.find_text("loss")
    view.setFixedHeight(60)
    log.add(view)
    form = Panel()
    wrong = FormField("Max length", QLineEdit("1024"))
    wrong.set_error("roberta-large reads at most 512 tokens.", "Use 512", 512)
    combo = QComboBox()
    combo.addItems(["roberta-large · 355 M · on disk"])
    form.add(row(FormField("Base model", combo, hint="on disk"), wrong, gap=12, top=True))
    form.add(ModelForm(TextClassificationSettings, only=("epochs", "batch_size", "method", "weight_decay")))
    empty = Panel("Runs, empty")
    empty.add(EmptyState("activity", "No runs yet", "Pick a recipe and a dataset. The first run takes about 10 minutes.", (Button("New run", "primary", "plus"), Button("Try with sample data")), shortcut=("Ctrl N", "opens the sheet from anywhere")))  # fmt: skip  # noqa: E501
    loading = Panel("Models, loading")
    skeleton = Skeleton("Reading versions")
    skeleton.show_now()
    loading.add(skeleton)
    banner = Banner(rounded=True)
    banner.show_message(
        "Backend does not answer. Training and serving may still run.",
        buttons=(Button("Restart backend", icon="refresh-cw", small=True),),
    )
    left = column(gates, lineage, history, events, None, gap=10)
    right = column(form, log, row(empty, loading, gap=10), gap=10)
    return column(banner, row(left, right, gap=10), gap=10)


def promote_sheet() -> Sheet:
    """The confirm sheet of the mock-up."""
    sheet = Sheet("Promote support-intent v14 to champion", icon="badge-check", primary="Promote v14")
    sheet.add(Text("What changes", "small", "text-secondary", weight=500))
    for text in ("Macro F1 +0.0085 on holdout v3", "No errors in canary"):
        sheet.add(GateRow("passed", text, "95% interval 0.004 to 0.013"))
    sheet.add(
        row(Text("Rollout", "small", "text-secondary"), Segmented([("a", "All at once"), ("b", "Canary 10%")]), None)
    )
    field = FormField("Reason", QLineEdit())
    sheet.add(field)
    sheet.first_focus = field.control
    sheet.set_note("No requests are dropped during the switch.")
    return sheet


def main(out: Path) -> None:
    """Write the pictures."""
    app = make_application()
    out.mkdir(parents=True, exist_ok=True)
    for name in ("dark", "light", "zh"):
        theme.set_mode("light" if name == "light" else "dark")
        translator.set_language("zh" if name == "zh" else "en")
        theme.set_chinese(name == "zh")
        for number, make in enumerate((sheet_one, sheet_two), 1):
            page = make()
            page.resize(1236, 860)
            page.show()
            host, toasts = SheetHost(page), ToastHost(page, 20)
            if number == 1 and name != "zh":
                toasts.show_toast("Canary of v14 set to 10%", "v13 keeps 90%", undo=lambda: None)
            QApplication.processEvents()
            page.grab().save(str(out / f"gallery_{number}_{name}.png"))
            if number == 1:
                host.open(promote_sheet())
                QApplication.processEvents()
                page.grab().save(str(out / f"gallery_sheet_{name}.png"))
            page.close()
    app.processEvents()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "gallery-out"))
