"""Backend, GPUs and storage: what is there, what may be changed, and the log."""

from __future__ import annotations

from typing import Any

from backend.contract.resources import DoctorReport
from console import words
from console.asking import ask
from console.context import Context
from console.i18n import tr, tr_n
from console.pages.settings.fields import (
    CURRENCY,
    ENERGY_PRICE,
    MIRROR,
    RESERVE,
    RUNS_AT_ONCE,
    TELEMETRY_HZ,
    BackendRow,
)
from console.pages.settings.parts import Category, Row, Section
from console.said import said_each
from console.settings import HIDDEN_PANELS
from console.widgets.buttons import Button
from console.widgets.controls import Toggle
from console.widgets.logview import LogView
from console.widgets.panel import row
from console.widgets.text import Text

LOG_LINES = 400


class FactRow(Row):
    """A name with a value that can be copied."""

    def __init__(self, context: Context, name: str, *, copy: bool = False, words: str = "") -> None:
        self.value = Text(tr("unknown"), "body", "text-secondary", elide=True)
        self._copy = Button(tr("Copy"), "ghost", "copy", small=True)
        self._copy.clicked.connect(lambda: context.copy(self.value.text()))
        if not copy:
            self._copy.hide()
        super().__init__(name, row(self.value, self._copy) if copy else self.value, words=words)

    def show_value(self, text: str, role: str = "text-secondary") -> None:
        self.value.setText(text)
        self.value.set_role(role)
        self.value.setFixedWidth(min(430, self.value.fontMetrics().horizontalAdvance(text) + 4))


class BackendCategory(Category):
    """State, address, queue, mirror, self-check and log."""

    def __init__(self, context: Context) -> None:
        super().__init__("backend", tr("Backend"))
        self._context = context
        self.restart = Button(tr("Restart"), icon="refresh-cw", small=True)
        self.restart.clicked.connect(lambda: context.start("backend.restart"))
        self.state = Row(tr("State"), self.restart, " ", words="restart")
        self.address = FactRow(context, tr("Address"), copy=True, words="socket")
        self.process = FactRow(context, tr("Process"), words="pid")
        self.add(Section(tr("Backend"), self.state, self.address, self.process))
        self.mirror = BackendRow(context, MIRROR)
        self.values = (BackendRow(context, RUNS_AT_ONCE), self.mirror)
        self.add(Section(tr("Work"), *self.values))
        self.check = Button(tr("Check home folder"), icon="list-checks", small=True)
        self.check.clicked.connect(self._on_check_clicked)
        self.checked = Row(tr("Self-check"), self.check, tr("Database, audit chain, job folders, models, permissions."),
                           words="doctor")  # fmt: skip
        self.add(Section(tr("Health"), self.checked))
        self.log = LogView(tr("Log of the backend"))
        self.log.setFixedHeight(240)
        again = Button(tr("Refresh"), "ghost", "refresh-cw", small=True)
        again.clicked.connect(self.read_log)
        section = Section(tr("Log"))
        section.add_action(again)
        section.add(row(self.log, margins=(13, 2, 8, 10)))
        self.add(section)

    def refresh(self) -> None:
        """Bring everything up to the state."""
        system, offline = self._context.state.system, self._context.offline()
        self.restart.set_busy(self._context.state.restarting)
        if self._context.state.restarting:
            self.state.set_hint(tr("Restarting the backend. Training and serving go on."))
        elif offline or system is None:
            self.state.set_hint(tr("Backend does not answer."), "warn")
        else:
            since = words.day_and_time(system.started_at, self._context.clock())
            self.state.set_hint(tr("Running since {time}, version {version}", time=since, version=system.version))
        if system is not None:
            self.address.show_value(system.socket)
            self.process.show_value(tr("pid {pid}, user {user}", pid=system.pid, user=system.user or "?"))
            self._show_mirror(system.mirror)
        reason = tr("Backend does not answer.") if offline else ""
        self.check.set_enabled(not reason, reason)
        for value in self.values:
            value.refresh()

    def _show_mirror(self, mirror: Any) -> None:
        if mirror is None:
            return
        texts = {
            "in_sync": tr("In sync."),
            "behind": tr("{n} still to copy.", n=words.count(mirror.backlog)),
            "off": tr("Off. Other tools see no new runs."),
            "failing": tr("Failing: {why}", why=mirror.text or "?"),
        }
        self.mirror.set_hint(
            texts.get(mirror.state, mirror.text), "warn" if mirror.state == "failing" else "text-tertiary"
        )

    def read_log(self) -> None:
        """Ask for the newest lines."""
        if not self._context.offline():
            self._context.link.get("/system/log", {"count": LOG_LINES}).on_reply(self._show_log)

    def _show_log(self, body: dict[str, Any]) -> None:
        lines = []
        for item in body.get("items", []):
            more = {k: v for k, v in item.items() if k not in ("time", "level", "logger", "text")}
            rest = " ".join(f"{key}={value}" for key, value in more.items())
            lines.append(
                (item.get("time") or 0.0, item.get("level") or "info", f"{item.get('text', '')} {rest}".strip())
            )
        self.log.set_lines(lines)

    def _on_check_clicked(self) -> None:
        ask(self._context, self._context.link.get("/system/doctor"), self.check).on_reply(self._show_report)

    def _show_report(self, body: dict[str, Any]) -> None:
        report = DoctorReport.model_validate(body)
        wrong = [check for check in report.checks if not check.ok]
        if not wrong:
            text = tr_n(len(report.checks), "{n} check passed.", "All {n} checks passed.")
            self.checked.set_hint(text, "ok")
            return
        self.checked.set_hint("\n".join(f"{check.name}: {check.detail}" for check in wrong), "bad")


class GpuCategory(Category):
    """The cards the backend reads, which of them the Overview shows, and how often they are read."""

    def __init__(self, context: Context) -> None:
        super().__init__("gpus", tr("GPUs"))
        self._context = context
        self._shown: tuple[Any, ...] | None = None
        self.cards = self.add(Section(tr("Shown on the Overview")))
        self.rate = BackendRow(context, TELEMETRY_HZ)
        self.add(Section(tr("Readings"), self.rate))
        self.energy = (BackendRow(context, ENERGY_PRICE), BackendRow(context, CURRENCY))
        self.add(Section(tr("Energy of a run"), *self.energy))

    def refresh(self) -> None:
        """Rebuilt only when there are other cards."""
        for value in (self.rate, *self.energy):
            value.refresh()
        sample = self._context.state.telemetry
        gpus = sample.gpus if sample else ()
        problem = sample.gpu_problem or "" if sample else ""
        key = tuple((gpu.index, gpu.name) for gpu in gpus), problem
        if key != self._shown:
            self._shown = key
            self._make(gpus, problem)
        hidden = self._context.settings.get(HIDDEN_PANELS)
        for each in self.cards.rows:
            if isinstance(each.control, Toggle):
                each.control.blockSignals(True)
                each.control.setChecked(f"overview/gpu{each.control.property('gpu')}" not in hidden)
                each.control.blockSignals(False)

    def _make(self, gpus: tuple[Any, ...], problem: str) -> None:
        for old in self.cards.rows:
            self.cards.body.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.cards.rows = []
        if not gpus:
            self.cards.add_row(Row(tr("No NVIDIA GPU found"), None, said_each(problem) or tr("Training uses the CPU.")))
        for gpu in gpus:
            toggle = Toggle("")
            toggle.setProperty("gpu", gpu.index)
            toggle.toggled.connect(lambda on, index=gpu.index: self._set_shown(index, on))
            limit = f" · {tr('power limit {n} W', n=words.count(gpu.power_limit_w))}" if gpu.power_limit_w else ""
            memory = tr("{size} GB of memory", size=words.count((gpu.memory_total_bytes or 0) / 2**30))
            self.cards.add_row(Row(f"GPU {gpu.index} {gpu.name}", toggle, memory + limit))

    def _set_shown(self, index: int, on: bool) -> None:
        key, settings = f"overview/gpu{index}", self._context.settings
        before = settings.get(HIDDEN_PANELS)
        others = [known for known in before if known != key]
        after = others if on else [*others, key]
        settings.set(HIDDEN_PANELS, after)
        text = f"GPU {index}: {tr('shown') if on else tr('hidden')}"
        self._context.toast(
            text, undo=lambda: settings.set(HIDDEN_PANELS, before), redo=lambda: settings.set(HIDDEN_PANELS, after)
        )


class StorageCategory(Category):
    """Where things lie and how much room they take."""

    def __init__(self, context: Context) -> None:
        super().__init__("storage", tr("Storage"))
        self._context = context
        self.home = FactRow(context, tr("Home folder"), copy=True, words="path")
        self.disk = FactRow(context, tr("Disk"), words="free")
        self.datasets = FactRow(context, tr("Datasets"))
        self.models = FactRow(context, tr("Model versions"))
        self.add(Section(tr("What lies where"), self.home, self.disk, self.datasets, self.models))
        self.reserve = BackendRow(context, RESERVE)
        self.add(Section(tr("Limits"), self.reserve))

    def refresh(self) -> None:
        """Bring everything up to the state."""
        state = self._context.state
        if state.system is not None:
            self.home.show_value(state.system.home)
            free, total = state.system.disk_free_bytes, state.system.disk_total_bytes
            low = free is not None and free < 5e9
            text = tr("{free} free of {all}", free=words.size(free), all=words.size(total))
            self.disk.show_value(text, "warn" if low else "text-secondary")
        data = list(state.datasets.values())
        versions = [v for model in state.models.values() for v in model.versions if not v.deleted]
        self.datasets.show_value(_sum(len(data), sum(d.size_bytes for d in data)))
        self.models.show_value(_sum(len(versions), sum(v.size_bytes for v in versions)))
        self.reserve.refresh()


def _sum(count: int, size: float) -> str:
    return f"{words.count(count)} · {words.size(size)}" if count else tr("none")
