"""The files of a job folder, their privacy, and what counts for which attempt."""

import os
from pathlib import Path

import pytest

from backend.contract.jobs import ExitRecord, JobIdentity, JobLaunch, JobSpec
from backend.jobs.folder import JobFolder, new_job_id, write_json_atomic


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    job = JobFolder(tmp_path / "jobs" / "r1")
    job.write_spec(JobSpec(job_id="r1", kind="train", main="m", name="n", settings={"a": 1}))
    return job


def test_looking_creates_nothing(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "none")
    assert (job.launch(), job.identity(), job.exit_record()) == (None, None, None)
    with pytest.raises(FileNotFoundError, match=r"spec\.json"):
        job.spec()
    assert list(tmp_path.iterdir()) == []


def test_a_spec_comes_back(job: JobFolder) -> None:
    assert job.spec().settings == {"a": 1}
    assert job.path.stat().st_mode & 0o777 == 0o700
    assert job.spec_file.stat().st_mode & 0o777 == 0o600


def test_records_of_an_earlier_attempt_do_not_count(job: JobFolder) -> None:
    job.write_launch(JobLaunch(attempt=1, resume=False, cookie="a"))
    identity = {
        "boot_id": "b",
        "runner_pid": 1,
        "runner_started": 1,
        "worker_pid": 2,
        "worker_started": 2,
        "attempt": 1,
    }
    write_json_atomic(job.identity_file, JobIdentity(cookie="a", **identity).model_dump())
    ended = ExitRecord(
        attempt=1, cookie="a", exit_code=0, signal=None, started_at=0, ended_at=1, peak_memory_bytes=None
    )
    write_json_atomic(job.exit_file, ended.model_dump())
    assert (job.identity().cookie, job.exit_record().exit_code) == ("a", 0)
    job.write_launch(JobLaunch(attempt=2, resume=True, cookie="b"))
    assert (job.identity(), job.exit_record()) == (None, None)


def test_a_damaged_file_is_named(job: JobFolder) -> None:
    job.launch_file.write_text("{")
    with pytest.raises(ValueError, match=r"launch\.json is damaged"):
        job.launch()


def test_an_atomic_write_that_fails_leaves_the_old_file_alone(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = job.spec_file.read_bytes()

    def fsync(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output"):
        write_json_atomic(job.spec_file, {"other": 1})
    assert job.spec_file.read_bytes() == before
    assert sorted(path.name for path in job.path.iterdir()) == ["spec.json", "tmp"]


def test_ids_are_safe_and_differ() -> None:
    ids = {new_job_id() for _ in range(500)}
    assert len(ids) == 500
    assert all(found.isalnum() and found.islower() for found in ids)
