"""What every command is given: the home, a connection made when first needed, and how to print."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from backend import launch
from backend.client import Client
from backend.contract.answers import completed
from backend.contract.errors import Refused, Unavailable
from backend.contract.resources import Operation
from backend.paths import Home

Command = Callable[["Context", argparse.Namespace], int]


@dataclass
class Context:
    """One call of the command line."""

    home: Home
    as_json: bool = False
    _client: Client | None = field(default=None, repr=False)

    @property
    def client(self) -> Client:
        """The daemon; started when none runs. Unavailable when it cannot be."""
        if self._client is None:
            try:
                backend = launch.start(self.home, say=self.tell)
            except launch.LaunchFailed as error:
                raise Unavailable(str(error), code="offline") from error
            self._client = Client(backend)
        return self._client

    def ask(self, method: str, path: str, body: Any = None, **rest: Any) -> Any:
        """One request to the daemon."""
        return self.client.ask(method, path, body, **rest)

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.close()

    def tell(self, text: str) -> None:
        """Progress, on standard error: standard output is for the answer."""
        print(text, file=sys.stderr, flush=True)

    def show(self, answer: Any, text: str | Callable[[], str]) -> int:
        """The answer: one JSON document with --json, else the text. Returns 0."""
        if self.as_json:
            print(json.dumps(answer, ensure_ascii=False, indent=2, allow_nan=False))
        else:
            print(text() if callable(text) else text)
        return 0

    def finish(self, operation: dict[str, Any], timeout_s: float = 600.0) -> dict[str, Any]:
        """Wait for an operation, telling its stages; its result. Raises what the operation failed with."""
        import time

        end, told = time.monotonic() + timeout_s, ""
        operation = completed(Operation, operation)
        while operation["state"] == "running":
            if operation["stage"] != told:
                told = operation["stage"]
                self.tell(f"  {told} {operation['text']}".rstrip())
            if time.monotonic() > end:
                raise Unavailable(f"{operation['kind']} goes on after {timeout_s:g} s.", code="timeout")
            operation = completed(Operation, self.ask("GET", f"/operations/{operation['id']}", query={"wait": 10}))
        if operation["state"] == "failed":
            error = operation["error"] or {}
            raise Refused(error.get("text") or "It failed.", code=error.get("code"), fix=error.get("fix"))
        result: dict[str, Any] = operation["result"]
        return result
