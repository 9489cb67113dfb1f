"""Opening: private files, old and newer databases, damage, old copies, lost disks, foreign owners."""

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from backend.clock import ManualClock
from backend.contract.errors import Refused, Unavailable
from backend.contract.resources import DriftReport, FeatureDrift
from backend.paths import Home
from backend.store import open_store, opening
from backend.store.tables import METADATA
from backend.store.upgrade import SCHEMA, backups
from tests.helpers.stores import a_run, exported_points, make_store

ASSETS = Path(__file__).parents[2] / "assets"


def _kill(home: Home) -> None:
    """What is left of a process that was killed: the files as they are, nothing closed."""
    code = "import sys, os, signal, pathlib; from tests.helpers.stores import make_store;"
    code += "s = make_store(pathlib.Path(sys.argv[1])); s.audit.add('a', 'b', 'c', 'd');"
    code += "os.kill(os.getpid(), signal.SIGKILL)"
    died = subprocess.run([sys.executable, "-c", code, str(home.root.parent)], check=False)
    assert died.returncode == -signal.SIGKILL


def test_everything_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = make_store(tmp_path)
        store.runs.add(a_run())
        store.backup()
        found = [path for path in [store.home.root, *store.home.root.rglob("*")] if path.stat().st_mode & 0o077]
        assert (store.home.root / "modeldeck.db-wal").exists()
        store.close()
    finally:
        os.umask(before)
    assert found == []


def test_the_tables_are_what_the_migrations_make(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    with store.database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    store.close()
    assert differences == []


@pytest.mark.parametrize("old", sorted(ASSETS.glob("store_v*.db")), ids=lambda path: path.stem)
def test_an_old_database_is_saved_upgraded_and_works(old: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir(mode=0o700)
    shutil.copy(old, home.database)
    store = make_store(tmp_path)
    assert len(backups(home, f"before-{SCHEMA}")) == 1
    assert [run.name for run in store.runs.all()] == ["run 2", "run 1", "run 0"]
    assert len(exported_points(store, "r0")) == 20_001
    assert store.series.read("r0", ["train/loss"], points=100)["train/loss"].values[-1] == 0.25
    assert store.drift.history("e", "f") == [(1.0, 0.5)]
    store.drift.add(DriftReport(endpoint="e", checked_at=2.0, features=(FeatureDrift(feature="f", psi=0.1, js=0.2),)))
    store.series.append("r0", 2, [("train/loss", 5, 1.0, None, 1.0)])
    store.runs.remove("r1")
    store.audit.add("me", "test", "upgrade", "home")
    assert store.audit.verify() == (True, None, 3)
    assert all(check.ok for check in store.check())
    store.close()


@pytest.mark.parametrize("number", ["user_version", "revision"])
def test_a_newer_database_is_refused_by_name_and_not_touched(tmp_path: Path, number: str) -> None:
    store = make_store(tmp_path)
    store.close()
    with sqlite3.connect(store.home.database) as raw:
        raw.execute("UPDATE meta SET value = '9.9.0' WHERE key = 'written_by'")
        raw.execute(
            "PRAGMA user_version = 99"
            if number == "user_version"
            else "UPDATE alembic_version SET version_num = '0099'"
        )
    raw.close()
    before = store.home.database.read_bytes()
    for read_only in (False, True):
        with pytest.raises(Refused, match=r"Modeldeck 9\.9\.0"):
            open_store(store.home, ManualClock(), read_only=read_only)
    assert store.home.database.read_bytes() == before


def test_an_upgrade_killed_midway_is_as_if_it_had_not_begun(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir(mode=0o700)
    shutil.copy(ASSETS / "store_v1.db", home.database)
    code = "import sys, pathlib; from tests.helpers.stores import make_store; make_store(pathlib.Path(sys.argv[1]))"
    for point in ("store.migrated", "store.before_commit"):
        died = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "MODELDECK_FAILPOINT": point}, check=False
        )
        assert died.returncode == -signal.SIGKILL
        with sqlite3.connect(f"file:{home.database}?mode=ro", uri=True) as raw:
            assert raw.execute("PRAGMA user_version").fetchone() == (1,)
        raw.close()
    store = make_store(tmp_path)
    assert len(store.runs.all()) == 3
    assert all(check.ok for check in store.check())
    store.close()


def test_a_killed_process_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    make_store(tmp_path).close()
    _kill(Home(tmp_path / "home"))
    store = make_store(tmp_path)
    assert len(store.audit.all()) == 1
    assert not any("older copy" in text or "missing" in text for text in store.notices)
    store.close()


def test_a_damaged_database_is_set_aside_untouched_and_restored(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.runs.add(a_run())
    store.backup()
    for number in range(50):
        store.runs.add_log("r1", [(1.0, "info", "x" * 3000)] * number)
    store.close()
    home = store.home
    _kill(home)
    with home.database.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 20)
    damaged = home.database.read_bytes()
    store = make_store(tmp_path)
    assert any("was damaged" in text for text in store.notices)
    (aside,) = home.backups.glob("damaged-*")
    assert (aside / "modeldeck.db").read_bytes() == damaged
    assert store.runs.get("r1") is not None
    assert all(check.ok for check in store.check())
    store.close()


def test_a_damaged_database_without_a_backup_is_refused_and_left(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.close()
    store.home.database.write_bytes(b"no database at all" * 1000)
    with pytest.raises(Refused, match="no whole backup"):
        make_store(tmp_path)
    assert store.home.database.read_bytes() == b"no database at all" * 1000


def test_a_restoration_cut_short_is_finished(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.runs.add(a_run())
    store.close()
    store.home.database.rename(store.home.root / "modeldeck.restored")
    store = make_store(tmp_path)
    assert store.runs.get("r1") is not None
    store.close()


def test_no_empty_database_where_there_was_one(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.close()
    store.home.database.unlink()
    with pytest.raises(Refused, match="missing"):
        make_store(tmp_path)
    assert not store.home.database.exists()


def test_an_old_copy_and_a_strange_database_are_noticed(tmp_path: Path) -> None:
    store = make_store(tmp_path / "one")
    store.close()
    copy = store.home.database.read_bytes()
    make_store(tmp_path / "one").close()
    store.home.database.write_bytes(copy)
    store = make_store(tmp_path / "one")
    assert any("older copy" in text for text in store.notices)
    store.close()
    other = make_store(tmp_path / "two")
    other.close()
    shutil.copy(other.home.database, store.home.database)
    store = make_store(tmp_path / "one")
    assert any("not the one" in text for text in store.notices)
    store.close()


def test_a_log_of_another_database_is_not_replayed(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.close()
    wal = Path(f"{store.home.database}-wal")
    wal.write_bytes(b"\x37\x7f\x06\x82" + bytes(9000))
    store = make_store(tmp_path)
    assert any("does not belong" in text for text in store.notices)
    assert len(list(store.home.backups.glob("stray-*"))) == 1
    store.close()


def test_a_missing_log_after_a_kill_is_told(tmp_path: Path) -> None:
    make_store(tmp_path).close()
    home = Home(tmp_path / "home")
    _kill(home)
    for suffix in ("-wal", "-shm"):
        Path(f"{home.database}{suffix}").unlink()
    store = make_store(tmp_path)
    assert any("write-ahead log of the database is missing" in text for text in store.notices)
    store.close()


def test_a_home_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path).close()
    monkeypatch.setattr(opening.os, "getuid", lambda: 12345)
    with pytest.raises(Refused, match="belongs to another user"):
        make_store(tmp_path)


def test_a_second_process_reads_and_never_writes(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.runs.add(a_run())
    reader = open_store(store.home, ManualClock(), read_only=True)
    assert len(reader.runs.all()) == 1
    with pytest.raises(Unavailable, match="reading only"):
        reader.runs.change("r1", state="failed")
    with reader.database.reading() as connection, pytest.raises(Exception, match=r"readonly|read-only"):
        connection.exec_driver_sql("DELETE FROM runs")
    store.runs.change("r1", state="completed")
    assert reader.runs.all()[0].state == "completed"
    reader.close()
    store.close()
    assert stat.S_IMODE(store.home.database.stat().st_mode) == 0o600


def test_a_network_file_system_is_named() -> None:
    mounts = "/dev/sda / ext4 rw 0 0\nserver:/x /mnt/far\\040away nfs4 rw 0 0\n"
    assert opening._filesystem(Path("/mnt/far away/home"), mounts) == "nfs4"
    assert opening._filesystem(Path("/home/a"), mounts) == "ext4"
