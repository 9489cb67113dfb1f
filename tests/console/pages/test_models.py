"""The Models page by clicks and keys: versions, intervals, promote and roll back with reason, progress, undo."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from backend.contract.resources import EndpointRecord, ModelRecord, Operation, RunRecord, VersionRecord
from console.actions import Actions
from console.context import Context
from console.pages.models import ModelsPage, figures
from console.pages.models.sheets import LEAST_REASON, PromoteSheet, RollBackSheet
from console.pages.models.small_sheets import CardSheet, RegisterRunSheet
from console.settings import Settings
from console.sheets.register import tell_registering
from console.state.changes import Changes
from console.state.store import AppState
from console.widgets.sheet import SheetHost
from tests.helpers.dragging import drop, given_away, press_and_move
from tests.helpers.fake_link import FakeLink

NOW = 1_795_400_000.0


def version(number: int, hits: int = 240, **more: Any) -> VersionRecord:
    """A version measured on 300 rows of two classes, `hits` of them right."""
    half = hits // 2
    confusion = ((half, 150 - half), (150 - (hits - half), hits - half))
    share = hits / 300
    f1 = [2 * confusion[c][c] / (150 + sum(row[c] for row in confusion)) for c in (0, 1)]
    values = {"test/accuracy": share, "test/f1": sum(f1) / 2, "test/loss": 1.0 - share}
    per_class = {name: {"precision": 0.8, "recall": 0.8, "f1": f1[i], "support": 150}
                 for i, name in enumerate(("neg", "pos"))}  # fmt: skip
    evaluation = {"rows": 300, "values": values, "labels": ("neg", "pos"), "per_class": per_class,
                  "confusion": confusion}  # fmt: skip
    return VersionRecord(
        model="sentiment", version=number, run_id=f"r{number}", run_name=f"run-{number}", task="text-classification",
        metrics=values, created_at=NOW - 1000 + number, size_bytes=91_000_000, dataset_sha256="d", dataset_name="movie",
        evaluation=evaluation, labels=("neg", "pos"), manifest_sha256="ab" * 32, **more,
    )  # fmt: skip


@dataclass
class Bench:
    """A page with everything around it faked, and what it asked for."""

    page: ModelsPage
    link: FakeLink
    state: AppState
    host: SheetHost
    toasts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def tell(self, **changes: Any) -> None:
        self.page.refresh(Changes(**changes))


def plan(number: int = 2, *, kind: str = "promote", warnings: tuple[Any, ...] = (), blocked: str | None = None) -> Any:
    return {
        "kind": kind, "model": "sentiment", "version": number, "seconds": 1.0, "blocked": blocked,
        "changes": [{"what": "champion", "before": "v1", "after": f"v{number}", "icon": "crown"},
                    {"what": "traffic on live", "before": "v1 100%", "after": f"v{number} 100%", "icon": "route"}],
        "evidence": [{"ok": True, "text": "Files are as registered", "detail": "9 files"},
                     {"ok": not warnings, "text": "test/f1", "metric": "test/f1", "value": 0.8, "before": 0.7,
                      "change": 0.1}],
        "warnings": list(warnings),
    }  # fmt: skip


WORSE = {"text": "test/f1 gets worse by 0.1000", "detail": "version 1 has 0.8, this one 0.7"}


@pytest.fixture
def bench(qtbot: QtBot, settings: Settings) -> Iterator[Bench]:
    window = QWidget()
    window.resize(1236, 800)
    qtbot.addWidget(window)
    link, state = FakeLink(), AppState(now=lambda: NOW)
    state.loaded = state.online = True
    toasts: list[tuple[str, dict[str, Any]]] = []
    places: list[str] = []
    host = SheetHost(window)
    context = Context(
        link=link, state=state, settings=settings, actions=Actions(), clock=lambda: NOW, open_sheet=host.open,
        toast=lambda text, detail="", **more: toasts.append((text, {"detail": detail, **more})),
        navigate=places.append, offline=lambda: not state.online,
    )  # fmt: skip
    page = ModelsPage(context)
    page.setParent(window)
    page.resize(1236, 800)
    window.show()
    made = Bench(page, link, state, host, toasts, places)
    link.answers["GET /models/sentiment/history"] = {"items": []}
    link.answers["GET /models/sentiment/plan"] = plan()
    yield made
    if host.sheet is not None:
        host.sheet.close_sheet()


def serve(bench: Bench, live: int = 1, standby: int | None = None) -> None:
    versions = (version(2, 270), version(1, 240, aliases=("champion",), first_served_at=NOW, last_served_at=NOW))
    bench.state.models["sentiment"] = ModelRecord(
        name="sentiment", task="text-classification", labels=("neg", "pos"), versions=versions, champion=live,
        previous=standby,
    )  # fmt: skip
    bench.state.endpoints["live"] = EndpointRecord(
        name="live", state="serving", model="sentiment", live_version=live, standby_version=standby, serving_since=NOW
    )
    bench.tell(everything=True)


def type_reason(qtbot: QtBot, sheet: Any, text: str) -> None:
    qtbot.keyClicks(sheet.reason, text)


# ---- figures -----------------------------------------------------------------------------------------------


def test_interval_of_two_shares_is_newcombes() -> None:
    low, high = figures.newcombe(56 / 70, 70, 48 / 80, 80)  # the worked example of the paper, table II (a)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_macro_f1_interval_covers_its_change_and_shrinks_with_rows() -> None:
    low, high = figures.interval("f1", version(2, 270), version(1, 240))
    assert low is not None
    assert high is not None
    assert low < 0.1 < high
    assert high - low < 0.15


def test_no_interval_is_invented() -> None:
    new, old = version(2, 270), version(1, 240)
    assert figures.interval("loss", new, old) == (None, None)
    other_data = old.model_copy(update={"dataset_sha256": "other"})
    assert figures.interval("accuracy", new, other_data) == (None, None)
    no_matrix = new.model_copy(update={"evaluation": {**new.evaluation, "confusion": ()}})
    assert figures.interval("f1", no_matrix, old) == (None, None)


def test_metric_that_is_not_the_one_of_the_matrix_has_no_interval() -> None:
    new = version(2, 270)
    values = {**new.evaluation["values"], "test/f1": 0.5}
    odd = new.model_copy(update={"evaluation": {**new.evaluation, "values": values}})
    assert figures.interval("f1", odd, version(1)) == (None, None)


def test_colour_only_when_the_whole_interval_is_on_one_side() -> None:
    rows = {figure.name: figure for figure in figures.compare(version(2, 285), version(1, 240))}
    assert rows["accuracy"].role == "ok"
    assert rows["loss"].role == "text-tertiary"
    small = {figure.name: figure for figure in figures.compare(version(2, 242), version(1, 240))}
    assert small["accuracy"].role == "text-tertiary"


# ---- page --------------------------------------------------------------------------------------------------


def test_without_models_the_page_says_what_a_model_is(bench: Bench) -> None:
    bench.tell(everything=True)
    assert bench.page._stack.currentWidget() is bench.page._empty
    assert not bench.page._empty_register.isEnabled()


def test_deep_link_opens_a_version(bench: Bench) -> None:
    serve(bench)
    bench.page.open_target("sentiment/1")
    assert bench.page.version is not None
    assert bench.page.version.version == 1
    assert bench.page.target() == "sentiment/1"


def test_j_and_k_walk_through_the_versions(bench: Bench) -> None:
    serve(bench)
    find = {action.id: action for action in bench.page.actions()}
    assert (find["model.next"].shortcut, find["model.before"].shortcut) == ("J", "K")
    find["model.next"].callback()  # type: ignore[operator]
    assert bench.page.target() == "sentiment/1"
    find["model.before"].callback()  # type: ignore[operator]
    assert bench.page.target() == "sentiment/2"


def test_click_on_the_rail_shows_a_version_against_the_champion(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    assert bench.page.comparing.title.text() == "v2 against champion v1"
    timeline = bench.page.versions.timeline
    qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=timeline.rect().topLeft() + timeline.rect().topLeft())
    rows = timeline.rect().adjusted(0, 70, 0, 0).topLeft()
    qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=rows)
    assert bench.page.target() == "sentiment/1"
    assert bench.page.comparing.title.text() == "v1"


def test_filter_without_a_match_says_so(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    bench.page.pane.filter.set_text("nothing-like-it")
    assert bench.page.pane.items.items() == []
    assert "nothing-like-it" in bench.page.pane.none.text()


def test_live_version_cannot_be_promoted_and_says_why(bench: Bench) -> None:
    serve(bench)
    bench.page.open_target("sentiment/1")
    assert not bench.page.header.promote.isEnabled()
    assert "live on live already" in bench.page.header.promote.accessibleDescription()


def test_gates_show_the_evidence_of_the_plan(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    qtbot.waitUntil(lambda: bench.page.gates.pill.word == "2 of 2 passed")
    assert bench.link.last("GET", "/models/sentiment/plan").query == {
        "kind": "promote", "version": 2, "endpoint": "live"
    }  # fmt: skip


def test_backend_away_keeps_the_page_and_disables_the_buttons(bench: Bench) -> None:
    serve(bench)
    bench.state.online, bench.state.stale_since = False, NOW
    bench.page.set_stale(NOW)
    assert bench.page._stack.currentWidget() is bench.page._detail
    assert not bench.page.header.promote.isEnabled()
    assert "from " in bench.page.header.line.text()


# ---- promote -----------------------------------------------------------------------------------------------


def open_promote(bench: Bench, qtbot: QtBot) -> PromoteSheet:
    serve(bench)
    qtbot.mouseClick(bench.page.header.promote, Qt.MouseButton.LeftButton)
    sheet = bench.host.sheet
    assert isinstance(sheet, PromoteSheet)
    qtbot.waitUntil(lambda: sheet.plan is not None)
    return sheet


def test_promote_asks_for_a_reason_and_prefills_nothing(bench: Bench, qtbot: QtBot) -> None:
    sheet = open_promote(bench, qtbot)
    assert sheet.reason.text() == ""
    assert sheet.primary is not None
    assert not sheet.primary.isEnabled()
    type_reason(qtbot, sheet, "ok")
    assert sheet.primary.isEnabled()


def test_warnings_ask_for_ten_characters(bench: Bench, qtbot: QtBot) -> None:
    bench.link.answers["GET /models/sentiment/plan"] = plan(warnings=(WORSE,))
    sheet = open_promote(bench, qtbot)
    assert sheet.primary is not None
    type_reason(qtbot, sheet, "x" * (LEAST_REASON - 1))
    assert not sheet.primary.isEnabled()
    type_reason(qtbot, sheet, "y")
    assert sheet.primary.isEnabled()


@pytest.mark.parametrize("warnings", [(), (WORSE,), (WORSE, {"text": "x " * 90, "detail": "y " * 90})])
def test_the_sheet_is_as_high_as_what_it_says(bench: Bench, qtbot: QtBot, warnings: tuple[Any, ...]) -> None:
    """The reason stands right above the footer, and nothing scrolls, however many lines a warning folds into."""
    bench.link.answers["GET /models/sentiment/plan"] = plan(warnings=warnings)
    sheet = open_promote(bench, qtbot)
    for _ in range(2):  # once for what folds, once for what was missing
        with qtbot.waitSignal(sheet._growing.timeout):
            sheet._refit()
    assert sheet._footer.y() - sheet.reason.mapTo(sheet, sheet.reason.rect().bottomLeft()).y() <= 9
    assert sheet._scroll.verticalScrollBar().maximum() == 0


def test_blocked_promotion_says_what_blocks_it(bench: Bench, qtbot: QtBot) -> None:
    bench.link.answers["GET /models/sentiment/plan"] = plan(blocked="Endpoint live is stopped; start it first.")
    sheet = open_promote(bench, qtbot)
    type_reason(qtbot, sheet, "a long enough reason")
    assert sheet.why_not() == "Endpoint live is stopped; start it first."


def promoted(bench: Bench, qtbot: QtBot) -> PromoteSheet:
    sheet = open_promote(bench, qtbot)
    type_reason(qtbot, sheet, "better on every class")
    qtbot.keyClick(sheet, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    asked = bench.link.last("POST", "/models/sentiment/promote")
    assert asked.body == {"version": 2, "endpoint": "live", "reason": "better on every class"}
    asked.succeed(operation("running", "load"))
    return sheet


def operation(state: str, stage: str, **more: Any) -> dict[str, Any]:
    return {"id": "op-1", "kind": "promote", "object": "model/sentiment", "state": state, "stage": stage, **more}


def test_switch_shows_its_steps_then_a_toast_with_undo(bench: Bench, qtbot: QtBot) -> None:
    sheet = promoted(bench, qtbot)
    assert sheet.progress.states() == ["running", "waiting", "waiting", "waiting"]
    bench.state.operations["op-1"] = Operation.model_validate(operation("running", "switch"))
    qtbot.waitUntil(lambda: sheet.progress.states()[2] == "running")
    result = {"from_version": 1, "to_version": 2, "seconds": 0.42, "endpoint": "live"}
    bench.state.operations["op-1"] = Operation.model_validate(operation("done", "verify", result=result))
    qtbot.waitUntil(lambda: bench.host.sheet is None)
    text, more = bench.toasts[-1]
    assert text == "v2 is live"
    assert "0.42 s" in more["detail"]
    more["undo"]()
    bench.link.last("POST", "/operations/op-1/undo").succeed({**operation("running", "load"), "id": "op-2"})
    told = len(bench.toasts)
    undone = {**operation("done", "verify", result={**result, "to_version": 1}), "id": "op-2", "kind": "undo"}
    bench.link.last("GET", "/operations/op-2").succeed(undone)
    assert bench.toasts[told] == ("Undone, v1 answers again", {"detail": "live · took 0.42 s", "kind": "ok"})
    more["redo"]()  # the undoing is taken back, not the promotion once more
    bench.link.last("POST", "/operations/op-2/undo").succeed({**operation("running", "load"), "id": "op-3"})
    more["undo"]()
    assert bench.link.last("POST", "/operations/op-3/undo")


def test_failed_switch_says_why_and_that_the_old_one_stayed(bench: Bench, qtbot: QtBot) -> None:
    sheet = promoted(bench, qtbot)
    error = {"kind": "refused", "code": "x", "text": "Golden sample 3 differs; version 1 stays live.",
             "details": {"live_version": 1}}  # fmt: skip
    bench.link.last("GET", "/operations/op-1").succeed(operation("failed", "warm_up", error=error))
    assert bench.host.sheet is sheet
    assert sheet.progress.states()[1] == "failed"
    assert sheet.note.text() == "v1 stayed live the whole time."
    assert not bench.toasts


def test_failure_after_the_sheet_was_closed_is_a_toast(bench: Bench, qtbot: QtBot) -> None:
    sheet = promoted(bench, qtbot)
    switch = sheet.switch
    assert switch is not None
    sheet.close_sheet()
    switch.take(Operation.model_validate(operation("failed", "load", error={"text": "disk full"})))
    assert bench.toasts[-1][0] == "The switch failed"
    assert bench.toasts[-1][1]["detail"] == "disk full"


def test_refusal_keeps_what_was_typed(bench: Bench, qtbot: QtBot) -> None:
    sheet = open_promote(bench, qtbot)
    type_reason(qtbot, sheet, "better on every class")
    assert sheet.primary is not None
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    bench.link.last("POST", "/models/sentiment/promote").refuse("Another change is on its way.")
    assert sheet.reason.text() == "better on every class"
    assert sheet.reason.isEnabled()
    assert not sheet.primary.busy


# ---- roll back, small sheets -------------------------------------------------------------------------------


def test_roll_back_is_preset_to_the_standby_and_may_choose_another(bench: Bench, qtbot: QtBot) -> None:
    serve(bench, live=2, standby=1)
    bench.link.answers["GET /models/sentiment/plan"] = plan(1, kind="rollback", warnings=(WORSE,))
    qtbot.mouseClick(bench.page.header.roll_back, Qt.MouseButton.LeftButton)
    sheet = bench.host.sheet
    assert isinstance(sheet, RollBackSheet)
    qtbot.waitUntil(lambda: sheet.plan is not None)
    assert sheet._versions.currentData() == 1
    assert sheet.primary is not None
    assert sheet.primary.text() == "Roll back to v1"
    type_reason(qtbot, sheet, "the new one is rude")
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    asked = bench.link.last("POST", "/models/sentiment/rollback")
    assert asked.body == {"version": 1, "endpoint": "live", "reason": "the new one is rude"}


def test_roll_back_without_anything_before_is_disabled(bench: Bench) -> None:
    serve(bench)
    assert bench.page.header.roll_back.accessibleDescription() == "Nothing was live before."


def test_register_names_the_next_version(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    bench.state.runs["r9"] = RunRecord(
        id="r9", name="nine", recipe="text_classification", state="completed", model_ready=True, ended_at=NOW
    )
    qtbot.mouseClick(bench.page.pane.add, Qt.MouseButton.LeftButton)
    sheet = bench.host.sheet
    assert isinstance(sheet, RegisterRunSheet)
    assert sheet.primary is not None
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    asked = bench.link.last("POST", "/models")
    assert asked.body == {"run_id": "r9", "name": "sentiment", "note": ""}
    begun = {"id": "op1", "kind": "register", "object": "model/sentiment", "state": "running"}
    asked.succeed(begun)
    assert bench.toasts[-1][0] == "Registering sentiment v3"
    done = {**begun, "state": "done", "result": {"model": "sentiment", "version": 3, "run_id": "r9"}}
    bench.link.last("GET", "/operations/op1").succeed(done)
    text, more = bench.toasts[-1]
    assert text == "Registered sentiment v3"
    bench.places.clear()
    more["actions"][0].callback()
    assert bench.places == ["model/sentiment/3"]


def test_a_registration_that_fails_is_told_with_its_reason(bench: Bench, qtbot: QtBot) -> None:
    begun = {"id": "op1", "kind": "register", "object": "model/sentiment", "state": "running"}
    tell_registering(bench.page.context, "sentiment", begun)
    error = {"kind": "refused", "code": "x", "text": "The disk is full."}
    bench.state.operations["op1"] = Operation.model_validate({**begun, "state": "failed", "error": error})
    qtbot.waitUntil(lambda: bench.toasts[-1][0] == "It was not registered")
    assert (bench.toasts[-1][1]["detail"], bench.toasts[-1][1]["kind"]) == ("The disk is full.", "bad")


def test_card_needs_its_required_parts(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    qtbot.mouseClick(bench.page.card.edit, Qt.MouseButton.LeftButton)
    sheet = bench.host.sheet
    assert isinstance(sheet, CardSheet)
    assert sheet.primary is not None
    sheet._parts[0][1].setPlainText("Film reviews")
    assert not sheet.primary.isEnabled()
    sheet._parts[1][1].setPlainText("Irony")
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    body = bench.link.last("PATCH", "/models/sentiment/versions/2").body
    assert body == {"card": "## Intended use\nFilm reviews\n\n## Known limits\nIrony"}


def test_a_version_being_registered_is_shown_when_it_comes(bench: Bench) -> None:
    """The register sheet leads here before the version exists; no word that there is none, then v3 itself."""
    serve(bench)
    bench.tell(everything=True)
    bench.page.open_target("sentiment/3")
    assert bench.page.target() == "sentiment/2"
    known = bench.state.models["sentiment"]
    bench.state.models["sentiment"] = known.model_copy(update={"versions": (version(3), *known.versions)})
    bench.tell(models={"sentiment"})
    assert bench.page.target() == "sentiment/3"
    bench.page.open_target("other/1")
    assert not bench.toasts


def test_a_version_dropped_on_another_compares_their_runs(bench: Bench, monkeypatch: Any) -> None:
    serve(bench)
    timeline = bench.page.versions.timeline
    first, second = timeline.rect().topLeft() + QPoint(60, 30), timeline.rect().topLeft() + QPoint(60, 90)
    with given_away(monkeypatch) as texts:
        press_and_move(timeline, first, second)
    assert texts == ["modeldeck://model/sentiment/2"]
    assert drop(timeline, second, texts[0])
    runs = {v.version: v.run_id for v in bench.state.models["sentiment"].versions}
    assert bench.places[-1] == f"compare/{runs[2]},{runs[1]}"
    assert not drop(timeline, first, texts[0])  # on itself
    assert not drop(timeline, second, "modeldeck://model/other/9")
