"""The folder MLflow loads a version from."""

import json
import os
import stat
from pathlib import Path

import pytest

from backend.mirror import artifacts


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "m" / "1"
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer" / "vocab.txt").write_text("a\n")
    (folder / "MLmodel").write_text("ours")
    return folder


def test_files_are_linked_not_copied_and_the_loader_lies_beside_them(version: Path, tmp_path: Path) -> None:
    built = artifacts.build(version, tmp_path / "out" / "1", run_id="r", created_at=1.7e9)
    assert os.path.samefile(built / "data" / "model.safetensors", version / "model.safetensors")
    assert (built / "data" / "tokenizer" / "vocab.txt").read_text() == "a\n"
    described = json.loads((built / "MLmodel").read_text())
    flavor = described["flavors"]["python_function"]
    assert (built / flavor["code"] / f"{flavor['loader_module']}.py").is_file()
    assert described["run_id"] == "r"
    assert described["utc_time_created"].startswith("2023-11-14 22:13:20")
    assert not (built / "data" / "MLmodel").exists()


def test_there_is_no_pickle_anywhere(version: Path, tmp_path: Path) -> None:
    built = artifacts.build(version, tmp_path / "out" / "1", run_id=None, created_at=0)
    suffixes = {path.suffix for path in built.rglob("*") if stat.S_ISREG(path.stat().st_mode)}
    assert suffixes <= {".py", ".txt", ".safetensors", ".json", ""}


def test_where_links_are_impossible_files_are_copied(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    built = artifacts.build(version, tmp_path / "out" / "1", run_id=None, created_at=0)
    assert (built / "data" / "model.safetensors").read_bytes() == b"weights"


def test_it_is_complete_or_not_there(version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: float) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "_utc", full)
        with pytest.raises(OSError, match="No space"):
            artifacts.build(version, tmp_path / "out" / "1", run_id=None, created_at=0)
    assert not (tmp_path / "out" / "1").exists()
    built = artifacts.build(version, tmp_path / "out" / "1", run_id=None, created_at=0)
    assert (built / "MLmodel").is_file()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1"]


def test_a_version_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(artifacts.FilesMissing, match="files of the version are missing: 7"):
        artifacts.build(tmp_path / "7", tmp_path / "out", run_id=None, created_at=0)


def test_a_model_of_another_task_says_so_when_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "signature.json").write_text('{"task": "translation"}')
    from backend.mirror.shipped import modeldeck_model

    with pytest.raises(ValueError, match="a model for translation; only text classifiers answer here"):
        modeldeck_model._load_pyfunc(str(tmp_path))
