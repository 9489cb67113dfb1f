"""The data of a run, as it was when the run was started, or a reason why not."""

from pathlib import Path

from backend.contract.jobs import JobSpec
from backend.contract.states import FailureCode
from backend.data import versions
from backend.worker.parts.failure import RunFailed


def dataset_folder(spec: JobSpec) -> tuple[Path, str]:
    """Where the version lies, and its name. It must still hold what its hash promises; raises RunFailed."""
    if spec.dataset is None:
        raise RunFailed(FailureCode.DATA, "No dataset was chosen.", "Choose one.")
    folder, name = Path(spec.dataset.path), spec.dataset.name
    folder = folder.parent if folder.is_file() else folder
    if not folder.is_dir():
        text = f"The files of dataset {name} are gone."
        raise RunFailed(FailureCode.MISSING_FILE, text, "Import it again and start a new run.")
    known = versions.read_facts(folder)
    if not versions.verify_content(folder, known["columns"], known["task"], known["mapping"], spec.dataset.sha256):
        text = f"The files of dataset {name} differ from what the run was started with."
        raise RunFailed(FailureCode.DATA, text, "Import it again and start a new run.")
    return folder, name
