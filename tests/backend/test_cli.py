"""The command line: the JSON keys that stay, exit codes, what it says when it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli.datasets import parse_mapping
from backend.cli.output import number, plain, size, table
from backend.cli.runs import parse_setting
from backend.contract.errors import Invalid
from backend.paths import PROJECT
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
    told = home.ask("GET", f"/runs/{run['id']}/series")["series"]["train/loss"]
    assert told["values"][4] == "nan"
    assert None not in told["values"]


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


def test_a_run_of_another_program_comes_in_goes_out_and_stays_as_it_is(home: RunningHome, tmp_path: Path) -> None:
    source = PROJECT / "tests" / "assets" / "foreign" / "wandb"
    looked = home.json("run", "import", str(source), "--preview")
    (item,) = looked["items"]
    assert (item["name"], item["points"], item["known_as"]) == ("bert-offline", 164, None)
    assert all(not run["source"] for run in home.json("run", "list"))  # a look keeps nothing
    done = home.cli("run", "import", str(source), "--name", "from elsewhere", "--json")
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["name"], run["points"], run["known"]) == ("from elsewhere", 164, False)
    assert "82 console lines were left out" in done.stderr
    assert home.json("run", "import", str(source))["runs"][0]["known"] is True
    assert home.cli("run", "show", run["id"]).stdout.splitlines()[3].split() == ["source", "W&B"]
    for verb in ("resume", "stop"):
        refused = home.cli("run", verb, run["id"], check=False)
        assert refused.returncode == 3
        assert "imported from W&B" in refused.stderr
    out = tmp_path / "points.csv"
    home.cli("run", "export", run["id"], "--format", "csv", "--out", str(out))
    again = home.json("run", "import", str(out), "--name", "copy")["runs"][0]
    first, second = (home.cli("run", "export", one).stdout for one in (run["id"], again["id"]))
    assert first == second  # out as CSV and in again: every point, bit for bit, in order
    report = tmp_path / "report.html"
    home.cli("run", "report", run["id"], "--out", str(report))
    page = report.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "from elsewhere" in page
    assert home.json("doctor")["ok"]


def test_what_cannot_be_imported_or_written_is_named(home: RunningHome, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("when,loss\n1,2\n")
    refused = home.cli("run", "import", str(tmp_path / "x.csv"), check=False)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "x.csv, line 1: no column holds the step" in refused.stderr
    assert "--map step=COLUMN" in refused.stderr
    run = home.json("run", "import", str(tmp_path / "x.csv"), "--map", "step=when")["runs"][0]
    nowhere = home.cli("run", "report", run["id"], "--out", str(tmp_path / "no" / "x.html"), check=False)
    assert nowhere.returncode == 3
    assert "cannot be written" in nowhere.stderr
    assert list(tmp_path.glob(".*")) == []
