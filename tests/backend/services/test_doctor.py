"""Doctor: a sound home passes, and each broken invariant is named, also through a store that only reads."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.contract.jobs import ExitRecord, JobLaunch, JobSpec
from backend.contract.resources import EndpointRecord, VersionRecord
from backend.jobs.folder import JobFolder, write_json_atomic
from backend.jobs.manifest import write_manifest
from backend.services.doctor import run_doctor
from backend.services.ingest import Ingest
from backend.store import Store, open_store
from tests.helpers.stores import a_job, a_run, make_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A home with a completed run, a registered version and an endpoint that serves it."""
    store = make_store(tmp_path)
    store.settings.change({"reserve_disk_bytes": 0})
    store.runs.add(a_run())
    log = a_job(store.home)
    log.append("started", {"attempt": 1, "pid": 1})
    for step in range(200):
        log.append("metrics", {"step": step, "epoch": None, "values": {"a": step / 7, "b": float("nan"), "c": None}})
    log.append("evaluation", {"step": 5, "split": "test", "rows": 1, "values": {"test/f1": 0.5}})
    log.append("metrics", {"step": "x", "values": {"a": 1.0}})
    log.close()
    Ingest(store, store.home, ManualClock()).poll()
    store.runs.change("r1", state="completed")
    folder = store.home.models / "m" / "1"
    folder.mkdir(parents=True, mode=0o700)
    (store.home.models / "m").chmod(0o700)
    (folder / "model.safetensors").write_bytes(b"weights")
    write_manifest(folder)
    for path in folder.iterdir():
        path.chmod(0o600)
    store.versions.add_model("m", "t")
    store.versions.add(VersionRecord(model="m", version=0, run_id="r1", path="models/m/1"))
    a_job(store.home, "s1", kind="serve").close()
    store.endpoints.add(EndpointRecord(name="e", job_id="s1", model="m", live_version=1, state="stopped"))
    yield store
    store.close()


def _failed(store: Store) -> dict[str, str]:
    return {check.name: check.detail for check in run_doctor(store.home, store).checks if not check.ok}


def test_a_sound_home_passes_with_and_without_a_writer(store: Store) -> None:
    assert _failed(store) == {}
    reader = open_store(store.home, ManualClock(), read_only=True)
    assert run_doctor(store.home, reader).ok
    reader.close()


def _open_file(store: Store) -> None:
    (store.home.job("r1") / "events.ndjson").chmod(0o644)


def _changed_weights(store: Store) -> None:
    (store.home.models / "m" / "1" / "model.safetensors").write_bytes(b"wEights")


def _lost_row(store: Store) -> None:
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM runs")


def _lost_folder(store: Store) -> None:
    store.runs.add(a_run("r2"))


def _unread_log(store: Store) -> None:
    from backend.jobs.log import LogWriter

    log = LogWriter(store.home.job("r1") / "events.ndjson")
    log.append("log", {"level": "info", "text": "more"})
    log.close()


def _other_value(store: Store) -> None:
    path = store.home.job("r1") / "events.ndjson"
    from backend.jobs.lines import decode_line, encode_line

    lines = path.read_bytes().split(b"\n")
    found = decode_line(lines[10])
    values = {**found["values"], "a": found["values"]["a"] + 1e-9}
    lines[10] = encode_line(
        found["seq"], found["time"], "metrics", {"step": found["step"], "epoch": None, "values": values}
    )[:-1]
    path.write_bytes(b"\n".join(lines))
    size = path.stat().st_size
    store.offsets.set("r1", size, 999)


def _lost_points(store: Store) -> None:
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM series_tail")


def _leftover(store: Store) -> None:
    (store.home.job("r1") / ".tmp-checkpoint").mkdir(mode=0o700)


def _unregistered(store: Store) -> None:
    store.endpoints.change("e", live_version=7)


def _changed_audit(store: Store) -> None:
    store.audit.add("a", "b", "c", "d")
    with store.database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        connection.exec_driver_sql("UPDATE audit SET actor = 'x'")


def _no_space(store: Store) -> None:
    store.settings.change({"reserve_disk_bytes": 10**18})


@pytest.mark.parametrize(
    ("harm", "check", "text"),
    [
        (_open_file, "private files", "events.ndjson is open to others (0644)"),
        (_changed_weights, "version files", "m:1: model.safetensors"),
        (_lost_row, "jobs and rows", "jobs/r1 is a training without a row"),
        (_lost_folder, "jobs and rows", "the folder jobs/r2 is gone"),
        (_unread_log, "logs are stored", "bytes of its log are not in the store"),
        (_other_value, "logs are stored", "differs"),
        (_lost_points, "logs are stored", "the log holds more than the 0 points"),
        (_leftover, "nothing left over", ".tmp-checkpoint was never finished"),
        (_unregistered, "live versions", "e serves m:7, which is not registered"),
        (_changed_audit, "audit chain", "row 1 of 1"),
        (_no_space, "disk space", "are free"),
    ],
)
def test_what_is_broken_is_named(store: Store, harm: Callable[[Store], None], check: str, text: str) -> None:
    harm(store)
    found = _failed(store)
    assert text in found.get(check, ""), json.dumps(found)


def test_a_worker_that_outlived_its_record_is_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job = store.home.job("r1")
    identity = {
        "boot_id": "another",
        "runner_pid": 1,
        "runner_started": 1.0,
        "worker_pid": 2,
        "worker_started": 1.0,
        "cookie": "c",
        "attempt": 1,
    }
    (job / "identity.json").write_text(json.dumps(identity))
    (job / "identity.json").chmod(0o600)
    monkeypatch.setattr("backend.services.doctor.processes_with", lambda name, value: [os.getpid()])
    assert "still run with its cookie" in _failed(store)["one worker a job"]


def test_a_deleted_endpoint_keeps_its_folder_and_nobody_minds(store: Store) -> None:
    job = JobFolder(store.home.job("e-gone"))
    job.write_spec(JobSpec(job_id="e-gone", kind="serve", main="backend.worker.gateway", name="gone"))
    job.write_launch(JobLaunch(attempt=1, resume=False, cookie="c"))
    checks = {check.name: check for check in run_doctor(store.home, store).checks}
    assert "e-gone is an endpoint without a row" in checks["jobs and rows"].detail
    ended = ExitRecord(
        attempt=1, cookie="c", exit_code=0, signal=None, started_at=1.0, ended_at=2.0, peak_memory_bytes=None
    )
    write_json_atomic(job.exit_file, ended.model_dump(mode="json"))
    checks = {check.name: check for check in run_doctor(store.home, store).checks}
    assert checks["jobs and rows"].ok
