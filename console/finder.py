"""What the palette lists: the page's actions, places, and everything the state knows by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console import alert_words
from console.actions import Action, Actions
from console.i18n import tr
from console.widgets.palette import PaletteItem

MOST_FOUND = 400


def palette_items(
    actions: Actions, state: Any, run: Callable[[Action], object], navigate: Callable[[str], None], focus: str = ""
) -> list[PaletteItem]:
    """Entries in the order of their sections: the thing in focus, places, things found, the other commands."""
    head = tr("For {name}", name=focus) if focus else tr("This page")
    items = [_of_action(a, head, actions, run) for a in actions.page() if a.palette]
    items += [_of_action(a, tr("Go to"), actions, run) for a in actions.shell() if a.section == "go"]
    items += _found(state, navigate)
    items += [_of_action(a, tr("Commands"), actions, run) for a in actions.shell() if a.palette and not a.section]
    return items


def _of_action(action: Action, section: str, actions: Actions, run: Callable[[Action], object]) -> PaletteItem:
    return PaletteItem(
        section,
        action.plain_text,
        lambda: run(action),
        action.detail,
        action.icon or "chevron-right",
        actions.shortcut(action),
        action.reason(),
        "help" if action.id == "help" else "command",
    )


def _found(state: Any, navigate: Callable[[str], None]) -> list[PaletteItem]:
    section = tr("Find")
    items: list[PaletteItem] = []

    def add(text: str, detail: str, icon: str, link: str, kind: str) -> None:
        items.append(PaletteItem(section, text, lambda: navigate(link), detail, icon, kind=kind))

    for run in list(state.runs.values())[:MOST_FOUND]:
        add(
            run.name,
            f"{tr(run.state.capitalize())} · {run.dataset_name or run.recipe}",
            "activity",
            f"run/{run.id}",
            "run",
        )
    for model in list(state.models.values())[:MOST_FOUND]:
        champion = f"v{model.champion}" if model.champion else tr("no champion")
        add(model.name, champion, "package", f"model/{model.name}", "version")
        for version in model.versions:
            detail = ", ".join(version.aliases) if version.aliases else ""
            add(
                f"{model.name} v{version.version}",
                detail,
                "package",
                f"model/{model.name}/{version.version}",
                "version",
            )
    for endpoint in state.endpoints.values():
        add(endpoint.name, tr("endpoint"), "rocket", f"endpoint/{endpoint.name}", "place")
    for dataset in list(state.datasets.values())[:MOST_FOUND]:
        add(
            f"{dataset.name} v{dataset.version}",
            tr("{n} rows", n=f"{dataset.rows:,}"),
            "database",
            f"dataset/{dataset.id}",
            "place",
        )
    for alert in state.open_alerts():
        add(alert_words.headline(alert), alert.endpoint or "", "bell", f"alert/{alert.id}", "place")
    return items
