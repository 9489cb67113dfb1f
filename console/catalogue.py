"""Every page and every sheet by name; each is imported when it is first asked for."""

from __future__ import annotations

from console.i18n import mark
from console.stack import PageSpec

PAGES: tuple[PageSpec, ...] = (
    PageSpec("overview", mark("Overview"), "layout-dashboard", "console.pages.overview:OverviewPage"),
    PageSpec("data", mark("Data"), "database", "console.pages.data:DataPage", mark("Build")),
    PageSpec("runs", mark("Runs"), "activity", "console.pages.runs:RunsPage", mark("Build")),
    PageSpec("run", mark("Run"), "activity", "console.pages.run:RunPage", None, "runs", True),
    PageSpec("compare", mark("Compare"), "chart-line", "console.pages.compare:ComparePage", None, "runs", True),
    PageSpec("models", mark("Models"), "package", "console.pages.models:ModelsPage", mark("Ship")),
    PageSpec(
        "endpoints", mark("Endpoints"), "rocket", "console.pages.endpoints:EndpointsPage", mark("Ship"), None, True
    ),
    PageSpec("alerts", mark("Drift & alerts"), "bell", "console.pages.alerts:AlertsPage", mark("Watch")),
    PageSpec("audit", mark("Audit"), "file-clock", "console.pages.audit:AuditPage", mark("Watch")),
    PageSpec("settings", mark("Settings"), "settings", "console.pages.settings:SettingsPage"),
)  # fmt: skip

SHEETS: dict[str, str] = {
    "run.new": "console.pages.new_run:NewRunSheet",
    "data.import": "console.pages.import_data:ImportSheet",
    "run.import": "console.pages.import_run:ImportRunSheet",
    "model.promote": "console.pages.models.sheets:PromoteSheet",
    "model.rollback": "console.pages.models.sheets:RollBackSheet",
    "endpoint.new": "console.pages.endpoints.sheets:NewEndpointSheet",
}

KINDS = {"model": "models", "endpoint": "endpoints", "alert": "alerts", "drift": "alerts", "dataset": "data"}
"""Kind of a deep link → page, where they differ."""
