"""Notes for the mirror what the feed says has changed: runs, versions, aliases. At least once; the mirror's work can
be repeated.

How far the feed was read stands in a small file, so that nothing is missed while the daemon is down.
"""

import logging
import threading
from typing import TYPE_CHECKING, Any

from backend.contract.errors import Unavailable
from backend.contract.feed import FeedMessage
from backend.paths import Home
from backend.platform import read_json, write_json_atomic
from backend.services import outbox

if TYPE_CHECKING:
    from backend.store import Store

log = logging.getLogger(__name__)

PAGE = 500
LOOK_S = 60.0
PAUSE_S = 1.0
"""Between two looks while messages come: a training changes its row several times a second."""


class MirrorNotes:
    """run() belongs to one thread. `wake` is called after something was noted."""

    def __init__(self, store: "Store", home: Home, wake: Any) -> None:
        self._store = store
        self._file = home.mlflow / "noted.json"
        self._wake = wake
        self._news = threading.Event()
        self._runs: dict[str, tuple[Any, ...]] = {}
        self._models: dict[str, dict[str, Any]] = {}

    def run(self, stop: threading.Event) -> None:
        """Follow the feed until `stop` is set."""
        unsubscribe = self._store.feed.subscribe(self._on_messages)
        self._forget()
        self._news.set()
        try:
            while not stop.is_set():
                self._news.wait(LOOK_S)
                if self._news.is_set() and not stop.is_set():
                    self._news.clear()
                    self._try()
                    stop.wait(PAUSE_S)
        finally:
            unsubscribe()

    def _try(self) -> None:
        """Catch up; a full disk or a locked database only delays, and the store itself tells of it."""
        try:
            self.catch_up()
        except (Unavailable, OSError) as error:
            log.warning("notes for the mirror wait: %s", error)
            self._forget()
            self._news.set()

    def _forget(self) -> None:
        """What was noted by a transaction that is gone must be noted again."""
        self._runs.clear()
        self._models.clear()

    def wake(self) -> None:
        """Look now, or notice that it should end."""
        self._news.set()

    def catch_up(self) -> None:
        """Note everything since the last time."""
        place = self._place()
        if place is None or place < self._store.feed.oldest() - 1 or place > self._store.feed.newest():
            newest = self._store.feed.newest()
            outbox.everything(self._store)
            self._keep(newest)
            return
        start = place
        while messages := self._store.feed.since(place, ("runs", "models"), PAGE):
            with self._store.transaction():
                noted = [self._note(message) for message in messages]
            place = messages[-1].id
            if any(noted):
                self._wake()
        if place != start:
            self._keep(place)

    def _on_messages(self, messages: list[FeedMessage]) -> None:
        if any(message.topic in ("runs", "models") for message in messages):
            self._news.set()

    def _place(self) -> int | None:
        try:
            found = read_json(self._file)
            return int(found["feed"]) if found else None
        except (ValueError, KeyError, TypeError):
            return None

    def _keep(self, place: int) -> None:
        write_json_atomic(self._file, {"feed": place})

    def _note(self, message: FeedMessage) -> bool:
        return self._note_run(message) if message.topic == "runs" else self._note_model(message.data)

    def _note_run(self, message: FeedMessage) -> bool:
        """Of a run's many changes only those that MLflow can see: state, name, tags, version."""
        run_id = str(message.data["id"])
        names = ("state", "attempt", "name", "tags", "note", "model_version")
        seen = tuple(str(message.data.get(name)) for name in names)
        if self._runs.get(run_id) == seen:
            return False
        self._runs[run_id] = seen
        outbox.run_changed(self._store, run_id)
        return True

    def _note_model(self, model: dict[str, Any]) -> bool:
        name = str(model["name"])
        before = self._models.get(name, {})
        now = {str(v["version"]): (v["note"], v["deleted"]) for v in model["versions"]}
        changed = sorted((number for number, facts in now.items() if before.get(number) != facts), key=int)
        for number in changed:
            outbox.version_registered(self._store, name, int(number))
        aliases = (model["champion"], model["previous"])
        if before.get("aliases") != aliases:
            outbox.aliases_changed(self._store, name)
        self._models[name] = {**now, "aliases": aliases}
        return bool(changed) or before.get("aliases") != aliases
