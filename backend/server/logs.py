"""The daemon's log: one JSON object a line, capped and rotated, with nothing a terminal or a reader could be fooled
by."""

import json
import logging
import logging.handlers
import time
import traceback
import unicodedata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

FILE_BYTES = 8 * 1024 * 1024
FILES_KEPT = 3
_KNOWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode classes that move the cursor, turn the direction of writing or end the line."""


def escape(text: str) -> str:
    """The same text with control, ANSI, bidirectional and line-separating characters written as their numbers."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in text)


class JsonLines(logging.Formatter):
    """{"time","level","logger","text",…extras,"traceback"}; ensure_ascii keeps every odd character escaped."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": escape(record.getMessage()),
        }
        for key, value in record.__dict__.items():
            if key not in _KNOWN:
                line[key] = value if isinstance(value, int | float | bool | None) else escape(str(value))
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = _traceback(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, allow_nan=True)


def _traceback(error: BaseException | None) -> list[str]:
    """Frames and messages, but no values: those of variables and of refused input may be a user's secrets."""
    if isinstance(error, ValidationError):
        problems = [f"{item['loc']}: {item['msg']}" for item in error.errors(include_input=False, include_url=False)]
        frames = traceback.format_tb(error.__traceback__)
        return [escape(part.rstrip()) for part in (*frames, f"ValidationError of {error.title}", *problems)]
    return [escape(part.rstrip()) for part in traceback.format_exception(error)]


class PrivateFile(logging.handlers.RotatingFileHandler):
    """Rotates by size; each file is 0600."""

    def _open(self) -> Any:
        stream = super()._open()
        Path(self.baseFilename).chmod(0o600)
        return stream


def set_up(folder: Path | None, level: int = logging.INFO) -> None:
    """Log into folder/daemon.log; to standard error where the folder cannot be written."""
    handler: logging.Handler
    if folder is None:
        handler = logging.StreamHandler()
    else:
        handler = PrivateFile(folder / "daemon.log", maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.raiseExceptions = False  # a full disk must not fill standard error instead
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    for name in ("httpx", "httpcore", "asyncio", "sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.Formatter.converter = time.gmtime


def last_lines(path: Path, count: int) -> list[dict[str, Any]]:
    """The newest `count` records of a log file, oldest first; a line that is no JSON becomes {"text"}."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - 1024 * 1024))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines[-count:]:
        try:
            parsed = json.loads(line)
        except ValueError:
            parsed = line
        found.append(parsed if isinstance(parsed, dict) else {"text": escape(str(parsed))})
    return found
