"""The mirror process: `python -m backend.mirror.main HOME`. A message a line on standard input, an answer a line on
standard output.

First it says {"ready": true, "created": …} or {"ready": false, "text": …} and ends. Then for each {"id", "kind",
"body"} it answers
{"id", "ok", "text"}; ok only after MLflow has committed. `database` in a refusal: no other message would fare better
now.
It ends with its standard input.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from backend.failpoints import failpoint
from backend.mirror.check import check_database

Handler = Callable[[dict[str, Any]], Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until standard input ends; 1 when the database cannot be used."""
    folder = Path((argv or sys.argv[1:])[0]) / "mlflow"
    answers = _own_output()
    os.umask(0o077)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        created = check_database(folder / "mlflow.db")
        handlers = _connect(folder)
    except Exception as error:  # noqa: BLE001 the edge of the process: whatever is wrong is told, never raised into nowhere
        _say(answers, {"ready": False, "text": _in_words(error)})
        return 1
    _say(answers, {"ready": True, "created": created})
    for line in sys.stdin:
        _say(answers, _handle(handlers, json.loads(line)))
    return 0


def _own_output() -> IO[str]:
    """A private handle of standard output; what libraries print goes to standard error from here on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _connect(folder: Path) -> dict[str, Handler]:
    from mlflow import MlflowClient  # late: two seconds and 160 MB, and not at all for an unusable database

    from backend.mirror.models import Models
    from backend.mirror.runs import Runs

    address = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=address, registry_uri=address)
    client.search_experiments(max_results=1)  # makes the tables, or says why it cannot
    os.chmod(folder / "mlflow.db", 0o600)
    runs = Runs(client, str(folder / "artifacts"))
    models = Models(client, runs, folder / "artifacts")
    return {
        "run": runs.sync,
        "version": models.sync_version,
        "aliases": models.sync_aliases,
        "nothing": lambda _: None,
    }


def _handle(handlers: dict[str, Handler], message: dict[str, Any]) -> dict[str, Any]:
    try:
        handlers[message["kind"]](message["body"])
        failpoint("mirror.before_acknowledge")
    except Exception as error:  # noqa: BLE001 the edge of the process: one bad message must not end the others
        text = _in_words(error)
        return {"id": message["id"], "ok": False, "text": text, "database": _is_about_the_database(error)}
    return {"id": message["id"], "ok": True, "text": ""}


def _is_about_the_database(error: Exception) -> bool:
    """MLflow wraps what the driver says into its own error and keeps the words."""
    return isinstance(error, OSError) or "sqlite3." in str(error) or "database is locked" in str(error)


def _in_words(error: Exception) -> str:
    text = str(error).strip()
    if type(error).__module__.startswith("backend."):  # ours say it all
        return text
    if "database is locked" in text:
        return "Another program holds mlflow.db locked. Close it, or wait."
    if "out-of-date database schema" in text or "Can't locate revision" in text:
        return (
            "mlflow.db was written by another version of MLflow. If that one is older, run "
            "'mlflow db upgrade' on it after a backup; if newer, update Modeldeck."
        )
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no details'}"


def _say(answers: IO[str], what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
