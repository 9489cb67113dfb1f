"""The real mirror process on a real MLflow store: exactly once over a kill, and a model that loads in a user's own
script.

MLflow takes seconds to start, so one story is told once and each test looks at its result with sqlite3.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backend.mirror.child import MirrorChild, MirrorGone, environment
from backend.paths import PROJECT
from tests.helpers import tiny_model

USER_SCRIPT = """
import json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/sentiment@champion")
texts = json.loads(sys.argv[2])
rows = model.predict(texts)
assert rows.equals(model.predict(pandas.DataFrame({"text": texts})))
print(json.dumps(rows[["label", "score"]].values.tolist()))
"""


def run_body(**fields: Any) -> dict[str, Any]:
    points = [["train/loss", step, 1000.0 + step, 1 / step] for step in range(1, 1000)]
    odd = [["train/loss", 1000, 2000.0, "nan"], ["eval/f1 (macro)", 1000, 2000.0, "inf"]]
    body = {
        "run_id": "r1", "removed": False, "name": "first", "experiment": "text_classification", "state": "completed",
        "started_at": 1000.0, "ended_at": 2200.5, "params": {"epochs": 3, "note": "x" * 9000, "dropout": None},
        "tags": {"state": "completed", "cause": None}, "note": "best so far", "metrics": points + odd,
        "dataset": {"id": "d1", "name": "reviews", "sha256": "ab" * 32, "rows": 10},
    }  # fmt: skip
    return {**body, **fields}


def version_body(home: Path, number: int = 1, **fields: Any) -> dict[str, Any]:
    body = {
        "model": "sentiment", "version": number, "removed": False, "path": str(home / "models" / "m" / "1"), "note": "",
        "tags": {"task": "text-classification", "commit": None}, "created_at": 1.7e9,
        "run": run_body(name="second", metrics=[]),
    }  # fmt: skip
    return {**body, **fields}


def aliases_body(champion: int | None, previous: int | None) -> dict[str, Any]:
    return {"model": "sentiment", "champion": champion, "previous": previous}


class Story:
    """What happened, and a look into MLflow's tables."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.answers: dict[str, str | None] = {}
        self.created: list[bool] = []

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "mlflow" / "mlflow.db")) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    told = Story(tmp_path_factory.mktemp("mirror") / "home")
    tiny_model.build(told.home / "models" / "m" / "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELDECK_FAILPOINT", "mirror.before_acknowledge:kill@1")
        child = MirrorChild(told.home)
        told.created.append(child.created)
        with pytest.raises(MirrorGone) as gone:  # MLflow has committed, nobody was told
            child.ask({"id": 1, "kind": "run", "body": run_body()})
        told.answers["kill"] = str(gone.value)
    child = MirrorChild(told.home)
    told.created.append(child.created)

    def ask(name: str, kind: str, body: dict[str, Any]) -> None:
        told.answers[name] = child.ask({"id": 2, "kind": kind, "body": body})

    ask("again", "run", run_body())
    ask("renamed", "run", run_body(name="second", metrics=[]))
    ask("too early", "aliases", aliases_body(1, None))
    for _ in range(2):
        ask("version", "version", version_body(told.home))
        ask("aliases", "aliases", aliases_body(1, None))
    ask("no files", "version", version_body(told.home, 2, path=str(told.home / "none")))
    ask("second", "version", version_body(told.home, 2, note="better"))
    ask("moved", "aliases", aliases_body(1, 2))
    ask("deleted run", "run", {"run_id": "never", "removed": True})
    ask("other", "run", run_body(run_id="r2", state="running", metrics=[], ended_at=None, dataset=None))
    ask("gone", "run", {"run_id": "r2", "removed": True})
    ask("nothing", "nothing", {})
    child.close()
    yield told
    shutil.rmtree(told.home)


def test_the_first_start_makes_the_database_the_second_finds_it(story: Story) -> None:
    assert story.created == [True, False]
    assert "signal 9" in str(story.answers["kill"])
    assert ((story.home / "mlflow" / "mlflow.db").stat().st_mode & 0o777) == 0o600


def test_a_run_delivered_three_times_over_a_kill_is_there_once(story: Story) -> None:
    assert [story.answers[name] for name in ("again", "renamed", "nothing")] == [None] * 3
    runs = "SELECT name, status, start_time, end_time FROM runs WHERE lifecycle_stage = 'active'"
    assert story.rows(runs) == [("second", "FINISHED", 1_000_000, 2_200_500)]
    assert story.rows("SELECT count(*) FROM metrics WHERE key = 'train/loss'") == [(1000,)]
    assert story.rows("SELECT value FROM metrics WHERE key = 'train/loss' AND step = 4") == [(0.25,)]
    assert story.rows("SELECT count(*) FROM metrics WHERE is_nan") == [(1,)]
    assert story.rows("SELECT DISTINCT key FROM metrics WHERE step = 1000 AND NOT is_nan") == [("eval/f1 _macro_",)]


def test_parameters_tags_note_and_data(story: Story) -> None:
    params = dict(story.rows("SELECT key, value FROM params NATURAL JOIN runs WHERE lifecycle_stage = 'active'"))
    assert params == {"epochs": "3", "note": "x" * 6000}
    tags = dict(story.rows("SELECT key, value FROM tags WHERE run_uuid IN (SELECT run_uuid FROM metrics)"))
    assert tags["modeldeck.run_id"] == "r1"
    assert tags["mlflow.note.content"] == "best so far"
    assert "modeldeck.cause" not in tags
    assert story.rows("SELECT name, digest FROM datasets") == [("reviews", ("ab" * 32)[:32])]


def test_versions_and_aliases_are_there_once_and_follow(story: Story) -> None:
    assert story.answers["too early"] == "sentiment is not mirrored yet"
    assert story.answers["no files"] == "The files of the version are missing: none."
    for name in ("version", "aliases", "second", "moved"):
        assert story.answers[name] is None
    versions = "SELECT version, description, status FROM model_versions ORDER BY version"
    assert story.rows(versions) == [(1, "", "READY"), (2, "better", "READY")]
    aliases = dict(story.rows("SELECT alias, version FROM registered_model_aliases"))
    assert aliases == {"champion": 1, "previous": 2}


def test_a_deleted_run_is_deleted_there_too(story: Story) -> None:
    assert (story.answers["deleted run"], story.answers["gone"]) == (None, None)
    assert story.rows("SELECT lifecycle_stage FROM runs ORDER BY lifecycle_stage") == [("active",), ("deleted",)]


def test_the_champion_answers_in_a_users_own_script(story: Story, tmp_path: Path) -> None:
    address = f"sqlite:///{story.home}/mlflow/mlflow.db"
    command = [sys.executable, "-c", USER_SCRIPT, address, json.dumps(tiny_model.GOLDEN)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr[-3000:]
    golden = json.loads((story.home / "models" / "m" / "1" / "golden.json").read_text())["outputs"]
    for (label, score), expected in zip(json.loads(done.stdout.splitlines()[-1]), golden, strict=True):
        assert label == expected["label"]
        assert score == pytest.approx(expected["score"], abs=1e-4)


def test_a_database_of_another_mlflow_is_left_alone(story: Story, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "mlflow").mkdir(parents=True)
    copy = home / "mlflow" / "mlflow.db"
    shutil.copy(story.home / "mlflow" / "mlflow.db", copy)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    before = copy.read_bytes()
    with pytest.raises(MirrorGone, match="another version of MLflow"):
        MirrorChild(home)
    assert copy.read_bytes() == before


def test_a_damaged_database_is_told_without_importing_mlflow(tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(b"\xff" * 9000)
    with pytest.raises(MirrorGone, match="damaged"):
        MirrorChild(tmp_path)


def test_a_waiting_start_can_be_given_up(tmp_path: Path) -> None:
    give_up = threading.Event()
    give_up.set()
    with pytest.raises(MirrorGone, match="Stopped"):
        MirrorChild(tmp_path, give_up=give_up)


def test_it_inherits_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    found = environment(tmp_path)
    assert not {name for name in found if name.startswith("MLFLOW_TRACKING")}
    assert found["TMPDIR"] == str(tmp_path)
    assert found["PYTHONPATH"] == str(PROJECT)
