"""The daemon: builds the parts, runs them, shuts them down in reverse order. `python -m backend.daemon --home DIR
--listen unix`.

Order of the start: home → lock → log → store → door → services → loops → backend.json → requests. Workers and
endpoints are
processes of their own: they neither start nor end with it.
"""

import argparse
import contextlib
import faulthandler
import logging
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from backend import platform
from backend.clock import SystemClock
from backend.contract.errors import ModeldeckError, Refused
from backend.contract.resources import MirrorStatus
from backend.jobs.manifest import verify
from backend.launch import OCCUPIED, VERSION
from backend.loops import Loop, every
from backend.paths import Home, default_home
from backend.server import doorway, logs
from backend.server.app import build
from backend.server.parts import Parts
from backend.services.datasets import DatasetService
from backend.services.endpoints import EndpointService
from backend.services.energy import EnergyMeter
from backend.services.ingest import Ingest
from backend.services.mirror import MirrorService
from backend.services.mirror_notes import MirrorNotes
from backend.services.owners import owners_of
from backend.services.registering import Registrar
from backend.services.run_folders import LOOK_EVERY_S, RunFolders
from backend.services.run_import import RunImporter
from backend.services.runs import RunService
from backend.services.scheduler import Scheduler
from backend.services.telemetry import TelemetryService
from backend.services.versions import VersionService
from backend.services.watch import Watch
from backend.services.webhook import WebhookService
from backend.store import Store, open_store
from backend.supervisor.launch import Supervisor

log = logging.getLogger("modeldeck.daemon")

GRACEFUL_S = 5
CARE_EVERY_S = 60.0


class Server(uvicorn.Server):
    """uvicorn that ends the feeds first: they would keep it waiting."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell every reader why, then close."""
        self._parts.stopping.set()
        self._parts.hub.stop("The backend is stopping.")
        await super().shutdown(sockets)


class Daemon:
    """All parts of one home; everything that was opened is on `_closing` and closed in reverse order."""

    def __init__(self, home: Home, listen: str) -> None:
        self.home = home
        self.clock = SystemClock()
        self.loops: list[Loop] = []
        self._listen = listen
        self._closing = contextlib.ExitStack()
        self._server: Server | None = None
        self._stop_asked = threading.Event()

    def run(self) -> int:
        """Until somebody stops it; the exit status."""
        with self._closing:
            read_only = doorway.prepare_home(self.home)
            lock = doorway.HomeLock(self.home)
            lock.take(read_only=read_only is not None)
            self._closing.callback(lock.free)
            logs.set_up(self.home.logs if read_only is None else None)
            log.info("starting", extra={"version": VERSION, "home": str(self.home.root), "viewer": read_only or ""})
            store = open_store(self.home, self.clock, read_only=read_only is not None)
            self._closing.callback(store.close)
            door = doorway.open_door(self.home, self._listen)
            self._closing.callback(doorway.withdraw, self.home)
            parts = self._build(store, door, read_only)
            self._serve(parts, door)
            for loop in self.loops:  # all at once: each may take a second to notice
                loop.ask_to_end()
        log.info("stopped")
        return 0

    def stop(self) -> None:
        """End soon; safe from a signal handler and from any thread."""
        self._stop_asked.set()
        if self._server is not None:
            self._server.should_exit = True

    # ---- parts ---------------------------------------------------------------------------------------------------

    def _build(self, store: Store, door: doorway.Listening, read_only: str | None) -> Parts:
        """Make the services and start their loops; a viewer has no loops, for they write."""
        home, clock = self.home, self.clock
        supervisor = Supervisor(home, clock)
        datasets = DatasetService(store, home, clock)
        versions = VersionService(store, home, clock)
        ingest = Ingest(store, home, clock, verify_model=lambda folder: verify(folder) is None)
        scheduler = Scheduler(store, supervisor, ingest, home, clock)
        runs = RunService(store, supervisor, scheduler, datasets, home, clock)
        endpoints = EndpointService(store, supervisor, ingest, versions, home, clock)
        registrar = Registrar(store, versions)
        imports = RunImporter(store, home, clock, ingest, runs.check_room)
        scheduler.on_completed = registrar.on_completed
        parts = Parts(
            home=home,
            clock=clock,
            store=store,
            datasets=datasets,
            runs=runs,
            versions=versions,
            endpoints=endpoints,
            scheduler=scheduler,
            ingest=ingest,
            register=registrar.begin,
            imports=imports,
            started_at=clock.now(),
            listen=door.listen,
            token=door.token,
            read_only_reason=read_only,
            stop=self.stop,
            notices=lambda: self._notices(store),
        )
        if read_only is not None:
            return parts
        store.idempotency.release_unanswered()
        registrar.recover()
        imports.recover()
        self._closing.callback(registrar.close)
        self._closing.callback(imports.close)
        self._closing.callback(endpoints.close)
        meter = EnergyMeter(store)
        self._closing.callback(meter.flush)  # runs when telemetry has ended and the store is still open
        telemetry = TelemetryService(
            store, home, clock, owners=lambda: owners_of(store, supervisor), on_sample=meter.take
        )
        watch = Watch(store, clock)
        parts.check_cards = telemetry.check_again
        self._loop("ingest", ingest.run, ingest.wake)
        self._loop("scheduler", scheduler.run, scheduler.wake)
        self._loop("recovery", lambda _stop: endpoints.recover())
        self._loop("telemetry", telemetry.run)
        self._loop("watch", watch.run)
        self._loop("webhook", WebhookService(store, clock).run)
        self._loop("folders", every(LOOK_EVERY_S, RunFolders(store, home).look))
        self._loop("housekeeping", self._housekeeping(store))
        parts.mirror = self._start_mirror(store)
        return parts

    def _loop(self, name: str, work: Callable[[threading.Event], Any], nudge: Callable[[], None] | None = None) -> None:
        loop = Loop(name, work, nudge).start()
        self.loops.append(loop)
        self._closing.callback(loop.close)

    def _start_mirror(self, store: Store) -> Callable[[], MirrorStatus | None]:
        """The MLflow neighbour, in its own process behind an outbox."""
        mirror = MirrorService(store, self.home, self.clock)
        notes = MirrorNotes(store, self.home, mirror.wake)
        self._loop("mirror", mirror.run, mirror.wake)
        self._loop("mirror-notes", notes.run, notes.wake)
        return mirror.status

    def _housekeeping(self, store: Store) -> Callable[[threading.Event], None]:
        """A backup a day, and memory that a large request left goes back to the system."""

        def care() -> None:
            with contextlib.suppress(ModeldeckError, OSError):  # a full disk tells itself elsewhere; again in a minute
                store.maintain()
            platform.give_back_memory()

        return every(CARE_EVERY_S, care, at_once=False)

    def _notices(self, store: Store) -> list[str]:
        found = [text for text in (loop.trouble() for loop in self.loops) if text]
        if store.health.state != "ok":
            found.insert(0, store.health.text + self._room(store))
        return [*found, *store.notices]

    def _room(self, store: Store) -> str:
        """How many bytes a full disk needs."""
        if store.health.kind != "full":
            return ""
        free, reserve = shutil.disk_usage(self.home.root).free, store.settings.get().reserve_disk_bytes
        return f" Free {max(reserve - free, 1_000_000):,} bytes."

    # ---- requests ------------------------------------------------------------------------------------------------

    def _serve(self, parts: Parts, door: doorway.Listening) -> None:
        config = uvicorn.Config(
            build(parts, hosts=door.hosts),
            http="h11",  # strict, and in Python: a malformed request is refused, never guessed at
            ws="none",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=GRACEFUL_S,
            h11_max_incomplete_event_size=64 * 1024,
        )
        self._server = Server(config, parts)
        # uvicorn raises a caught signal again when it has ended: ours must stand below it, or the clean-up is skipped.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: self.stop())
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if self._stop_asked.is_set():
            return
        doorway.announce(self.home, door, parts.started_at)
        log.info("listening", extra={"listen": door.listen})
        self._server.run(sockets=[door.socket])


def main(argv: Sequence[str] | None = None) -> int:
    """The process's main; 0 after a stop, 3 when refused, 4 when another daemon has the home."""
    parser = argparse.ArgumentParser(prog="backend.daemon", description="The Modeldeck backend.")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--listen", default="unix", help="unix, or tcp:PORT on loopback (0: any free port)")
    given = parser.parse_args(argv)
    os.umask(0o077)
    faulthandler.enable()
    home = Home((given.home or default_home()).expanduser().absolute())
    try:
        doorway.parse_listen(given.listen)
        return Daemon(home, given.listen).run()
    except doorway.Occupied as error:
        print(error.text, file=sys.stderr)
        return OCCUPIED
    except Refused as error:
        print(f"{error.text} {error.fix or ''}".strip(), file=sys.stderr)
        log.error("refused: %s", error.text)
        return 3
    except ModeldeckError as error:
        print(error, file=sys.stderr)
        log.exception("broken")
        return 1


if __name__ == "__main__":
    sys.exit(main())
