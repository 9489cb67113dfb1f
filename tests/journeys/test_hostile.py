"""Names, paths, permissions and secrets on a running home with a live endpoint (RELIABILITY row 76, T7, T9, T17)."""

import contextlib
import csv
import http.client
import json
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView
from pytestqt.qtbot import QtBot

from backend.contract.errors import Conflict, Refused
from backend.jobs.folder import JobFolder
from backend.jobs.identity import COOKIE
from backend.platform import processes_with
from console.app import Console
from console.widgets.text import reads_markup, rich_text_leaks
from console.window import PAGES
from tests.console.conftest import qapp  # noqa: F401 the application as the product makes it
from tests.helpers.home import RunningHome
from tests.helpers.log import open_to_others
from tests.helpers.raw_http import JSON, exchange
from tests.helpers.wait import until
from tests.journeys.house import CANARY, ENDPOINT, MODEL, RUN, SECRETS, House, house

NAMES = {
    "emoji": "\U0001f680\U0001f9ea \U0001f469\u200d\U0001f52c",
    "right to left": "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd",
    "10,000 characters": "x" * 10_000,
    "parent": "..",
    "path": "../../etc/passwd",
    "device": "CON",
    "line break": "a\nb",
    "markup": "<img src=x onerror=alert(1)>",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "escape": "a\x1b[2Jb",
    "nul": "a\0b",
    "formula": "=HYPERLINK(1)",
    "blank": "   ",
    "windows path": "C:\\temp\\x",
    "quote": "a'; DROP TABLE runs; --%_",
}
SAFE_FOLDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")
HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
"""Characters that move a cursor, break a line or turn text round."""


@pytest.fixture(scope="module")
def place() -> Iterator[House]:
    with house() as made:
        yield made


def ask(home: RunningHome, method: str, path: str, body: Any) -> dict[str, Any] | None:
    """The reply, None when it was refused in words; anything else is a failure."""
    try:
        found: dict[str, Any] = home.ask(method, path, body)
    except Refused as error:
        if not error.text or "Traceback" in error.text:
            raise
        return None
    return found


# before the names: a run may be called .. and is then found by it
PATHS = (
    "..", "../", "../h-evil/secret.txt", "%2e%2e", "%2e%2e/", "%2e%2e%2fh-evil%2fsecret.txt", "..%2f..%2fh-evil",
    "%252e%252e%252fh-evil", "..%5c..%5ch-evil", "../h-evil", "h-evil", "#/../../h-evil/secret.txt", "%23/../h-evil",
    "%00", "a%00b", "%2fetc%2fpasswd", "/etc/passwd", "~", "%ff%fe", "CON", ".", "%2e", "a" * 5000,
)  # fmt: skip
GETS = (
    "/runs/{}", "/runs/{}/export", "/runs/{}/log", "/runs/{}/series", "/runs/{}/checkpoints", "/datasets/{}",
    "/datasets/{}/rows", "/models/{}", "/models/{}/history", "/endpoints/{}", "/endpoints/{}/windows",
    "/operations/{}", "/alerts/{}", "/drift/{}",
)  # fmt: skip
CHANGES = (
    ("DELETE", "/runs/{}"), ("DELETE", "/datasets/{}"), ("DELETE", "/endpoints/{}"),
    ("DELETE", "/models/{}/versions/1"), ("POST", "/runs/{}/resume"), ("POST", "/models/{}/promote"),
    ("POST", f"/runs/{RUN}/checkpoints/{{}}/keep"),
)  # fmt: skip


@pytest.mark.timeout(300)
def test_t17_no_path_leads_out_of_the_home(place: House) -> None:
    """Ids, not paths: every vector in every place that takes an id is refused, and nothing outside is read or
    changed."""
    before, backend = place.tree(), place.home.backend
    for vector in PATHS:
        for route in GETS:
            status, _, body = exchange(backend, f"/api/v1{route.format(vector)}")
            assert 300 <= status < 500, (route, vector, status)
            assert CANARY.encode() not in body
            assert b"root:" not in body
        for method, route in CHANGES:
            target = f"/api/v1{route.format(vector)}"
            status, _, body = exchange(backend, target, method=method, headers=JSON, body=b"{}")
            assert 300 <= status < 500, (method, route, vector, status)
            assert CANARY.encode() not in body
    assert place.tree() == before


def test_t17_bodies_take_ids_too(place: House) -> None:
    home = place.home
    saved = home.start_run(steps=10, rate_hz=0, checkpoint_every=5)
    home.wait_run(saved["id"])
    before = place.tree()
    for vector in ("..", "../h-evil", "../../h-evil/secret.txt", "h-evil", "a\0b", "#/../x", "x" * 5000, "/etc/passwd"):
        bodies: tuple[tuple[str, dict[str, Any]], ...] = (
            ("/models", {"run_id": vector, "name": "m"}),
            ("/runs", {"recipe": "text_classification", "dataset": vector}),
            ("/runs", {"recipe": "selftest", "settings": {"steps": 1}, "fork_of": vector}),
            ("/runs", {"recipe": vector}),
            ("/runs", {"recipe": "selftest", "fork_of": saved["id"], "fork_checkpoint": vector}),
            (f"/runs/{saved['id']}/fork", {"checkpoint": vector, "settings": {}}),
            (f"/runs/{saved['id']}/checkpoints/{quote(vector, safe='')}/export", {"path": str(home.root / "out")}),
            ("/endpoints", {"name": "e", "model": vector}),
        )
        for path, body in bodies:
            assert ask(home, "POST", path, body) is None, (path, vector)
    assert place.tree() == before


def test_t17_a_link_in_place_of_a_checkpoint_is_not_followed(place: House) -> None:
    home = place.home
    run = home.start_run(steps=10, rate_hz=0, checkpoint_every=5)
    home.wait_run(run["id"])
    name = home.ask("GET", f"/runs/{run['id']}/checkpoints")["items"][-1]["name"]
    folder = JobFolder(home.home.job(run["id"])).checkpoints / name
    twin = place.outside / "twin"  # byte for byte the same, so that only the link is wrong
    shutil.copytree(folder, twin)
    for inner in ("state.json", ""):
        target, aside = folder / inner, folder.parent / "aside"
        target.rename(aside)
        target.symlink_to(twin / inner)
        body = {"path": str(home.root / "out")}
        assert ask(home, "POST", f"/runs/{run['id']}/checkpoints/{name}/export", body) is None, inner
        assert not (home.root / "out").exists()
        target.unlink()
        aside.rename(target)
    shutil.rmtree(twin)
    for path in ("relative/x", "", str(place.outside), str(home.root / "none" / "x"), "a\0b"):
        assert ask(home, "POST", f"/runs/{run['id']}/checkpoints/{name}/export", {"path": path}) is None, path
    assert (place.outside / "secret.txt").read_text() == CANARY


def try_all(home: RunningHome, data: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Every name for everything that takes one; what was accepted, by kind."""
    accepted: dict[str, dict[str, dict[str, Any]]] = {"run": {}, "dataset": {}, "model": {}, "endpoint": {}}
    for label, name in NAMES.items():
        bodies = {
            "run": ("/runs", {"recipe": "selftest", "settings": {"steps": 1}, "name": name}),
            "dataset": ("/datasets", {"path": str(data), "name": name}),
            "model": ("/models", {"run_id": RUN, "name": name}),
        }
        for kind, (path, body) in bodies.items():
            found = ask(home, "POST", path, body)
            if found is not None:
                accepted[kind][label] = found
    return accepted


@pytest.mark.timeout(400)
def test_row_76_hostile_names_are_kept_as_data_and_shown_safely(place: House) -> None:
    home = place.home
    data = home.root / "data.csv"
    with open(data, "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((f"text {i}", "good" if i % 2 else "bad") for i in range(20))])
    blocker = home.start_run(steps=10_000_000, rate_hz=10)  # the others stay in the queue
    home.wait_run(blocker["id"], ("running",))
    accepted = try_all(home, data)

    for label, run in accepted["run"].items():
        assert home.ask("GET", f"/runs/{run['id']}")["name"].strip() in (NAMES[label].strip(), run["name"]), label
    versions = [home.ask("GET", f"/operations/{o['id']}", query={"wait": 30}) for o in accepted["model"].values()]
    assert {operation["state"] for operation in versions} <= {"done", "failed"}
    assert not [o["error"] for o in versions if o["error"] and "Traceback" in str(o["error"])]
    models = [model["name"] for model in home.ask("GET", "/models")["items"]]
    assert {NAMES["emoji"], NAMES["markup"], NAMES["device"]} <= set(models)
    assert len({unicodedata.normalize("NFC", name) for name in models}) == len(models), "one name, one model"
    assert models.count(NAMES["composed"]) == 1
    assert not {NAMES["parent"], NAMES["path"], NAMES["line break"], NAMES["nul"], NAMES["escape"]} & set(models)
    for folder in (home.home.jobs, home.home.models, home.home.datasets):
        for path in folder.iterdir():
            assert SAFE_FOLDER.fullmatch(path.name), path

    for noun in ("run", "dataset", "model", "endpoint"):
        shown = home.cli(noun, "list").stdout
        assert not HIDDEN.search(shown), noun
        assert len(shown.splitlines()) <= len(home.json(noun, "list")) + 3, "one line each"
    for run in (*accepted["run"].values(), blocker):
        home.ask("POST", f"/runs/{run['id']}/commands", {"command": "stop"})
    home.wait_run(blocker["id"])
    report = home.json("doctor")
    assert report["ok"], [check for check in report["checks"] if not check["ok"]]
    assert not HIDDEN.search(home.log())


def test_row_76_an_endpoint_with_a_hostile_name_answers_once(place: House) -> None:
    home = place.home
    reply = home.ask("POST", f"/endpoints/{quote(ENDPOINT)}/predict", {"inputs": ["the film is good"]})
    assert reply["version"] == 1
    with pytest.raises(Conflict):
        home.ask("POST", "/endpoints", {"name": unicodedata.normalize("NFD", ENDPOINT), "model": MODEL})
    for label in ("10,000 characters", "parent", "path", "line break", "escape", "nul", "blank", "windows path"):
        assert ask(home, "POST", "/endpoints", {"name": NAMES[label], "model": MODEL}) is None, label
    assert len(home.ask("GET", "/endpoints")["items"]) == 1
    status, _, body = exchange(home.backend, "/metrics")
    assert status == 200
    for line in body.decode().splitlines():
        assert re.fullmatch(r'#.*|[a-z0-9_:]+(\{([a-z_]+="([^"\\]|\\.)*",?)*\})? \S+', line), line


def test_a_text_that_is_no_text_is_refused(place: House) -> None:
    for raw in (b'"\\ud800"', b'"\xff"', b'"\xed\xa0\x80"'):
        body = b'{"recipe": "selftest", "settings": {"steps": 1}, "name": ' + raw + b"}"
        status, _, _ = exchange(place.home.backend, "/api/v1/runs", method="POST", headers=JSON, body=body)
        assert status in (400, 422), raw


def tips_of(view: QAbstractItemView) -> list[str]:
    """Tool tips of the first rows of a table that Qt would read as markup we did not build."""
    model = view.model()
    if model is None:
        return []
    cells = [
        model.index(row, column) for row in range(min(model.rowCount(), 40)) for column in range(model.columnCount())
    ]
    return [tip for cell in cells if reads_markup(tip := str(cell.data(Qt.ItemDataRole.ToolTipRole) or ""))]


@pytest.mark.timeout(300)
def test_t24_every_page_shows_hostile_names_as_plain_text(place: House, qtbot: QtBot) -> None:
    """A walk over every widget of the real window after the names above were loaded from the real daemon."""
    home = place.home
    console = Console(home.home, start_backend=False)
    qtbot.addWidget(console.window)
    console.open()
    try:
        qtbot.waitUntil(lambda: console.state.loaded, timeout=60_000)
        runs = [run.id for run in console.state.runs.values() if "<img" in run.name]
        assert runs, "the names are there"
        links = [spec.key for spec in PAGES if spec.key not in ("run", "compare")]
        links += [f"run/{runs[0]}", *(f"model/{name}" for name in console.state.models), f"endpoint/{ENDPOINT}"]
        leaks: list[str] = []
        for link in links:
            console.window.navigate(link)
            qtbot.wait(60)  # one turn of replies and paints
            leaks += [f"{link}: {leak}" for leak in rich_text_leaks(console.window)]
            leaks += [
                f"{link}: {tip}" for view in console.window.findChildren(QAbstractItemView) for tip in tips_of(view)
            ]
        assert not leaks, "\n".join(sorted(set(leaks)))
    finally:
        console.close()


def processes_of(home: RunningHome, job_id: str) -> list[int]:
    launch = JobFolder(home.home.job(job_id)).launch()
    assert launch is not None
    return processes_with(COOKIE, launch.cookie)


def test_t9_neither_arguments_nor_environments_of_workers_hold_a_secret(place: House) -> None:
    home = place.home
    endpoint = home.ask("GET", f"/endpoints/{quote(ENDPOINT)}")
    run = home.start_run(steps=100_000, rate_hz=50)
    home.wait_run(run["id"], ("running",))
    gateway = until(lambda: pids if len(pids := processes_of(home, endpoint["job_id"])) >= 3 else [])
    worker = processes_of(home, run["id"])
    assert len(worker) >= 2, "runner and worker"
    hidden = [*SECRETS.values(), endpoint["key"], home.backend.token or ""]
    assert len(endpoint["key"]) >= 40
    assert all(hidden)
    for pid in (*gateway, *worker):
        environ = (Path("/proc") / str(pid) / "environ").read_bytes()
        text = environ + (Path("/proc") / str(pid) / "cmdline").read_bytes()
        assert not [secret for secret in hidden if secret.encode() in text], pid
        names = {entry.partition(b"=")[0].decode() for entry in environ.split(b"\0") if entry}
        named = {n for n in names if re.search(r"TOKEN(?!IZERS|$)|_TOKEN$|SECRET|PASSWORD|(^|_)KEY$", n)}
        assert named <= {"HF_HUB_DISABLE_IMPLICIT_TOKEN"}, pid
    home.ask("POST", f"/runs/{run['id']}/commands", {"command": "stop"})
    home.wait_run(run["id"])


def everywhere(home: RunningHome, *words: str) -> list[str]:
    """Files below the home and the runtime folder that hold one of the words."""
    found = []
    for root in (home.home.root, home.home.runtime):
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                found += [f"{path.relative_to(root)}: {word}" for word in words if word.encode() in data]
    return found


@pytest.mark.timeout(300)
def test_t11_what_people_ask_an_endpoint_is_stored_nowhere(place: House) -> None:
    """Through the endpoint itself and through the playground, taken and refused; then every file is searched: jobs,
    logs, database with its WAL, MLflow."""
    home, path = place.home, f"/endpoints/{quote(ENDPOINT)}"
    home.ask("PATCH", "/settings", {"values": {"mirror": True}})
    endpoint = home.ask("GET", path)
    marker = "jane.zqdoe@example.org"
    text = f"the film is good says {marker}"

    def direct(route: str, body: Any, key: str = endpoint["key"]) -> int:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", endpoint["port"], timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", route, json.dumps(body).encode(), headers)
            return connection.getresponse().status

    assert direct("/predict", {"inputs": [text]}) == 200
    assert direct("/explain", {"input": text}) == 200
    assert direct("/predict", {"inputs": [text]}, key=marker) == 401
    assert direct(f"/{marker}?q={marker}", {"inputs": [text]}) == 404
    assert direct("/predict", {"inputs": [text * 500]}) in (413, 422)
    assert direct("/predict", {"inputs": [{marker: text}], marker: 1}) == 422
    reply = home.ask("POST", f"{path}/predict", {"inputs": [text], "explain": True})
    assert "convergence_delta" in json.dumps(reply), "tokens of the text go back to the asker, and nowhere else"
    for body in ({"inputs": [text * 500]}, {"inputs": [{marker: text}]}, {marker: text}):
        assert ask(home, "POST", f"{path}/predict", body) is None
    home.ask("GET", path, query={"q": marker})
    assert exchange(home.backend, f"/api/v1/nowhere?q={marker}")[0] == 404, "what is refused stands in the access log"
    asked = home.ask("GET", f"{path}/windows")["items"]
    until(lambda: len(home.ask("GET", f"{path}/windows")["items"]) > len(asked), 60)
    until(lambda: home.ask("GET", "/system")["mirror"]["state"] == "in_sync", 120, every=0.2)
    home.ask("PATCH", "/settings", {"values": {"mirror": False}})
    assert list(home.home.root.rglob("mlflow.db")), "the neighbour was there"
    assert everywhere(home, MODEL), "the search finds what is there"
    assert everywhere(home, marker, "zqdoe", "convergence_delta") == []


def test_t7_nothing_of_the_whole_scenario_is_open_to_others(place: House) -> None:
    """Last: after everything above, under umask 000."""
    assert not open_to_others(place.home)
