"""A run whose folder was deleted says so once, keeps what the store has, and is well again when the folder is back."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.contract.errors import Conflict
from backend.services.run_checkpoints import RunCheckpoints
from backend.services.run_folders import RunFolders, require_folder
from backend.store import Store
from tests.helpers.stores import a_job, a_run, make_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = make_store(tmp_path, ManualClock())
    for run_id in ("r1", "r2"):
        a_job(opened.home, run_id).close()
        opened.runs.add(a_run(run_id, state="completed", resumable=True))
    yield opened
    opened.close()


def gone(store: Store) -> list[bool]:
    return [store.runs.get(run_id).folder_gone for run_id in ("r1", "r2")]


def said(store: Store) -> list[str]:
    return [event.text for event in store.runs.events("r1")]


def test_it_is_said_once_and_taken_back_when_it_is_there_again(store: Store, tmp_path: Path) -> None:
    folders, path = RunFolders(store, store.home), store.home.job("r1")
    folders.look()
    assert gone(store) == [False, False]
    path.rename(tmp_path / "away")
    for _ in range(3):
        folders.look()
    assert gone(store) == [True, False]
    assert said(store) == [f"Its folder is gone: {path}"]
    again = RunFolders(store, store.home)  # a daemon that starts later knows it
    again.look()
    assert len(said(store)) == 1
    (path / "checkpoints").mkdir(parents=True)  # only what a worker that goes on makes
    again.look()
    assert gone(store) == [True, False]
    shutil.rmtree(path)
    (tmp_path / "away").rename(path)
    again.look()
    assert gone(store) == [False, False]
    assert said(store)[-1] == "Its folder is back"


def test_nothing_is_said_while_the_whole_disk_is_away(store: Store, tmp_path: Path) -> None:
    folders = RunFolders(store, store.home)
    store.home.jobs.rename(tmp_path / "away")
    folders.look()
    assert gone(store) == [False, False]


def test_a_removed_run_is_not_missed(store: Store) -> None:
    folders = RunFolders(store, store.home)
    shutil.rmtree(store.home.job("r1"))
    folders.look()
    store.runs.remove("r1")
    folders.look()
    a_job(store.home, "r1").close()
    folders.look()  # somebody put a folder of that name there: it belongs to no run
    assert [run.id for run in store.runs.all()] == ["r2"]


def test_what_needs_the_files_says_where_they_should_be(store: Store) -> None:
    run = store.runs.get("r1")
    require_folder(store.home, run)
    shutil.rmtree(store.home.job("r1"))
    with pytest.raises(Conflict, match=f"The folder of r1 is gone: {store.home.job('r1')}.") as refused:
        require_folder(store.home, run)
    assert refused.value.fix == "Put it back from a copy, or start it as a new run."
    assert refused.value.code == "folder_gone"
    assert RunCheckpoints(store, store.home)
