"""What a run writes down about where it ran."""

from pathlib import Path

import pytest

from backend.worker.parts import result

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(result, "PROJECT", tmp_path / "project")
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def repository(folder: Path, *, packed: bool = False) -> Path:
    (folder / "refs/heads").mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/topic\n")
    if packed:
        (folder / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/topic\n")
    else:
        (folder / "refs/heads/topic").write_text(f"{COMMIT}\n")
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_the_commit_of_a_checkout(project: Path, packed: bool) -> None:
    repository(project / ".git", packed=packed)
    assert result.commit_id() == COMMIT


@pytest.mark.parametrize("packed", [False, True])
def test_the_commit_of_a_worktree(project: Path, packed: bool) -> None:
    shared = repository(project.parent / "main.git", packed=packed)
    own = shared / "worktrees/wt"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/topic\n")
    (own / "commondir").write_text("../..\n")
    (project / ".git").write_text(f"gitdir: {own}\n")
    assert result.commit_id() == COMMIT


def test_a_commit_without_a_branch_and_no_checkout_at_all(project: Path) -> None:
    assert result.commit_id() is None
    (project / ".git").mkdir()
    (project / ".git/HEAD").write_text(f"{COMMIT}\n")
    assert result.commit_id() == COMMIT


def test_the_driver_is_read_from_what_the_kernel_says() -> None:
    text = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC\nGCC version: 13.2.0\n"
    assert result._read_driver(text) == "550.54.14"
    opened = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n"
    assert result._read_driver(opened) == "570.86.15"
    assert result._read_driver("nothing known") is None
