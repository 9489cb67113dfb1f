"""May the MLflow database be touched? Answered without mlflow, at once, and without changing a byte."""

import sqlite3
from pathlib import Path

import pytest

from backend.mirror import check
from backend.mirror.check import Unusable, check_database


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE alembic_version (version_num TEXT); CREATE TABLE runs (x TEXT);")
    connection.executemany("INSERT INTO runs VALUES (?)", [("x" * 1000,)] * 200)
    connection.commit()
    connection.close()
    return path


def test_missing_or_empty_has_to_be_made(tmp_path: Path) -> None:
    assert check_database(tmp_path / "none.db")
    (tmp_path / "empty.db").touch()
    assert check_database(tmp_path / "empty.db")


def test_a_good_one(database: Path) -> None:
    before = database.read_bytes()
    assert not check_database(database)
    assert database.read_bytes() == before


def test_locked(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "WAIT_S", 0.05)
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unusable, match="Another program holds"):
        check_database(database)
    other.close()
    assert not check_database(database)


@pytest.mark.parametrize("damage", ["header", "middle"])
def test_damaged(database: Path, damage: str) -> None:
    content = bytearray(database.read_bytes())
    start = 0 if damage == "header" else len(content) // 2
    content[start : start + 4096] = b"\xff" * 4096
    database.write_bytes(content)
    with pytest.raises(Unusable, match="damaged"):
        check_database(database)


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "mlflow.db")
    connection.execute("CREATE TABLE cats (name TEXT)")
    connection.close()
    with pytest.raises(Unusable, match="another program"):
        check_database(tmp_path / "mlflow.db")
