"""Starting and steering runs, with a real store and no process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.clock import ManualClock
from backend.contract.errors import Conflict, Invalid, NotFound, Unavailable
from backend.contract.recipes import SelftestSettings, TextClassificationSettings
from backend.contract.resources import (
    AddNote,
    ApplyToRun,
    ChangeRun,
    CheckpointRecord,
    EstimateRun,
    ImportDataset,
    RunCommand,
    RunRecord,
    StartRun,
)
from backend.jobs.folder import JobFolder
from backend.paths import Home
from backend.services import base_models, run_start
from backend.services.datasets import DatasetService
from backend.services.estimates import memory_terms, seconds_range, steps_of
from backend.services.exports import export_jsonl
from backend.services.run_start import auto_name
from backend.services.runs import RunService
from backend.services.settings_check import changed_settings, check_settings, find_recipe
from backend.store import Store, open_store


class Ends:
    """Stands where the scheduler and the supervisor stand: writes down what it is told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told: list[tuple[Any, ...]] = []

    def wake(self) -> None:
        self.told.append(("wake",))

    def cancel(self, run_id: str, actor: str = "") -> RunRecord:
        self.told.append(("cancel", run_id))
        return self.store.runs.change(run_id, state="stopped")

    def force_stop(self, run_id: str, grace_s: float = 0, actor: str = "") -> None:
        self.told.append(("kill", run_id))

    def send(self, job_id: str, command: Any) -> None:
        self.told.append((type(command).__name__, job_id))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "h")


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    store = open_store(home, ManualClock())
    store.settings.change({"reserve_disk_bytes": 0})
    yield store
    store.close()


@pytest.fixture
def ends(store: Store) -> Ends:
    return Ends(store)


@pytest.fixture
def service(store: Store, home: Home, ends: Ends) -> RunService:
    clock = ManualClock()
    return RunService(store, ends, ends, DatasetService(store, home, clock), home, clock)  # type: ignore[arg-type]


def selftest(**settings: Any) -> StartRun:
    return StartRun(recipe="selftest", settings=settings)


def test_a_run_is_queued_with_its_folder_event_and_audit(service: RunService, store: Store, home: Home) -> None:
    run = service.start(selftest(steps=5), "ada")
    assert (run.state, run.queue_position, run.name) == ("queued", 1, "selftest-s0")
    spec = JobFolder(home.job(run.id)).spec()
    assert (spec.main, spec.settings["steps"]) == ("backend.worker.selftest", 5)
    assert run.changed_settings == ("steps",)
    assert [event.text for event in store.runs.events(run.id)] == ["Queued"]
    assert store.audit.all()[0].actor == "ada"


def test_the_same_key_is_the_same_run(service: RunService, store: Store) -> None:
    first = service.start(selftest(), "a", key="k1")
    assert service.start(selftest(), "a", key="k1").id == first.id
    assert service.start(selftest(), "a", key="k2").id != first.id
    assert len(store.runs.all()) == 2


@pytest.mark.parametrize(
    ("settings", "field", "says"),
    [
        ({"steps": 0}, "steps", "at least 1"),
        ({"steps": "many"}, "steps", "whole number"),
        ({"rate_hz": 1e9}, "rate_hz", "at most 1,000,000"),
        ({"crash_kind": "boom"}, "crash_kind", "segfault"),
        ({"stepz": 1}, "stepz", "no setting"),
    ],
)
def test_wrong_settings_name_field_range_and_fix(
    service: RunService, store: Store, settings: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(Invalid) as refused:
        service.start(selftest(**settings), "a")
    assert refused.value.details["field"] == field
    assert says in refused.value.text
    assert refused.value.fix
    assert store.runs.all() == []


def test_data_that_cannot_train_starts_no_worker(
    service: RunService, store: Store, home: Home, ends: Ends, tmp_path: Path
) -> None:
    """RELIABILITY row 56: refused before there is a row, a folder, or anybody who would start it."""
    rows = "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(20))
    (tmp_path / "reviews.csv").write_text(f"text,label\n{rows}lonely,c\n")
    datasets = DatasetService(store, home, ManualClock())
    datasets.import_(ImportDataset(path=str(tmp_path / "reviews.csv")), "ada")
    with pytest.raises(Invalid, match="'c' 1"):
        service.start(StartRun(recipe="text_classification", dataset="reviews"), "ada")
    assert store.runs.all() == []
    assert list(home.jobs.iterdir()) == []
    assert ends.told == []


def test_a_full_disk_and_few_descriptors_refuse(
    service: RunService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_start, "_free_descriptors", lambda: 5)
    with pytest.raises(Unavailable, match="file descriptors"):
        service.start(selftest(), "a")
    monkeypatch.undo()
    run = service.start(selftest(), "a")
    store.runs.change(run.id, state="failed")
    store.settings.change({"reserve_disk_bytes": 10**18})
    with pytest.raises(Unavailable, match="bytes free"):
        service.start(selftest(), "a")
    with pytest.raises(Unavailable, match="bytes free"):
        service.resume(run.id, "a")
    assert [found.state for found in store.runs.all()] == ["failed"]


@pytest.mark.parametrize("base", ["/nowhere", "../x", "none:3", "a b", "x" * 300, "a/b/c"])
def test_an_unknown_base_model_is_refused(store: Store, base: str) -> None:
    with pytest.raises(Invalid) as refused:
        base_models.resolve(base, store)
    assert refused.value.details["field"] == "base_model"


def test_known_base_models_resolve(store: Store, tmp_path: Path) -> None:
    assert base_models.resolve("starter", store).sha256 == base_models.STARTER_SHA256
    assert base_models.resolve("google/bert_uncased", store).kind == "hub"
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert base_models.resolve(str(tmp_path), store).kind == "folder"


@pytest.mark.parametrize(
    ("state", "command", "told"),
    [
        ("running", "pause", "Pause"),
        ("paused", "resume", "Resume"),
        ("running", "checkpoint", "Checkpoint"),
        ("running", "stop", "Stop"),
        ("running", "kill", "kill"),
        ("queued", "cancel", "cancel"),
        ("queued", "stop", "cancel"),
        ("completed", "pause", None),
        ("queued", "pause", None),
        ("running", "resume", None),
        ("failed", "kill", None),
    ],
)
def test_a_command_is_taken_or_refused_by_state(
    service: RunService, store: Store, ends: Ends, state: str, command: Any, told: str | None
) -> None:
    run = service.start(selftest(), "a")
    store.runs.change(run.id, state=state)
    ends.told.clear()
    if told is None:
        with pytest.raises(Conflict, match=state):
            service.command(run.id, RunCommand(command=command), "a")
        assert ends.told == []
    else:
        service.command(run.id, RunCommand(command=command), "a")
        assert [one[0] for one in ends.told] == [told]


def test_the_audit_says_what_a_command_asks_for(service: RunService, store: Store) -> None:
    run = service.start(selftest(), "a")
    store.runs.change(run.id, state="running")
    for command in ("pause", "checkpoint"):
        service.command(run.id, RunCommand(command=command), "a")
    checkpoint, pause = store.audit.all()[:2]
    assert (pause.before, pause.after) == ("running", "pausing")
    assert (checkpoint.before, checkpoint.after) == ("", "")  # it changes no state


def test_only_an_ended_run_is_resumed_removed_or_archived(service: RunService, store: Store, home: Home) -> None:
    run = service.start(selftest(), "a")
    for action in (
        lambda: service.resume(run.id, "a"),
        lambda: service.remove(run.id, "a"),
        lambda: service.change(run.id, ChangeRun(archived=True), "a"),
    ):
        with pytest.raises(Conflict):
            action()
    store.runs.change(run.id, state="failed", cause="x")
    assert service.resume(run.id, "a").state == "queued"
    store.runs.change(run.id, state="failed")
    service.remove(run.id, "a")
    assert not home.job(run.id).exists()
    with pytest.raises(NotFound):
        service.get(run.id)


def test_a_run_that_another_hand_continues_meanwhile_is_not_queued_twice(
    service: RunService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = service.start(selftest(), "a")
    store.runs.change(run.id, state="failed")
    # Between the first question and the answer the other one was queued and begun.
    monkeypatch.setattr(service._starter, "check_room", lambda: store.runs.change(run.id, state="running"))
    with pytest.raises(Conflict, match="is running"):
        service.resume(run.id, "a")
    assert store.runs.get(run.id).state == "running"  # type: ignore[union-attr]


def test_a_run_that_is_continued_just_before_is_not_removed(
    service: RunService, store: Store, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = service.start(selftest(), "a")
    store.runs.change(run.id, state="failed")
    transaction = store.transaction

    def continued_first() -> Any:
        store.runs.change(run.id, state="queued")
        return transaction()

    monkeypatch.setattr(store, "transaction", continued_first)
    with pytest.raises(Conflict, match="is queued"):
        service.remove(run.id, "a")
    assert home.job(run.id).exists()


def test_a_run_is_found_by_its_only_name(service: RunService) -> None:
    first = service.start(selftest(), "a")
    assert service.get("selftest-s0").id == first.id
    service.start(selftest(), "a")
    with pytest.raises(Conflict, match="2 runs"):
        service.get("selftest-s0")


def test_fork_needs_a_checkpoint_that_is_there(service: RunService, store: Store) -> None:
    run = service.start(selftest(steps=9), "a")
    with pytest.raises(Conflict, match="no checkpoint"):
        service.fork(run.id, None, {}, "a")
    for step in (1, 2):
        saved = CheckpointRecord(name=f"checkpoint-{step}", step=step, size_bytes=1, saved_at=1.0, best=step == 1)
        store.runs.add_checkpoint(run.id, saved)
    fork = service.fork(run.id, None, {"steps": 20}, "a")
    assert (fork.fork_of, fork.settings["steps"]) == (run.id, 20)
    with pytest.raises(Invalid, match="checkpoint-7"):
        service.fork(run.id, "checkpoint-7", {}, "a")


def test_an_estimate_lists_problems_and_starts_nothing(service: RunService, store: Store) -> None:
    found = service.estimate(EstimateRun(recipe="selftest", settings={"steps": 100, "rate_hz": 50}))
    assert (found.steps, found.seconds_low) == (100, 2.0)
    found = service.estimate(EstimateRun(recipe="text_classification", settings={"epochs": -1}, base_model="/no"))
    assert {problem["field"] for problem in found.problems} == {"epochs", "base_model"}
    assert store.runs.all() == []


def test_built_in_data_need_not_be_imported_to_know_the_steps(service: RunService) -> None:
    settings = {"epochs": 2, "batch_size": 32}
    request = EstimateRun(recipe="text_classification", dataset="sentiment_en_movie", settings=settings)
    assert service.estimate(request).steps == 150
    unknown = request.model_copy(update={"dataset": "no-such-data"})
    assert service.estimate(unknown).steps is None


def test_time_follows_the_whole_of_runs_like_it_not_their_last_step() -> None:
    def ended(**fields: Any) -> RunRecord:
        known = {"id": "r", "name": "r", "recipe": "text_classification", "state": "completed", "step": 100}
        return RunRecord(**{**known, "metrics": {"train/step_s": 0.1}, **fields})

    settings = TextClassificationSettings()
    assert seconds_range(settings, 50, [ended(active_seconds=200.0)]) == (80.0, 135.0)  # two seconds a step
    assert seconds_range(settings, 50, [ended()]) == (4.0, 6.75)
    assert seconds_range(settings, 50, [ended(metrics={"train/step_s": float("nan")})]) == (None, None)


def test_memory_grows_with_the_batch_and_shrinks_with_adapters() -> None:
    config = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "max_position_embeddings": 512}
    full = memory_terms(TextClassificationSettings(), config, 90_000_000)
    large = memory_terms(TextClassificationSettings(batch_size=64), config, 90_000_000)
    lora = memory_terms(TextClassificationSettings(method="lora"), config, 90_000_000)
    assert large["activations"] == 2 * full["activations"]
    assert lora["optimizer"] < full["optimizer"] / 50
    assert steps_of(SelftestSettings(steps=7), None) == 7


def test_names_and_changed_settings() -> None:
    settings = TextClassificationSettings(method="lora", lora_rank=8, seed=42)
    assert auto_name("text_classification", settings, "sentiment") == "sentiment-lora-r8-s42"
    assert "/" not in auto_name("text_classification", settings, "../../etc")
    assert changed_settings(settings) == ("method",)
    assert check_settings(find_recipe("selftest"), {"steps": 3})


def test_an_export_is_lossless() -> None:
    values = [0.1, 1e-300, float("nan"), float("inf"), None, 5.0]
    lines = b"".join(export_jsonl([("k", i, 1.5, value) for i, value in enumerate(values)])).decode().splitlines()
    assert [line.rpartition('"value": ')[2] for line in lines] == [
        "0.1}",
        "1e-300}",
        '"nan"}',
        '"inf"}',
        "null}",
        "5.0}",
    ]


# ---- settings under way, forks ---------------------------------------------------------------------------------------


def _under_way(store: Store, **fields: Any) -> RunRecord:
    settings = TextClassificationSettings().model_dump()
    known = {"id": "r1", "name": "movies", "recipe": "text_classification", "state": "running", "settings": settings}
    return store.runs.add(RunRecord(**{**known, **fields}))


def test_settings_of_a_run_under_way_are_sent_and_wait(service: RunService, store: Store, ends: Ends) -> None:
    _under_way(store)
    after = service.apply_settings("r1", ApplyToRun(settings={"learning_rate": 1e-5}), "ada")
    assert after.pending_settings == {"learning_rate": 1e-5}
    assert after.settings["learning_rate"] == 5e-5
    assert ends.told == [("ApplySettings", "r1")]
    assert store.audit.all()[0].action == "run.apply_settings"
    service.apply_settings("r1", ApplyToRun(settings={"batch_size": 16, "gradient_accumulation": 2}), "ada")
    assert set(store.runs.get("r1").pending_settings) == {  # type: ignore[union-attr]
        "learning_rate", "batch_size", "gradient_accumulation",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"epochs": 9}, "epochs"), ({"learning_rate": 3.0}, "learning_rate"), ({"batch_size": 8}, "batch_size")],
)
def test_settings_that_cannot_change_are_refused_before_anything_is_sent(
    service: RunService, store: Store, ends: Ends, settings: dict[str, Any], field: str
) -> None:
    _under_way(store)
    with pytest.raises(Invalid) as refused:
        service.apply_settings("r1", ApplyToRun(settings=settings), "a")
    assert refused.value.details["field"] == field
    assert "Clone the run" in str(refused.value.fix)
    assert ends.told == []
    assert store.runs.get("r1").pending_settings == {}  # type: ignore[union-attr]


def test_a_command_that_cannot_be_written_leaves_nothing_waiting(
    service: RunService, store: Store, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_job_id: str, _command: Any) -> None:
        raise FileNotFoundError("its folder is gone")

    _under_way(store)
    monkeypatch.setattr(ends, "send", full)
    with pytest.raises(FileNotFoundError):
        service.apply_settings("r1", ApplyToRun(settings={"learning_rate": 1e-5}), "a")
    assert store.runs.get("r1").pending_settings == {}  # type: ignore[union-attr]


@pytest.mark.parametrize("state", ["queued", "stopping", "completed", "failed"])
def test_only_a_run_under_way_takes_settings(service: RunService, store: Store, state: str) -> None:
    _under_way(store, state=state)
    with pytest.raises(Conflict):
        service.apply_settings("r1", ApplyToRun(settings={"learning_rate": 1e-5}), "a")


def test_a_recipe_without_such_settings_says_none(service: RunService, store: Store) -> None:
    _under_way(store, recipe="selftest", settings=SelftestSettings().model_dump())
    with pytest.raises(Invalid) as refused:
        service.apply_settings("r1", ApplyToRun(settings={"rate_hz": 1}), "a")
    assert str(refused.value.fix).endswith("under way: none.")


def test_a_fork_marks_both_curves_where_it_leaves(service: RunService, store: Store) -> None:
    parent = service.start(selftest(steps=50), "a")
    store.runs.change(parent.id, state="failed")
    store.runs.add_checkpoint(parent.id, CheckpointRecord(name="checkpoint-20", step=20, size_bytes=1, saved_at=1.0))
    fork = service.fork(parent.id, "checkpoint-20", {"rate_hz": 10.0}, "a", name="again")
    assert (fork.fork_of, fork.fork_step, fork.fork_checkpoint) == (parent.id, 20, "checkpoint-20")
    assert fork.settings["rate_hz"] == 10.0
    texts = [(event.kind, event.step, event.text) for event in store.runs.events(fork.id)]
    assert ("fork", 20, "Forked from selftest-s0 at step 20") in texts
    texts = [(event.kind, event.step, event.text) for event in store.runs.events(parent.id)]
    assert ("fork", 20, "again forked at step 20") in texts


def test_a_note_at_a_step_stands_where_that_step_was_logged(service: RunService, store: Store) -> None:
    run = service.start(selftest(steps=10), "me")
    store.series.append(run.id, 1, [("train/loss", step, 5000.0 + step, step / 10, 0.5) for step in range(0, 100, 10)])
    note = service.note(run.id, AddNote(text="here", step=44))
    assert (note.step, note.time, note.epoch) == (44, 5040.0, 4.0)
    early = service.note(run.id, AddNote(text="before anything", step=-3))
    assert (early.step, early.epoch) == (-3, None)
    assert service.note(run.id, AddNote(text="now")).time == early.time
