"""Registration: a version is whole or not there, verified or refused, immutable, and named safely."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import failpoints
from backend.contract.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from backend.contract.resources import EndpointRecord, RegisterVersion
from backend.jobs import manifest
from backend.services.registering import Registrar
from backend.services.versions import VersionService, clean_name, folder_name
from tests.helpers.registry import ACTOR, Registry
from tests.helpers.stores import a_run


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    found = Registry(tmp_path / "home", serve=False)
    yield found
    failpoints.reset("")
    found.close()


def register(registry: Registry, run_id: str, name: str = "tiny") -> int:
    return registry.versions.register(RegisterVersion(run_id=run_id, name=name), ACTOR).version


def test_a_version_keeps_everything_and_verifies(registry: Registry) -> None:
    registry.run("r1", seed=1)
    version = registry.versions.register(RegisterVersion(run_id="r1", name=" tiny ", note="first"), ACTOR)
    assert (version.model, version.version, version.run_id, version.note) == ("tiny", 1, "r1", "first")
    assert version.labels == ("negative", "positive")
    assert version.metrics == {"eval/f1": 0.81}
    assert version.evaluation["values"] == {"test/f1": 0.8}
    assert version.commit == "abc123"
    assert {file.path for file in version.files} >= {"model.safetensors", "golden.json", "profile.json"}
    assert registry.versions.verify("tiny", 1) == registry.store.versions.version("tiny", 1)
    assert Path(version.path).parent.name.startswith("tiny-")
    assert registry.store.runs.get("r1").model_version == "tiny:1"  # type: ignore[union-attr]
    assert [entry.action for entry in registry.store.versions.history("tiny")] == ["register"]
    assert registry.store.audit.all(0, 10)[0].action == "register"


def test_versions_count_up_and_a_run_is_registered_once_per_name(registry: Registry) -> None:
    for number in (1, 2):
        registry.run(f"r{number}", seed=number)
        assert register(registry, f"r{number}") == number
    with pytest.raises(Conflict, match="version 1 of tiny already") as caught:
        register(registry, "r1")
    assert caught.value.details["version"] == 1
    assert register(registry, "r1", "other") == 1


def test_registering_at_once_from_many_threads_makes_one_version(registry: Registry) -> None:
    registry.run("r1", seed=1)
    results: list[object] = []

    def work() -> None:
        try:
            results.append(register(registry, "r1"))
        except Conflict as error:
            results.append(error.code)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(str, results)) == ["1", *["registered_already"] * 7]


@pytest.mark.parametrize("state", ["running", "failed", "stopped", "interrupted"])
def test_only_completed_runs(registry: Registry, state: str) -> None:
    registry.run("r1", seed=1, state=state)
    with pytest.raises(Conflict, match=state):
        register(registry, "r1")


def test_what_is_damaged_or_missing_is_refused_by_name(registry: Registry) -> None:
    with pytest.raises(NotFound, match="no run 'r9'"):
        register(registry, "r9")
    registry.run("r1", seed=1)
    weights = registry.home.job("r1") / "model" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(Conflict, match=r"model\.safetensors differs"):
        register(registry, "r1")
    registry.run("r2", seed=2)
    folder = registry.home.job("r2") / "model"
    (folder / "golden.json").unlink()
    manifest.write_manifest(folder)
    with pytest.raises(Invalid, match=r"golden\.json"):
        register(registry, "r2")
    assert registry.store.versions.models() == []


def test_other_labels_are_another_model(registry: Registry) -> None:
    registry.run("r1", seed=1)
    register(registry, "r1")
    registry.run("r2", seed=2)
    folder = registry.home.job("r2") / "model"
    (folder / "labels.json").write_text(json.dumps(["spam", "ham"]))
    manifest.write_manifest(folder)
    with pytest.raises(Invalid, match="spam, ham"):
        register(registry, "r2")


def test_a_full_disk_is_said_before_anything_is_copied(registry: Registry) -> None:
    registry.run("r1", seed=1)
    registry.store.settings.change({"reserve_disk_bytes": 2**62})
    with pytest.raises(Unavailable, match=r"only .* are free"):
        register(registry, "r1")
    assert list(registry.home.models.iterdir()) == []


@pytest.mark.parametrize(
    "place",
    [
        "checkpoint.write_file:enospc@3",
        "checkpoint.before_rename:raise",
        "register.after_copy:raise",
        "register.before_commit:raise",
    ],
)
def test_a_failure_anywhere_leaves_nothing_that_counts(registry: Registry, place: str) -> None:
    registry.run("r1", seed=1)
    failpoints.reset(place)
    with pytest.raises((OSError, RuntimeError)):
        register(registry, "r1")
    failpoints.reset("")
    assert registry.store.versions.model("tiny") is None
    assert registry.store.runs.get("r1").model_version is None  # type: ignore[union-attr]
    assert register(registry, "r1") == 1
    registry.versions.verify("tiny", 1)
    registry.versions.sweep()
    (model,) = registry.home.models.iterdir()
    assert [folder.name for folder in model.iterdir()] == ["1"]


@pytest.mark.parametrize("damage", ["flip", "remove", "add", "reseal"])
def test_verify_names_what_changed(registry: Registry, damage: str) -> None:
    registry.run("r1", seed=1)
    register(registry, "r1")
    folder = Path(registry.versions.get("tiny", 1).path)
    weights = folder / "model.safetensors"
    if damage == "remove":
        weights.unlink()
    elif damage == "add":
        (folder / "extra.py").write_text("")
    else:
        data = bytearray(weights.read_bytes())
        data[-5] ^= 1
        weights.write_bytes(data)
        if damage == "reseal":
            manifest.write_manifest(folder)
    words = {
        "flip": "model.safetensors differs",
        "remove": "is missing",
        "add": "extra.py is not in",
        "reseal": "not the one",
    }
    with pytest.raises(Refused, match=words[damage]):
        registry.versions.verify("tiny", 1)


def test_unknown_names_say_what_exists(registry: Registry) -> None:
    with pytest.raises(NotFound, match="there are: none yet"):
        registry.versions.get("tiny", 1)
    registry.run("r1", seed=1)
    register(registry, "r1")
    with pytest.raises(NotFound, match="it has: 1"):
        registry.versions.get("tiny", 7)


@pytest.mark.parametrize("role", ["live", "standby", "champion"])
def test_what_is_in_use_is_not_deleted(registry: Registry, role: str) -> None:
    registry.run("r1", seed=1)
    register(registry, "r1")
    if role == "champion":
        registry.store.versions.set_alias("tiny", "champion", 1)
    else:
        registry.store.endpoints.add(EndpointRecord(name="e", model="tiny", job_id="j", **{f"{role}_version": 1}))
    with pytest.raises(Conflict, match="Version 1 is"):
        registry.versions.delete("tiny", 1, ACTOR)


def test_deleting_keeps_the_row_and_frees_the_run(registry: Registry) -> None:
    registry.run("r1", seed=1)
    register(registry, "r1")
    folder = Path(registry.versions.get("tiny", 1).path)
    registry.versions.delete("tiny", 1, ACTOR)
    assert not folder.exists()
    assert registry.store.versions.version("tiny", 1).deleted  # type: ignore[union-attr]
    assert register(registry, "r1") == 2, "a number is never used twice"


def test_only_note_and_card_change(registry: Registry) -> None:
    registry.run("r1", seed=1)
    register(registry, "r1")
    assert registry.versions.change("tiny", 1, ACTOR, note="new", card="# Card").note == "new"
    with pytest.raises(Invalid, match="metrics cannot be changed"):
        registry.versions.change("tiny", 1, ACTOR, metrics={})


def test_more_files_can_be_added_before_the_seal(registry: Registry) -> None:
    service = VersionService(
        registry.store,
        registry.home,
        registry.clock,
        lambda folder, version: (folder / "MLmodel").write_text("x") and None,
    )
    registry.run("r1", seed=1)
    version = service.register(RegisterVersion(run_id="r1", name="tiny"), ACTOR)
    assert "MLmodel" in {file.path for file in version.files}
    service.verify("tiny", 1)


@pytest.mark.parametrize("name", ["", "  ", "..", "a/b", "a\\b", "a\nb", "a\0b", "a\u2028b"])
def test_names_that_nothing_could_carry_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        clean_name(name)


@pytest.mark.parametrize("name", ["CON", "😀", "مرحبا", "<img src=x>", "é" * 200, "../../etc", "a b", "A B"])
def test_hostile_names_become_safe_folders(name: str) -> None:
    folder = folder_name(name)
    assert folder.isascii()
    assert len(folder) < 60
    assert set(folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert folder_name("A B") != folder_name("a b")


def test_equal_names_in_another_writing_are_one_model(registry: Registry) -> None:
    registry.run("r1", seed=1)
    registry.run("r2", seed=2)
    assert register(registry, "r1", "caf\u00e9") == 1
    assert register(registry, "r2", "cafe\u0301") == 2


def test_a_self_test_is_refused_at_once_in_words(registry: Registry) -> None:
    registry.store.runs.add(a_run("r7", name="quick", state="completed"))
    registrar = Registrar(registry.store, registry.versions)
    with pytest.raises(Conflict, match="quick is a self-test: it makes no model"):
        registrar.begin(RegisterVersion(run_id="r7", name="tiny"), ACTOR)
    assert registry.store.operations.unfinished() == []
