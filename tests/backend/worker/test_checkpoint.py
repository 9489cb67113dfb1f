"""The commit protocol: a checkpoint is there entirely or not at all, whatever dies and whatever the disk does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend import failpoints
from backend.contract.events import CheckpointSaved
from backend.jobs import manifest
from backend.worker.parts.checkpoint import Checkpoints, NotSaved, commit, newest_valid, prune, verify


@pytest.fixture(autouse=True)
def _no_failpoints():
    yield
    failpoints.reset("")


def fill(folder: Path) -> None:
    (folder / "a.json").write_text('{"a": 1}')
    (folder / "b.bin").write_bytes(bytes(range(256)) * 40)
    (folder / "inner").mkdir()
    (folder / "inner" / "c.bin").write_bytes(b"c" * 100)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Three good checkpoints."""
    for step in (10, 20, 30):
        commit(tmp_path / "checkpoints", f"checkpoint-{step}", fill, facts={"step": step})
    return tmp_path / "checkpoints"


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_a_commit_is_private_complete_and_described(place: Path) -> None:
    folder, skipped = newest_valid(place)
    assert (folder.name, skipped) == ("checkpoint-30", ())
    found = manifest.read_manifest(folder)
    assert found["step"] == 30
    assert set(found["files"]) == {"a.json", "b.bin", "inner/c.bin"}
    assert found["files"]["b.bin"] == {"size": 10240, "sha256": manifest.sha256_of(folder / "b.bin")}


def test_everything_is_private_under_an_open_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        commit(tmp_path / "checkpoints", "checkpoint-1", fill)
    finally:
        os.umask(old)
    for path in (tmp_path / "checkpoints").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def zero_half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def to_link(path: Path) -> None:
    target = path.parent.parent.parent / "elsewhere"
    target.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(target)


DAMAGE = {
    "truncated by a byte": lambda folder: os.truncate(folder / "b.bin", 10239),
    "truncated by half": lambda folder: os.truncate(folder / "b.bin", 5120),
    "empty": lambda folder: os.truncate(folder / "b.bin", 0),
    "a flipped bit": lambda folder: flip(folder / "b.bin"),
    "a zero-filled half": lambda folder: zero_half(folder / "b.bin"),
    "missing": lambda folder: (folder / "b.bin").unlink(),
    "a link": lambda folder: to_link(folder / "b.bin"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_seen_named_and_skipped(place: Path, how: str) -> None:
    DAMAGE[how](place / "checkpoint-30")
    folder, skipped = newest_valid(place)
    assert folder.name == "checkpoint-20"
    assert len(skipped) == 1
    assert skipped[0].startswith("checkpoint-30: b.bin ")


def test_other_lies_are_seen_too(place: Path) -> None:
    (place / "checkpoint-30" / "extra.pkl").write_bytes(b"x")
    assert "extra.pkl is not in manifest.json" in verify(place / "checkpoint-30")
    (place / "checkpoint-20" / "manifest.json").write_text('{"files": {"../../x": {"size": 1, "sha256": ""}}}')
    assert "outside" in verify(place / "checkpoint-20")
    (place / "checkpoint-10" / "manifest.json").write_text('{"files": ')
    assert "damaged" in verify(place / "checkpoint-10")
    assert newest_valid(place)[0] is None


def test_the_highest_number_without_manifest_is_ignored(place: Path) -> None:
    (place / "checkpoint-99").mkdir()
    (place / "checkpoint-99" / "a.json").write_text("{}")
    folder, skipped = newest_valid(place)
    assert folder.name == "checkpoint-30"
    assert "checkpoint-99: it has no manifest.json" in skipped[0]


def test_a_hundred_is_newer_than_thirty(place: Path) -> None:
    commit(place, "checkpoint-100", fill)
    assert newest_valid(place)[0].name == "checkpoint-100"


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_full_disk_keeps_the_old_and_removes_the_temporary(place: Path, at: int) -> None:
    before = names(place)
    failpoints.reset(f"checkpoint.write_file:enospc@{at}")
    saved = Checkpoints(place, keep=1).save(40, fill)
    assert isinstance(saved, NotSaved)
    assert saved.code == "disk_full"
    assert names(place) == before  # also nothing was pruned
    assert newest_valid(place)[0].name == "checkpoint-30"


def test_a_refusing_writer_leaves_nothing(place: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("no")

    before = names(place)
    with pytest.raises(RuntimeError):
        commit(place, "checkpoint-40", write)
    assert names(place) == before


def test_links_are_not_committed(place: Path) -> None:
    with pytest.raises(ValueError, match="plain"):
        commit(place, "checkpoint-40", lambda folder: (folder / "x").symlink_to("/etc/hostname"))


SAVER = """
import sys
from pathlib import Path
from backend.worker.parts.checkpoint import Checkpoints
def fill(folder):
    (folder / "a.json").write_text("{}")
    (folder / "b.bin").write_bytes(b"b" * 100000)
print(Checkpoints(Path(sys.argv[1]), keep=1).save(int(sys.argv[2]), fill))
"""
POINTS = [
    "write_file:kill@1",
    "write_file:kill@2",
    "before_manifest:kill",
    "after_manifest:kill",
    "before_rename:kill",
    "after_rename:kill",
    "before_prune:kill",
    "mid_prune:kill@1",
    "mid_prune:kill@2",
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_during_a_save_one_good_checkpoint_remains(place: Path, point: str) -> None:
    environment = {**os.environ, "MODELDECK_FAILPOINT": f"checkpoint.{point}"}
    done = subprocess.run([sys.executable, "-c", SAVER, str(place), "40"], env=environment, capture_output=True)
    assert done.returncode == -9
    folder, _ = newest_valid(place)
    committed = POINTS.index(point) >= POINTS.index("after_rename:kill")
    assert folder.name == ("checkpoint-40" if committed else "checkpoint-30")
    manifest.sweep(place)
    assert not [name for name in names(place) if name.startswith(".")]
    assert verify(folder) is None


def test_killed_between_the_renames_of_a_replacement_the_old_one_comes_back(place: Path) -> None:
    environment = {**os.environ, "MODELDECK_FAILPOINT": "checkpoint.between_renames:kill"}
    done = subprocess.run([sys.executable, "-c", SAVER, str(place), "30"], env=environment, capture_output=True)
    assert done.returncode == -9
    assert "checkpoint-30" not in names(place)
    assert newest_valid(place)[0].name == "checkpoint-30"


def test_the_order_is_files_manifest_folder_rename_parent_prune(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    real_fsync, real_rename, real_rmtree = os.fsync, Path.rename, manifest.shutil.rmtree

    def fsync(fd: int) -> None:
        told.append("fsync " + os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
        real_fsync(fd)

    def rename(self: Path, target: Path) -> Path:
        told.append(f"rename {self.name} {Path(target).name}")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(manifest.shutil, "rmtree", lambda path: (told.append(f"remove {path.name}"), real_rmtree(path)))
    Checkpoints(place, keep=3).save(40, fill)
    wanted = [
        "fsync a.json",
        "fsync b.bin",
        "fsync c.bin",
        "fsync .saving-checkpoint-40",
        "rename .saving-checkpoint-40 checkpoint-40",
        "fsync checkpoints",
        "rename checkpoint-10 .pruned-checkpoint-10",
        "remove .pruned-checkpoint-10",
    ]
    rest = iter(told)
    assert all(entry in rest for entry in wanted), told


def test_pruning_spares_newest_best_and_kept(place: Path) -> None:
    checkpoints = Checkpoints(place, keep=2)
    manifest.set_kept(place / "checkpoint-10", True)
    saved = checkpoints.save(40, fill, best=True, metrics={"eval/loss": 0.5})
    assert isinstance(saved, CheckpointSaved)
    assert saved.pruned == ("checkpoint-20",)
    checkpoints.save(50, fill)
    saved = checkpoints.save(60, fill)
    assert saved.pruned == ("checkpoint-30",) or "checkpoint-40" not in saved.pruned
    folders = {folder.name for folder in manifest.folders(place)}
    assert folders == {"checkpoint-10", "checkpoint-40", "checkpoint-50", "checkpoint-60"}
    manifest.set_kept(place / "checkpoint-10", False)
    assert prune(place, 0) == ("checkpoint-50", "checkpoint-40", "checkpoint-10")
    assert newest_valid(place)[0].name == "checkpoint-60"


def test_start_cleans_up_and_says_what_it_skipped(place: Path) -> None:
    (place / ".saving-checkpoint-40").mkdir()
    DAMAGE["a flipped bit"](place / "checkpoint-30")
    found, skipped = Checkpoints(place).start(resume=True)
    assert found.name == "checkpoint-20"
    assert skipped == ("checkpoint-30: b.bin differs from its manifest",)
    assert ".saving-checkpoint-40" not in names(place)
    assert Checkpoints(place).start(resume=False) == (None, ())
