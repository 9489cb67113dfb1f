"""What the routes work with, made by the daemon and hung on the application; nothing here does anything."""

import getpass
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from backend.clock import Clock
from backend.contract.errors import Invalid
from backend.contract.resources import MirrorStatus
from backend.paths import Home

if TYPE_CHECKING:
    from backend.services.datasets import DatasetService
    from backend.services.endpoints import EndpointService
    from backend.services.ingest import Ingest
    from backend.services.run_import import RunImporter
    from backend.services.runs import RunService
    from backend.services.scheduler import Scheduler
    from backend.services.versions import VersionService
    from backend.store import Store


def current_user() -> str:
    """The name under which this process runs; the actor of everything asked over our door."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in a container
        return "user"


@dataclass
class Parts:
    """The daemon's parts as the routes see them."""

    home: Home
    clock: Clock
    store: "Store"
    datasets: "DatasetService"
    runs: "RunService"
    versions: "VersionService"
    endpoints: "EndpointService"
    scheduler: "Scheduler"
    ingest: "Ingest"
    register: Callable[..., Any]
    imports: "RunImporter"
    started_at: float
    listen: str = ""
    token: str | None = None
    read_only_reason: str | None = None
    stop: Callable[[], None] = lambda: None
    mirror: Callable[[], MirrorStatus | None] = lambda: None
    notices: Callable[[], list[str]] = list
    check_cards: Callable[[], None] = lambda: None
    user: str = field(default_factory=current_user)
    hub: Any = None  # backend.server.feed.Hub, made with the application
    stopping: threading.Event = field(default_factory=threading.Event)

    def describe_listen(self) -> str:
        """The socket path, or host:port."""
        return self.listen.removeprefix("unix:").removeprefix("tcp:")


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def _client(request: Request) -> str:
    """Which program asks (`console`, `cli`, …), for the audit; not a proof of anything."""
    name = request.headers.get("x-modeldeck-client", "api")
    if len(name) > 40 or not name.isprintable():
        raise Invalid("X-Modeldeck-Client must be a short printable name.", field="X-Modeldeck-Client")
    return name


PartsIn = Annotated[Parts, Depends(_parts)]
ClientIn = Annotated[str, Depends(_client)]
