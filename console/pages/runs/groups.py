"""Groups of runs: which group a run belongs to, heads with the best value, collapsed ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backend.contract.resources import RunRecord
from console.i18n import mark, tr, tr_n
from console.widgets.paint import state_look

GROUPS = (
    ("", mark("No groups")),
    ("state", mark("State")),
    ("model", mark("Base model")),
    ("dataset", mark("Dataset")),
    ("tag", mark("Tag")),
)


@dataclass(frozen=True)
class GroupHead:
    """The head row of a group."""

    id: str
    title: str
    icon: tuple[str, str]
    metric: str
    best: float | None


def group_name(run: RunRecord, by: str) -> str:
    """The group of a run, in words; its first tag when grouped by tag."""
    if by == "state":
        return tr(state_look(run.state).word)
    if by == "model":
        return run.base_model or tr("no base model")
    if by == "dataset":
        return run.dataset_name or tr("no dataset")
    return run.tags[0] if run.tags else tr("no tag")


class Groups:
    """The layout of a table model: `arrange` puts a head before the runs of each group."""

    def __init__(self, better: Callable[[str], bool]) -> None:
        self._higher = better
        self.by = ""
        self.metric = "eval/f1"
        self.collapsed: set[str] = set()

    def toggle(self, head_id: str) -> None:
        """Fold a group away, or open it."""
        self.collapsed ^= {head_id}

    def arrange(self, rows: list[RunRecord]) -> list[RunRecord | GroupHead]:
        """Groups in the order of their first run; without grouping the rows as they are."""
        if not self.by:
            return list(rows)
        groups: dict[str, list[RunRecord]] = {}
        for run in rows:
            groups.setdefault(group_name(run, self.by), []).append(run)
        found: list[RunRecord | GroupHead] = []
        for name, members in groups.items():
            head = self._head(name, members)
            found.append(head)
            if head.id not in self.collapsed:
                found.extend(members)
        return found

    def _head(self, name: str, members: list[RunRecord]) -> GroupHead:
        head_id = f"group:{self.by}:{name}"
        metric = next((m for m in (self.metric, "eval/f1", "eval/accuracy", "eval/loss")
                       if any(run.metrics.get(m) is not None for run in members)), self.metric)  # fmt: skip
        known = [v for run in members if (v := run.metrics.get(metric)) is not None and v == v]
        best = (max if self._higher(metric) else min)(known) if known else None
        icon = "chevron-right" if head_id in self.collapsed else "chevron-down"
        count = tr_n(len(members), "{n} run", "{n} runs")
        return GroupHead(head_id, f"{name}  ·  {count}", (icon, "text-tertiary"), metric, best)
