"""One loaded version in its own process: answers its gateway over a socket pair, ends when the gateway is gone.

`python -m backend.worker.engine --serve FD` is one engine. `--host FD` is a process that only imports torch and
transformers, once, and forks an engine for each socket it is handed: loading a version then costs its weights, not five
seconds of imports. The host must never run a torch operation or touch CUDA before it forks: both leave threads or
contexts that a fork breaks.
"""

import argparse
import faulthandler
import gc
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from backend.failpoints import failpoint
from backend.jobs import manifest
from backend.worker.serving import frames
from backend.worker.serving.frames import Hungup, Message

GENTLE_S = 60.0
"""So long a load takes only what the version that answers leaves over; it must come to an end where that is nothing."""
LOADER_NICENESS = 10
"""What a load that took longer than that is held to."""


# ---- one engine ------------------------------------------------------------------------------------------------------


class Engine:
    """Messages in, messages out, one thread; an explanation is worked on in slices while nothing else waits."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._predictor: Any = None
        self._slices: deque[tuple[int, Iterator[Message | None]]] = deque()

    def run(self) -> int:
        """Serve until told to stop or hung up on; the exit code."""
        try:
            while True:
                if self._slices and not select.select([self._connection], [], [], 0)[0]:
                    self._slice()
                    continue
                message = frames.receive(self._connection)
                if message["op"] == "stop":
                    return 0
                self._handle(message)
        except (Hungup, BrokenPipeError, ConnectionResetError):
            return 0

    def _handle(self, message: Message) -> None:
        if message["op"] == "load":
            self._load(message)
        elif message["op"] == "predict":
            self._answer(int(message["id"]), lambda: self._predictor.answer(message["inputs"], message["truncate"]))
        elif message["op"] == "explain":
            from backend.worker.serving.attribution import explain  # torch: not before the fork

            self._slices.append((int(message["id"]), explain(self._predictor, message)))
        elif message["op"] == "forget":
            self._slices = deque(one for one in self._slices if one[0] != int(message["id"]))

    def _say(self, message: Message) -> None:
        frames.send(self._connection, message)

    def _answer(self, number: int, work: Any) -> None:
        try:
            self._say({"id": number, **work()})
        except (Hungup, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001 one bad batch must not end the engine; what happened is told
            self._say({"id": number, "error": _describe(error), "code": _code(error)})

    def _slice(self) -> None:
        number, work = self._slices.popleft()

        def step() -> Message:
            return next(work, None) or {}

        try:
            found = step()
        except Exception as error:  # noqa: BLE001 as in _answer
            self._say({"id": number, "error": _describe(error), "code": _code(error)})
            return
        if found:
            self._say({"id": number, **found})
        else:
            self._slices.append((number, work))

    def _load(self, message: Message) -> None:
        """Step by step, each in a thread that stands back behind the version that answers."""
        started = time.perf_counter()
        try:
            for step in (self._verify, self._read, self._warm, self._check):
                _in_the_background(partial(step, message), time.perf_counter() - started)
            seconds = round(time.perf_counter() - started, 3)
            self._say({"state": "ready", "seconds": seconds, **self._predictor.facts()})
        except (Hungup, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001 any failure to load is the answer to the load
            self._say({"state": "failed", "code": _code(error), "text": _describe(error)})

    def _verify(self, message: Message) -> None:
        from backend.worker.serving.folder import set_threads  # torch: not before the fork
        from backend.worker.serving.golden import BadModel

        self._say({"state": "verifying", "threads": set_threads(int(message.get("threads") or 0))})
        difference = manifest.verify(Path(message["path"]))
        if difference is not None:
            raise BadModel(difference)

    def _read(self, message: Message) -> None:
        from backend.worker.serving.predictors import open_predictor  # torch: not before the fork

        self._say({"state": "loading"})
        failpoint("engine.load")
        device, limit = message.get("device", "auto"), message.get("max_tokens")
        self._predictor = open_predictor(Path(message["path"]), device=device, max_tokens=limit)

    def _warm(self, message: Message) -> None:
        self._say({"state": "warming"})
        self._predictor.warm_up(int(message.get("max_batch") or 32))

    def _check(self, _message: Message) -> None:
        self._predictor.check_golden()
        failpoint("engine.ready")


def _in_the_background(work: Callable[[], None], elapsed_s: float) -> None:
    """Do this in a thread of its own and wait for it; what it raises is raised here.

    Linux keeps policy and niceness per thread, and only the idle policy really stands back: a nice thread still holds
    up a waking one for its slice (measured at 20 requests/s, two cores: 100 to 140 ms again and again, idle 30 ms).
    The policy cannot be left again without a right, so that each step has a thread of its own.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            if sys.platform.startswith("linux"):
                if elapsed_s < GENTLE_S:
                    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
                else:
                    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOADER_NICENESS)
            work()
        except BaseException as error:  # noqa: BLE001 handed to the thread that waits
            raised.append(error)

    thread = threading.Thread(target=run, name="loader")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _describe(error: BaseException) -> str:
    """Words for a person. Foreign errors may quote the input, so only their kind and place are told."""
    if type(error).__name__ in ("BadModel", "BadGolden"):
        return str(error)
    if _code(error) == "out_of_memory":
        return "out of memory: a smaller max_batch or max_tokens would fit"
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    return f"{type(error).__name__}{where}"


def _code(error: BaseException) -> str:
    text = f"{type(error).__name__} {error}".lower()
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return "out_of_memory"
    return "bad_model" if type(error).__name__ in ("BadModel", "BadGolden") else "error"


# ---- the host that forks engines -------------------------------------------------------------------------------------


class Host:
    """Forks an engine for every socket it receives; collects the dead; ends with its gateway."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)

    def run(self) -> int:
        """Serve until the control socket ends. Returns in forked children too: with their exit code."""
        _preload()
        signal.signal(signal.SIGCHLD, _ignore)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._tell({"state": "up", "pid": os.getpid()})
        while True:
            ready, _, _ = select.select([self._control, self._woken], [], [])
            if self._woken in ready:
                self._woken.recv(4096)
                self._reap()
            if self._control in ready:
                data, descriptors, _, _ = socket.recv_fds(self._control, 65536, 1)
                if not data:
                    return 0
                self._obey(frames.from_bytes(data), descriptors)

    def _obey(self, message: Message, descriptors: list[int]) -> None:
        if message["op"] == "fork" and descriptors:
            self._fork(int(message["number"]), descriptors[0])

    def _fork(self, number: int, descriptor: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_engine(descriptor)
        os.close(descriptor)
        self._tell({"state": "forked", "number": number, "pid": pid})

    def _become_engine(self, descriptor: int) -> None:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for inherited in (self._control, self._woken, self._wake):
                inherited.close()
            code = Engine(socket.socket(fileno=descriptor)).run()
        except BaseException:  # noqa: BLE001 the edge of a process: nothing may return into the host's loop
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if code:
                print(
                    f"engine {pid} ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}", file=sys.stderr
                )

    def _tell(self, message: Message) -> None:
        self._control.sendall(frames.to_bytes(message))


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Only so that the wake-up descriptor is written."""


def _preload() -> None:
    """Import what every engine needs. Frozen objects are not touched by the collector, so forks share their pages."""
    import torch
    import transformers

    from backend.worker.serving import attribution, classifier

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    _ = (
        torch,
        attribution,
        classifier,
        transformers.BertForSequenceClassification,
        transformers.AutoModelForSequenceClassification,
    )
    gc.collect()
    gc.freeze()


def main(argv: list[str]) -> int:
    """`--serve FD` or `--host FD`. SIGTERM is ignored: the gateway drains first, then hangs up."""
    parser = argparse.ArgumentParser(prog="engine")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--serve", type=int, metavar="FD")
    which.add_argument("--host", type=int, metavar="FD")
    asked = parser.parse_args(argv)
    faulthandler.enable()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if asked.host is not None:
        return Host(socket.socket(fileno=asked.host)).run()
    return Engine(socket.socket(fileno=asked.serve)).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
