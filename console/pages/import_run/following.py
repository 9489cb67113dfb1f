"""An import under way: told when it has ended, whether or not its sheet is still open."""

from __future__ import annotations

from typing import Any

from backend.contract.resources import Operation
from console import words
from console.following import Followed
from console.i18n import tr, tr_n


class Following(Followed):
    """One import."""

    def tell(self, operation: Operation) -> None:
        """In a toast; a single run is opened."""
        if operation.state == "failed":
            error = operation.error or {}
            text = f"{error.get('text', operation.text)} {error.get('fix') or ''}".strip()
            self._context.toast(tr("Nothing was imported"), text, kind="bad")
            return
        runs = operation.result.get("runs", [])
        fresh = [run for run in runs if not run["known"]]
        refused = operation.result.get("refused", [])
        detail = self._detail(fresh, len(runs) - len(fresh), refused)
        if not fresh:
            self._context.toast(tr("This content is here already"), detail, kind="info")
        else:
            kind = "warn" if refused else "ok"
            self._context.toast(tr_n(len(fresh), "Imported {n} run", "Imported {n} runs"), detail, kind=kind)
        if len(runs) == 1:
            self._context.navigate(f"run/{runs[0]['id']}")

    def _detail(self, fresh: list[dict[str, Any]], known: int, refused: list[dict[str, Any]]) -> str:
        points = sum(run.get("points", 0) for run in fresh)
        parts = [tr("{n} points", n=words.count(points))] if fresh else []
        if known:
            parts.append(tr_n(known, "{n} was here already", "{n} were here already"))
        if refused:
            name, why = refused[0].get("name", ""), refused[0].get("text", "")
            parts.append(tr("{name} could not be read: {why}", name=name, why=why))
        return " · ".join(parts)
