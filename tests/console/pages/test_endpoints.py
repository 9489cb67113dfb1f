"""The Endpoints page by clicks and keys: figures, traffic, stop with undo, playground, deploy."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from backend.contract.events import RequestWindow
from backend.contract.resources import BackendSettings, EndpointRecord, ModelRecord, VersionRecord
from console.actions import Actions
from console.context import Context
from console.pages.endpoints import EndpointsPage
from console.pages.endpoints.acting import curl, python
from console.pages.endpoints.asking import MOST_INPUTS, InputError, read_inputs
from console.pages.endpoints.figures import Recent, error_percent
from console.pages.endpoints.sheets import DeleteEndpointSheet, NewEndpointSheet
from console.settings import Settings
from console.state.changes import Changes
from console.state.store import AppState
from console.widgets.sheet import SheetHost
from tests.helpers.fake_link import FakeLink

NOW = 1_795_400_000.0
ENGINES = ({"version": 2, "state": "ready", "memory_bytes": 100_000_000}, {"version": 1, "state": "ready"})
ANSWER = {
    "model": "sentiment", "version": 2, "predictions": [{"label": "pos", "score": 0.9, "truncated": False,
                                                         "scores": {"neg": 0.1, "pos": 0.9}}],
    "timing": {"queue_ms": 0.4, "tokenize_ms": 0.6, "model_ms": 4.8, "encode_ms": 0.2},
}  # fmt: skip


def endpoint(**more: Any) -> EndpointRecord:
    fields: dict[str, Any] = {
        "name": "live", "url": "http://127.0.0.1:8085", "port": 8085, "key": "s3cret", "state": "serving",
        "model": "sentiment", "live_version": 2, "standby_version": 1, "serving_since": NOW - 7200, "engines": ENGINES,
        "stats": {"serve/requests_per_s": 10.0, "serve/errors_per_s": 0.1, "serve/latency_ms_p99": 19.4},
        "limits": {"max_batch": 32, "max_wait_ms": 2.0, "queue": 256, "slo_p99_ms": 25.0},
    }  # fmt: skip
    return EndpointRecord(**{**fields, **more})


def window(number: int, requests: int = 60, errors: int = 0) -> RequestWindow:
    return RequestWindow(model="sentiment", version=number, seconds=1.0, requests=requests, items=requests,
                         errors=errors, rejected=0, latency_ms_p50=5.0, latency_ms_p95=11.8,
                         latency_ms_p99=19.0)  # fmt: skip


@dataclass
class Bench:
    """A page with everything around it faked, and what it asked for."""

    page: EndpointsPage
    link: FakeLink
    state: AppState
    host: SheetHost
    toasts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    started: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def tell(self, **changes: Any) -> None:
        self.page.refresh(Changes(**changes))


@pytest.fixture
def bench(qtbot: QtBot, settings: Settings) -> Iterator[Bench]:
    around = QWidget()
    around.resize(1236, 800)
    qtbot.addWidget(around)
    link, state = FakeLink(), AppState(now=lambda: NOW)
    state.loaded = state.online = True
    made: dict[str, list[Any]] = {"toasts": [], "places": [], "started": []}
    host = SheetHost(around)
    context = Context(
        link=link, state=state, settings=settings, actions=Actions(), clock=lambda: NOW, open_sheet=host.open,
        toast=lambda text, detail="", **more: made["toasts"].append((text, {"detail": detail, **more})),
        navigate=made["places"].append, offline=lambda: not state.online,
        start=lambda name, **arguments: made["started"].append((name, arguments)),
    )  # fmt: skip
    page = EndpointsPage(context)
    page.setParent(around)
    page.resize(1236, 800)
    around.show()
    yield Bench(page, link, state, host, made["toasts"], made["places"], made["started"])
    page.on_hidden()
    if host.sheet is not None:
        host.sheet.close_sheet()


def serve(bench: Bench, **more: Any) -> None:
    versions = tuple(
        VersionRecord(model="sentiment", version=n, run_id=f"r{n}", run_name=f"run-{n}",
                      aliases=("champion",) if n == 2 else ("previous",) if n == 1 else ())
        for n in (3, 2, 1)
    )  # fmt: skip
    bench.state.models["sentiment"] = ModelRecord(
        name="sentiment", task="text-classification", versions=versions, champion=2, previous=1
    )
    bench.state.endpoints["live"] = endpoint(**more)
    bench.tell(everything=True)


# ---- figures -----------------------------------------------------------------------------------------------


def test_figures_of_a_version_are_those_of_the_last_minute() -> None:
    recent = Recent()
    recent.add([(NOW - 90, window(2, 600)), (NOW - 10, window(2, 60, 3)), (NOW - 5, window(1, 30))])
    recent.add([(NOW - 10, window(2, 60, 3))])  # heard twice
    found = recent.of(2, NOW)
    assert (found.requests_per_s, found.p95_ms, found.error_share) == (1.0, 11.8, 0.05)
    assert recent.of(7, NOW).p95_ms is None


def test_idle_endpoint_shows_no_figures_of_long_ago(bench: Bench) -> None:
    serve(bench)
    bench.page._recent.read = True
    bench.page._recent.add([(NOW - 90, window(2))])
    bench.tell(endpoints={"live"})
    assert bench.page.tiles["requests"].accessibleName() == "Requests, 0.0 /s"
    assert bench.page.tiles["p99"].accessibleName() == "p99, —"


def test_error_percent_is_unknown_without_figures() -> None:
    assert error_percent({}) is None
    assert error_percent(endpoint().stats) == pytest.approx(1.0)


# ---- page --------------------------------------------------------------------------------------------------


def test_no_endpoint_offers_to_deploy(bench: Bench) -> None:
    bench.tell(everything=True)
    assert bench.page._stack.currentWidget() is bench.page._empty
    assert not bench.page._deploy.isEnabled()
    assert "Register a run first" in bench.page._deploy.accessibleDescription()


def test_header_and_tiles_show_the_record(bench: Bench) -> None:
    serve(bench)
    assert bench.page.head.address.text() == "POST 127.0.0.1:8085/predict"
    assert bench.page.tiles["p99"].accessibleName() == "p99, 19.4 ms"
    assert bench.page.tiles["errors"].accessibleName() == "Errors, 1.00 %"
    assert bench.page.tiles["uptime"].accessibleName() == "Uptime, 2 h"


def test_windows_of_the_feed_reach_table_and_curves(bench: Bench) -> None:
    serve(bench)
    bench.page.on_shown()
    bench.link.last("GET", "/endpoints/live/history").succeed(
        {"times": [NOW - 60], "values": {"serve/requests_per_s": [5.0], "serve/latency_ms_p50": [None]}}
    )
    bench.tell(windows={"live": [(NOW - 1, window(2))]}, endpoints={"live"})
    assert "v2 champion 1.0 11.8 0.00%" in bench.page.traffic.table.accessibleName()
    assert bench.page._charts["feeder"]._newest == NOW - 1


def test_stop_asks_the_backend_and_can_be_undone(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    qtbot.mouseClick(bench.page.head.stop, Qt.MouseButton.LeftButton)
    assert bench.page.head.stop.busy
    bench.link.last("POST", "/endpoints/live/stop").succeed({})
    assert not bench.page.head.stop.busy
    text, more = bench.toasts[-1]
    assert text == "live stopped"
    more["undo"]()
    assert bench.link.last("POST", "/endpoints/live/start")


def test_refusal_is_told(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    qtbot.mouseClick(bench.page.head.restart, Qt.MouseButton.LeftButton)
    bench.link.last("POST", "/endpoints/live/restart").refuse("A change is on its way.")
    assert bench.toasts[-1] == ("A change is on its way.", {"detail": "", "kind": "bad"})


def test_endpoint_at_rest_offers_start(bench: Bench, qtbot: QtBot) -> None:
    serve(bench, state="stopped", engines=())
    assert bench.page.head.stop.isHidden()
    assert not bench.page.traffic.promote.isEnabled()
    assert not bench.page.playground.run_button.isEnabled()
    qtbot.mouseClick(bench.page.head.start, Qt.MouseButton.LeftButton)
    assert bench.link.last("POST", "/endpoints/live/start")


def test_promote_and_roll_back_open_the_sheets_of_the_models_page(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    qtbot.mouseClick(bench.page.traffic.promote, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(bench.page.traffic.roll_back, Qt.MouseButton.LeftButton)
    arguments = {"model": "sentiment", "endpoint": "live"}
    assert bench.started == [
        ("model.promote", {**arguments, "version": 3}),
        ("model.rollback", {**arguments, "version": 1}),
    ]


def test_actions_do_not_change_from_figure_to_figure(bench: Bench) -> None:
    serve(bench)
    before = list(bench.page.actions())
    bench.state.endpoints["live"] = endpoint(stats={"serve/requests_per_s": 12.0})
    bench.tell(endpoints={"live"})
    assert list(bench.page.actions()) == before


def test_backend_away_says_since_when_and_disables(bench: Bench) -> None:
    serve(bench)
    bench.state.online, bench.state.stale_since = False, NOW
    bench.page.set_stale(NOW)
    assert bench.page.head.address.text().startswith("from ")
    assert not bench.page.head.stop.isEnabled()
    assert bench.page.playground.run_button.accessibleDescription() == "Backend does not answer."


def test_key_is_copied_and_never_shown(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    qtbot.mouseClick(bench.page.head.key, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "s3cret"
    assert "s3cret" not in str(bench.toasts)


def test_snippets_ask_the_endpoint_with_its_key() -> None:
    for text in (curl(endpoint()), python(endpoint())):
        assert "http://127.0.0.1:8085/predict" in text
        assert "Bearer s3cret" in text
    compile(python(endpoint()), "snippet", "exec")


# ---- playground --------------------------------------------------------------------------------------------


def run_text(bench: Bench, qtbot: QtBot, text: str) -> None:
    bench.page.playground.editor.setPlainText(text)
    qtbot.keyClick(bench.page.playground.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_ctrl_enter_asks_and_shows_scores_and_times(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    run_text(bench, qtbot, "a fine film")
    asked = bench.link.last("POST", "/endpoints/live/predict")
    assert asked.body == {"inputs": ["a fine film"], "explain": False, "version": None}
    asked.succeed(ANSWER)
    ground = bench.page.playground
    assert ground.output.title.text() == "Output of v2"
    assert ground.split.accessibleName() == "queue 0.4 ms, tokenize 0.6 ms, model 4.8 ms, encode 0.2 ms"
    assert not ground.run_button.busy


def test_refused_answer_stands_where_the_scores_would(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    run_text(bench, qtbot, "much too long")
    bench.link.last("POST", "/endpoints/live/predict").refuse("inputs[0] has 900 tokens.", "Shorten it.")
    assert bench.page.playground.output.title.text() == "No answer"
    assert bench.page.playground._current is not None
    assert bench.page.playground._current.errors == {None: "inputs[0] has 900 tokens. Shorten it."}


def test_side_by_side_asks_both_loaded_versions(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    bench.page.playground.which.choose("side")
    run_text(bench, qtbot, "a fine film")
    asked = [a for a in bench.link.asked if a.path == "/endpoints/live/predict"]
    assert [a.body["version"] for a in asked] == [2, 1]
    asked[1].succeed({**ANSWER, "version": 1})
    assert bench.page.playground.run_button.busy
    asked[0].succeed(ANSWER)
    assert bench.page.playground.output.title.text() == "Output of v2"
    assert bench.page.playground.other.title.text() == "Output of v1"


def test_why_asks_for_the_version_that_answered(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    run_text(bench, qtbot, "a fine film")
    bench.link.last("POST", "/endpoints/live/predict").succeed(ANSWER)
    qtbot.mouseClick(bench.page.playground.why.ask, Qt.MouseButton.LeftButton)
    asked = bench.link.last("POST", "/endpoints/live/predict")
    assert asked.body == {"inputs": ["a fine film"], "explain": True, "version": 2}
    tokens = [{"token": "fine", "weight": 0.4}]
    found = {"label": "pos", "score": 0.9, "baseline_score": 0.5, "convergence_delta": 0.0, "steps": 32,
             "tokens": tokens}  # fmt: skip
    asked.succeed({**ANSWER, "explanations": [found]})
    assert bench.page.playground.why.tokens.as_text() == "fine (+0.400)"
    assert bench.page.playground.why.title.text() == "Why “pos”?"


def test_earlier_try_comes_back_with_its_answer(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    for text in ("one", "two"):
        run_text(bench, qtbot, text)
        bench.link.last("POST", "/endpoints/live/predict").succeed(ANSWER)
    ground = bench.page.playground
    assert [attempt.text for attempt in ground.tries] == ["two", "one"]
    ground.restore(ground.tries[1])
    assert ground.editor.toPlainText() == "one"


def test_file_is_read_one_text_a_line(bench: Bench, tmp_path: Path) -> None:
    serve(bench)
    file = tmp_path / "texts.txt"
    file.write_text("one\n\ntwo\n", encoding="utf-8")
    bench.page.playground.read_file(str(file))
    assert read_inputs("file", bench.page.playground.editor.toPlainText()) == ["one", "two"]
    file.write_bytes(b"\xff\xfe\x00")
    bench.page.playground.read_file(str(file))
    assert bench.toasts[-1][0] == "The file was not taken"


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [
        ("text", "  ", "Write something first."),
        ("json", "{", "This is not JSON"),
        ("json", "3", "JSON must be"),
        ("json", '["a", 3]', "Entry 2 is not a text."),
        ("file", "a\n" * (MOST_INPUTS + 1), f"more than the {MOST_INPUTS}"),
    ],
)
def test_wrong_input_is_named(mode: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_inputs(mode, text)


def test_json_may_be_the_body_of_predict() -> None:
    assert read_inputs("json", '{"inputs": ["a", "b"]}') == ["a", "b"]


# ---- sheets ------------------------------------------------------------------------------------------------


def test_deploy_makes_an_endpoint_and_goes_there(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    bench.page._on_deploy()
    sheet = bench.host.sheet
    assert isinstance(sheet, NewEndpointSheet)
    assert sheet.primary is not None
    sheet._slo.setText("x")
    assert not sheet.primary.isEnabled()
    sheet._slo.setText("25")
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    asked = bench.link.last("POST", "/endpoints")
    assert asked.body == {"name": "sentiment", "model": "sentiment", "version": 2, "slo_p99_ms": 25.0}
    asked.succeed(endpoint(name="sentiment").model_dump(mode="json"))
    assert bench.places == ["endpoint/sentiment"]


def test_deploy_begins_with_the_latency_limit_of_the_settings(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    bench.state.settings = BackendSettings(endpoint_slo_p99_ms=40)
    bench.page._on_deploy()
    sheet = bench.host.sheet
    assert isinstance(sheet, NewEndpointSheet)
    assert sheet._slo.text() == "40"
    sheet._slo.clear()  # this one has none
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    assert bench.link.last("POST", "/endpoints").body["slo_p99_ms"] is None


def test_delete_asks_first(bench: Bench, qtbot: QtBot) -> None:
    serve(bench)
    bench.page._on_delete()
    sheet = bench.host.sheet
    assert isinstance(sheet, DeleteEndpointSheet)
    assert sheet.primary is not None
    qtbot.mouseClick(sheet.primary, Qt.MouseButton.LeftButton)
    bench.link.last("DELETE", "/endpoints/live").succeed()
    assert bench.places == ["endpoints"]
