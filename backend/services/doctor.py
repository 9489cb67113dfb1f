"""Doctor: every invariant of a home folder, checked while the daemon runs or without it; it changes nothing."""

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from backend.contract.base import ODD_NUMBERS
from backend.contract.errors import ModeldeckError
from backend.contract.events import Evaluation, Metrics
from backend.contract.resources import Check, DoctorReport
from backend.contract.states import LIVE_RUN_STATES
from backend.jobs.folder import JobFolder
from backend.jobs.identity import is_alive
from backend.jobs.log import Line, LogReader
from backend.jobs.manifest import verify
from backend.paths import Home
from backend.platform import processes_with
from backend.store import Store
from backend.store.offsets import KEEP_DAMAGED

READ_BYTES = 16 * 1024 * 1024
STALE_SUFFIX = ".tmp"
MOST_TOLD = 10

Problems = Iterable[str]


def run_doctor(home: Home, store: Store) -> DoctorReport:
    """Every check with what is wrong, in words; ok only when all hold. A store opened read_only is enough."""
    checks = store.check()
    for name, check in _CHECKS.items():
        try:
            problems = list(check(home, store))
        except (ModeldeckError, OSError, ValueError) as error:
            problems = [f"could not be checked: {error}"]
        checks.append(Check(name=name, ok=not problems, detail=_told(problems)))
    return DoctorReport(ok=all(check.ok for check in checks), checks=tuple(checks))


def _told(problems: list[str]) -> str:
    more = len(problems) - MOST_TOLD
    return "; ".join(problems[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")


# ---- files ---------------------------------------------------------------------------------------------------------


def _permissions(home: Home, _store: Store) -> Problems:
    """Nobody but the owner reads or writes anything (find HOME -perm /077), and everything is the owner's."""
    mine = os.getuid() if hasattr(os, "getuid") else None
    for path in _walk(home.root):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # a temporary file of a job that runs
        if stat.S_ISLNK(found.st_mode):
            continue
        if found.st_mode & 0o077:
            yield f"{path.relative_to(home.root)} is open to others ({stat.S_IMODE(found.st_mode):04o})"
        if mine is not None and found.st_uid != mine:
            yield f"{path.relative_to(home.root)} belongs to uid {found.st_uid}"


def _walk(root: Path) -> Iterator[Path]:
    yield root
    for folder, names, files in os.walk(root):
        if Path(folder) == root and "cache" in names:
            names.remove("cache")  # libraries write there as they like; the folder itself is private
        for name in (*names, *files):
            yield Path(folder) / name


def _disk(home: Home, store: Store) -> Problems:
    free, reserve = shutil.disk_usage(home.root).free, store.settings.get().reserve_disk_bytes
    if free < reserve:
        yield f"{free / 1e9:.2f} GB are free, {reserve / 1e9:.2f} GB are kept in reserve: no run is started"


def _leftovers(home: Home, store: Store) -> Problems:
    """Temporary files and folders of work that is over."""
    live = {run.id for run in store.runs.with_states(LIVE_RUN_STATES)}
    live.update(endpoint.job_id for endpoint in store.endpoints.all())
    for place in (home.jobs, home.models, home.datasets, home.backups):
        for path in sorted(place.glob("*")) if place.is_dir() else ():
            if _is_temporary(path):
                yield f"{path.relative_to(home.root)} was never finished"
            elif place == home.jobs and path.name not in live:
                for inside in (*path.glob("*"), *path.glob("checkpoints/*")):
                    if _is_temporary(inside):
                        yield f"{inside.relative_to(home.root)} was never finished"


def _is_temporary(path: Path) -> bool:
    return path.name.endswith(STALE_SUFFIX) or path.name.startswith(".tmp") or path.name.endswith(".partial")


# ---- jobs ----------------------------------------------------------------------------------------------------------


def _job_folders(home: Home) -> list[JobFolder]:
    if not home.jobs.is_dir():
        return []
    return [JobFolder(path) for path in sorted(home.jobs.iterdir()) if path.is_dir() and not path.is_symlink()]


def _rows_and_folders(home: Home, store: Store) -> Problems:
    """Each job folder has its row, each run its folder."""
    rows = {run.id for run in store.runs.all(include_archived=True)}
    serving = {endpoint.job_id for endpoint in store.endpoints.all() if endpoint.job_id}
    folders = set()
    for job in _job_folders(home):
        folders.add(job.job_id)
        if not job.spec_file.exists():
            yield f"jobs/{job.job_id} has no spec.json"
        elif job.spec().kind == "train" and job.job_id not in rows:
            yield f"jobs/{job.job_id} is a training without a row"
        elif job.spec().kind == "serve" and job.job_id not in serving and not _is_over(job):
            yield f"jobs/{job.job_id} is an endpoint without a row"
    for job_id in sorted((rows | serving) - folders):
        yield f"the folder jobs/{job_id} is gone"


def _is_over(job: JobFolder) -> bool:
    """Its last attempt has an exit record: a deleted endpoint keeps its folder, the log of what it answered."""
    launch, ended = job.launch(), job.exit_record()
    return launch is None or (ended is not None and ended.attempt == launch.attempt)


def _one_worker(home: Home, _store: Store) -> Problems:
    """Nothing runs on with a job's cookie after its worker is gone, so there are never two workers for one job."""
    for job in _job_folders(home):
        identity, launch = job.identity(), job.launch()
        if identity is None or launch is None:
            continue
        living = processes_with("MODELDECK_COOKIE", launch.cookie)
        if living and not is_alive(identity.worker_pid, identity.worker_started, identity.boot_id):
            gateways = [pid for pid in living if pid != identity.runner_pid]
            if gateways:
                yield f"{job.job_id}: its worker is gone, but {gateways} still run with its cookie"


def _logs_are_stored(home: Home, store: Store) -> Problems:
    """Every point of the logs is in the store, bit for bit and in order: as far as was read, ended runs entirely."""
    runs = {run.id: run for run in store.runs.all(include_archived=True)}
    for job in _job_folders(home):
        run = runs.get(job.job_id)
        if run is None or not job.events.exists():
            continue
        offset = store.offsets.get(job.job_id).offset
        size = job.events.stat().st_size
        if offset > size:
            yield f"{job.job_id}: {offset} bytes of its log were read, but it has only {size}"
        elif run.state not in LIVE_RUN_STATES and offset < size and b"\n" in _rest(job.events, offset):
            yield f"{job.job_id}: {size - offset} bytes of its log are not in the store"
        else:
            yield from _compare(job, store, offset)


def _rest(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(READ_BYTES)


def _compare(job: JobFolder, store: Store, offset: int) -> Problems:
    kept = {line["text"] for line in store.offsets.damaged_lines(job.job_id)}
    full = store.offsets.damaged(job.job_id) >= KEEP_DAMAGED
    exported, count = store.series.export(job.job_id), 0

    def set_aside(line: Line) -> bool:
        return f"{line.kind} seq {line.seq}" in kept or (full and not _is_sound(line))

    for point in _logged(job, offset, set_aside):
        found = next(exported, None)
        count += 1
        if found is None:
            yield f"{job.job_id}: the log holds more than the {count - 1} points that are stored"
            return
        if (found.key, found.step, found.time.hex(), _bits(found.value)) != point:
            yield f"{job.job_id}: point {count} differs: log {point}, stored {found}"
            return
    # A live run may have got further while we read.
    if store.offsets.get(job.job_id).offset == offset and next(exported, None) is not None:
        yield f"{job.job_id}: more points are stored than the {count} its log holds"


def _is_sound(line: Line) -> bool:
    """Whether it says what its kind promises; asked where not every line that was set aside is kept."""
    model = Metrics if line.kind == "metrics" else Evaluation
    try:
        model.model_validate(line.fields)
    except ValueError:
        return False
    return True


def _logged(job: JobFolder, offset: int, set_aside: Callable[[Line], bool]) -> Iterator[tuple[str, int, str, str]]:
    """Every point of a log up to an offset, without the lines that were set aside."""
    reader, position = LogReader(job.events), 0
    while position < offset:
        result = reader.read(position, READ_BYTES)
        if result.offset == position:
            return
        position = result.offset
        for line in result.lines:
            if line.end > offset:
                return
            if line.kind in ("metrics", "evaluation") and not set_aside(line):
                step, time = line.fields["step"], float(line.time).hex()
                for key, value in line.fields["values"].items():
                    yield key, step, time, _bits(ODD_NUMBERS[value] if isinstance(value, str) else value)


def _bits(value: float | None) -> str:
    return "unknown" if value is None else float(value).hex()


# ---- models --------------------------------------------------------------------------------------------------------


def _manifests(home: Home, store: Store) -> Problems:
    """The files of every registered version are what their manifest says (SHA-256)."""
    for model in store.versions.models():
        for version in model.versions:
            if version.deleted or not version.path:
                continue
            problem = verify(home.root / version.path)
            if problem is not None:
                yield f"{model.name}:{version.version}: {problem}"


def _live_files(home: Home, store: Store) -> Problems:
    """What an endpoint serves lies on the disk."""
    for endpoint in store.endpoints.all():
        for number in filter(None, (endpoint.live_version, endpoint.standby_version)):
            version = store.versions.version(endpoint.model or "", number)
            if version is None:
                yield f"{endpoint.name} has version {number} of {endpoint.model}, which is not registered"
            elif version.path and not (home.root / version.path).is_dir():
                yield f"{endpoint.name}: the files of {endpoint.model}:{number} are gone"


def _one_live(_home: Home, store: Store) -> Problems:
    """The champion of a model is what its endpoints say is live; no two endpoints share a job."""
    jobs = Counter(endpoint.job_id for endpoint in store.endpoints.all() if endpoint.job_id)
    yield from (f"{count} endpoints share the job {job_id}" for job_id, count in jobs.items() if count > 1)
    for endpoint in store.endpoints.all():
        if endpoint.live_version is not None and endpoint.live_version == endpoint.standby_version:
            yield f"{endpoint.name} has version {endpoint.live_version} live and standby at once"


_CHECKS = {
    "private files": _permissions,
    "disk space": _disk,
    "nothing left over": _leftovers,
    "jobs and rows": _rows_and_folders,
    "one worker a job": _one_worker,
    "logs are stored": _logs_are_stored,
    "version files": _manifests,
    "live files": _live_files,
    "one live version": _one_live,
}
"""What is checked beside Store.check(), in this order."""
