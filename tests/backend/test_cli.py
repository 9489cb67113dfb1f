"""The command line: the JSON keys that stay, exit codes, what it says when it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli.datasets import parse_mapping
from backend.cli.output import number, plain, size, table
from backend.cli.runs import parse_setting
from backend.contract.errors import Invalid
from backend.server.audit import csv_cell
from tests.helpers.home import RunningHome, running_home

RUN_KEYS = {"id", "name", "recipe", "state", "step", "total_steps", "metrics", "cause", "model_version"}


@pytest.fixture(scope="module")
def home() -> Iterator[RunningHome]:
    yield from running_home()


def test_backend_status_says_how_it_is(home: RunningHome) -> None:
    found = home.json("backend", "status")
    assert {"state", "pid", "home", "socket", "started_at", "version"} <= set(found)
    assert (found["state"], found["pid"]) == ("running", home.backend.pid)
    assert home.json("backend", "start")["pid"] == home.backend.pid


def test_a_run_from_start_to_export(home: RunningHome, tmp_path: Path) -> None:
    started = home.cli("run", "start", "selftest", "--set", "steps=40", "--set", "rate_hz=0", "--wait", "--json")
    run = json.loads(started.stdout)
    assert run["state"] == "completed"
    assert set(run) >= RUN_KEYS
    assert "completed" in started.stderr
    assert home.json("run", "show", run["id"])["metrics"]["train/loss"] is not None
    assert run["id"] in [one["id"] for one in home.json("run", "list")]
    lines = [json.loads(line) for line in home.cli("run", "export", run["id"]).stdout.splitlines()]
    assert [list(line) for line in lines] == [["key", "step", "time", "value"]] * 40
    target = tmp_path / "points.parquet"
    assert home.json("run", "export", run["id"], "--format", "parquet", "--out", str(target))["path"] == str(target)
    import pyarrow.parquet as pq

    assert pq.read_table(target).to_pylist() == lines


def test_nan_survives_the_export(home: RunningHome) -> None:
    """RELIABILITY row 29."""
    run = home.start_run(steps=10, rate_hz=0, nan_at_step=5)
    home.wait_run(run["id"])
    values = [json.loads(line)["value"] for line in home.cli("run", "export", run["id"]).stdout.splitlines()]
    assert "nan" in values
    assert home.ask("GET", f"/runs/{run['id']}/series")["series"]["train/loss"]["count"] >= 5


def test_a_failed_run_ends_wait_with_an_error(home: RunningHome) -> None:
    options = ("--set", "steps=40", "--set", "rate_hz=0", "--set", "crash_at_step=5", "--wait")
    done = home.cli("run", "start", "selftest", *options, check=False)
    assert done.returncode == 1
    assert "failed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("run", "show", "nope"), 3, "There is no run 'nope'"),
        (("run", "start", "selftest", "--set", "stepz=1"), 3, "Did you mean steps?"),
        (("run", "start", "selftest", "--set", "steps=0"), 3, "at least 1"),
        (("run", "start", "selftest", "--set", "steps"), 3, "is not key=value"),
        (("run", "start", "magic"), 3, "text_classification"),
        (("run", "start", "text_classification"), 3, "needs a dataset"),
        (("run", "start", "text_classification", "--dataset", "none"), 3, "none"),
        (("dataset", "import", "/nowhere/x.csv"), 3, "/nowhere/x.csv"),
        (("dataset", "show", "none"), 3, "none"),
        (("model", "show", "none"), 3, "There is no model"),
        (("model", "promote", "none", "1", "--reason", "r"), 3, "There is no model"),
        (("endpoint", "create", "e", "--model", "none"), 3, "none"),
        (("endpoint", "delete", "none"), 3, "There is no endpoint"),
        (("alert", "ack", "none"), 3, "There is no alert"),
        (("drift", "show", "none"), 3, "There is no endpoint"),
        (("backend", "start", "--listen", "carrier-pigeon"), 3, "neither unix nor tcp"),
        (("model", "promote", "none", "1"), 2, "--reason"),
        (("run", "fly"), 2, "invalid choice"),
        (("nonsense",), 2, "invalid choice"),
    ],
)  # fmt: skip
def test_refusals_name_what_is_wrong(home: RunningHome, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = home.cli(*arguments, check=False)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("noun", ["dataset", "run", "model", "endpoint", "alert"])
def test_every_noun_lists_as_json_and_as_a_table(home: RunningHome, noun: str) -> None:
    assert isinstance(home.json(noun, "list"), list)
    assert home.cli(noun, "list").stdout.strip()


def test_doctor_with_and_without_a_daemon() -> None:
    with RunningHome() as home:
        assert home.cli("doctor", check=False).returncode == 3
        home.start()
        for _ in range(2):
            report = home.json("doctor")
            assert report["ok"] is True
            assert {"name", "ok", "detail"} <= set(report["checks"][0])
            home.stop()


def test_a_dataset_keeps_its_keys(home: RunningHome, tmp_path: Path) -> None:
    rows = "".join(f"text number {i},{'good' if i % 2 else 'bad'}\n" for i in range(40))
    (tmp_path / "d.csv").write_text(f"body,stars\n{rows}")
    options = ("--name", "mine", "--map", "text=body,label=stars")
    found = home.json("dataset", "import", str(tmp_path / "d.csv"), *options)
    assert {"id", "name", "rows", "task"} <= set(found)
    assert (found["name"], found["rows"], found["task"]) == ("mine", 40, "text-classification")
    assert home.json("dataset", "show", "mine")["id"] == found["id"]


def test_the_audit_export_guards_a_spreadsheet(home: RunningHome) -> None:
    """RELIABILITY T23."""
    home.ask("POST", "/runs", {"recipe": "selftest", "settings": {"steps": 1, "rate_hz": 0}, "name": "=HYPERLINK(1)"})
    text = home.cli("audit", "export").stdout
    assert "'=HYPERLINK(1)" in text
    assert [csv_cell(value) for value in ("=1", "+1", "-5", "@x", "\tx", " =1", "ok", -5)] == [
        "'=1",
        "'+1",
        "'-5",
        "'@x",
        "'\tx",
        "' =1",
        "ok",
        -5,
    ]


def test_small_things() -> None:
    assert parse_setting("a=1e-4") == ("a", 1e-4)
    assert parse_setting("a=true") == ("a", True)
    assert parse_setting("a=lora") == ("a", "lora")
    assert parse_setting("a=b=c") == ("a", "b=c")
    assert parse_mapping("text=a,label=b c") == {"text": "a", "label": "b c"}
    with pytest.raises(Invalid, match="ROLE=COLUMN"):
        parse_mapping("text")
    assert plain("a\x1b[2J\u202eb\n") == "a·[2J·b·"
    assert (number(None), number(0.12345), number("nan"), number(12345)) == ("–", "0.1235", "nan", "12,345")
    assert (size(999), size(91_000_000)) == ("999 B", "91.0 MB")
    assert table(("a",), []) == "(nothing)"
