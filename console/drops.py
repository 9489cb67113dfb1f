"""What dropping a thing on the rail means: pin it, join a comparison, promote or deploy a version, import a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from console.widgets.rail import PINNED_AREA

SCHEME = "modeldeck://"


@dataclass(frozen=True)
class Drop:
    """What is to be done: `what` is pin, join, promote, deploy or import; `things` are what was dragged."""

    what: str
    things: tuple[str, ...]
    target: str = ""


def meaning(dragged: Sequence[str], target: str) -> Drop | None:
    """What a drop would do, or None: nothing.

    `dragged`: deep links, or paths of files. `target`: a page's key, a pinned link, or PINNED_AREA.
    """
    links = [text.removeprefix(SCHEME) for text in dragged if text.startswith(SCHEME)]
    if not links:
        return Drop("import", tuple(dragged[:1])) if dragged and target == "data" else None
    kinds = {link.partition("/")[0] for link in links}
    things = tuple(link.partition("/")[2] for link in links)
    kind, _, thing = target.partition("/")
    if kinds == {"run"} and kind == "compare":
        return Drop("join", things, thing)
    if kinds == {"model"} and len(links) == 1 and "/" in things[0]:
        if kind == "endpoint":
            return Drop("promote", things, thing)
        if target == "endpoints":
            return Drop("deploy", things)
    return Drop("pin", tuple(links)) if target == PINNED_AREA else None


def split_version(thing: str) -> tuple[str, int | None]:
    """`"sentiment/3"` → ("sentiment", 3); a name may itself hold slashes."""
    model, _, number = thing.rpartition("/")
    return (model, int(number)) if model and number.isdigit() else (thing, None)


def name_of(link: str, state: Any) -> str:
    """What a pin is called: a run by its name, a version as `sentiment v3`."""
    kind, _, thing = link.partition("/")
    run = state.runs.get(thing) if kind == "run" else None
    if run is not None:
        return str(run.name)
    model, number = split_version(thing)
    return f"{model} v{number}" if kind == "model" and number is not None else thing


class RailDrops:
    """Does what a drop means, with what the window can do."""

    def __init__(
        self,
        state: Any,
        *,
        pin: Callable[[str, str], object],
        repin: Callable[[str, str], object],
        navigate: Callable[[str], object],
        start: Callable[..., object],
    ) -> None:
        self._state, self._pin, self._repin, self._navigate, self._start = state, pin, repin, navigate, start

    def take(self, dragged: Sequence[str], target: str) -> None:
        """The user let go."""
        drop = meaning(dragged, target)
        if drop is None:
            return
        if drop.what == "pin":
            for link in drop.things:
                self._pin(link, name_of(link, self._state))
        elif drop.what == "join":
            joined = ",".join(dict.fromkeys((*drop.target.split(","), *drop.things)))
            self._repin(f"compare/{drop.target}", f"compare/{joined}")
            self._navigate(f"compare/{joined}")
        elif drop.what == "import":
            self._start("data.import", path=drop.things[0])
        else:
            model, version = split_version(drop.things[0])
            endpoint = {"endpoint": drop.target} if drop.what == "promote" else {}
            self._start("model.promote" if endpoint else "endpoint.new", model=model, version=version, **endpoint)
