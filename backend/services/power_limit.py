"""The power limit of a card: what it is, and another one, asked of the driver in a process of its own and audited."""

import json
import sys
from collections.abc import Mapping

from pydantic import ValidationError

from backend.contract.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from backend.contract.resources import GpuReading, PowerLimit
from backend.paths import PROJECT
from backend.store import Store
from backend.telemetry.texts import output_of

DEADLINE_S = 8.0
MODULES = {"nvidia": "backend.telemetry.nvidia_power"}


class PowerLimits:
    """`env` is that of the driver's process; None: this one's."""

    def __init__(self, store: Store, *, env: Mapping[str, str] | None = None, deadline_s: float = DEADLINE_S) -> None:
        self._store, self._env, self._deadline_s = store, env, deadline_s

    def get(self, index: int) -> PowerLimit:
        """The limit of card `index` and what the card takes; Refused says why it cannot be told."""
        return self._ask(self._card(index), None)

    def change(self, index: int, watts: float, *, actor: str, client: str, reason: str = "") -> PowerLimit:
        """Set it. Refused outside of what the card takes and where the driver does not let this user; both are
        audited."""
        card = self._card(index)
        before = card.power_limit_w
        try:
            before = self._ask(card, None).limit_w
            after = self._ask(card, watts)
        except Refused as error:
            self._note(card, before, watts, actor, client, reason, why=error.text)
            raise
        self._note(card, before, after.limit_w, actor, client, reason)
        return after

    def _card(self, index: int) -> GpuReading:
        sample = self._store.telemetry.latest()
        cards = {card.index: card for card in sample.gpus} if sample else {}
        card = cards.get(index)
        if card is None:
            there = ", ".join(str(number) for number in cards) or "none"
            raise NotFound(f"There is no GPU {index}. There are: {there}.")
        if card.lost is not None:
            raise Unavailable(f"GPU {index} does not answer: {card.lost.rstrip('.')}.", code="lost")
        if card.vendor not in MODULES or card.uuid is None:
            raise Conflict(f"The power limit of GPU {index} can only be set by its vendor's own program.")
        return card

    def _ask(self, card: GpuReading, watts: float | None) -> PowerLimit:
        command = [sys.executable, "-m", MODULES[card.vendor], str(card.uuid)]
        command += [] if watts is None else ["--watts", f"{watts:.3f}"]
        done = output_of(
            command, self._deadline_s, env=self._env, cwd=PROJECT, errors=False, killed_after_s=self._deadline_s + 1
        )
        if done is None:
            raise Unavailable(f"The graphics driver did not answer within {self._deadline_s:g} s.", code="driver_hangs")
        try:
            answer = json.loads(done[1])
            if "refused" not in answer:
                return PowerLimit.model_validate(answer)
        except (ValueError, ValidationError) as error:
            text = f"The graphics driver ended its reader with exit code {done[0]}."
            raise Unavailable(text, code="driver_failed") from error
        raise _refusal(card, answer["refused"], answer["text"], watts)

    def _note(
        self, card: GpuReading, before: float | None, after: float | None, actor: str, client: str, reason: str,
        why: str = "",
    ) -> None:  # fmt: skip
        details = {"uuid": card.uuid, "name": card.name} | ({"why": why} if why else {})
        self._store.audit.add(
            actor=actor, client=client, action="set_power_limit", object=f"gpu/{card.index}", before=_watts(before),
            after=_watts(after), reason=reason, result="aborted" if why else "done", details=details,
        )  # fmt: skip


def _refusal(card: GpuReading, code: str, text: str, watts: float | None) -> Refused:
    if code == "out_of_range":
        return Invalid(text, field="watts", code=code)
    if code == "no_permission":
        wanted = "" if watts is None else f" -pl {watts:.0f}"
        return Conflict(text, code=code, fix=f"As administrator: sudo nvidia-smi -i {card.uuid}{wanted}")
    return Unavailable(text, code=code)


def _watts(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} W"
