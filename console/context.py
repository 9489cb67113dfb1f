"""What every page is given: the link, the state, and the window's services, in one record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from console.theme import Theme, theme

if TYPE_CHECKING:
    from console.actions import Actions
    from console.settings import Settings
    from console.widgets.sheet import Sheet


class Link(Protocol):
    """What a page may ask of the backend's client (console.link)."""

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        on_reply: Callable[[Any], None] | None = None,
        on_refused: Callable[[Any], None] | None = None,
    ) -> Any: ...


class Toaster(Protocol):
    """`context.toast("Canary of v14 set to 10%", "v13 keeps 90%", undo=callback, redo=callback)`.

    Kinds ok, info, warn, bad. `redo` does again what `undo` took back, without a message of its own.
    """

    def __call__(self, text: str, detail: str = "", kind: str = "ok", **more: Any) -> Any: ...


def _nowhere(*_args: Any, **_more: Any) -> Any:
    return None


@dataclass
class Context:
    """Handed to every page's constructor.

    link: the backend's client. state: console.state.AppState. navigate: go to a page or deep link
    (`"runs"`, `"run/<id>"`, `"modeldeck://run/<id>"`). open_sheet: show a Sheet. start: run an action or open a sheet
    by its id, with arguments. offline: True while the backend does not answer. actions_changed: the page's actions
    are others now. pin, unpin, is_pinned: by deep link without scheme. copy: text to the clipboard, with a toast.
    """

    link: Any
    state: Any
    settings: Settings
    actions: Actions
    theme: Theme = field(default_factory=lambda: theme)
    navigate: Callable[[str], None] = _nowhere
    toast: Toaster = _nowhere
    open_sheet: Callable[[Sheet], None] = _nowhere
    close_sheet: Callable[[], None] = _nowhere
    start: Callable[..., Any] = _nowhere
    clock: Callable[[], float] = time.time
    offline: Callable[[], bool] = lambda: False
    actions_changed: Callable[[], None] = _nowhere
    pin: Callable[[str, str], None] = _nowhere
    unpin: Callable[[str], None] = _nowhere
    is_pinned: Callable[[str], bool] = lambda _link: False
    copy: Callable[[str], None] = _nowhere
    is_in_front: Callable[[Any], bool] = lambda _page: True
