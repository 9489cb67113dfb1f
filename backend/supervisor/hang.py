"""When a run that says nothing is slow, and when it hangs: by the age of its step, never by a heartbeat. Pure.

A thread of a worker may go on writing while its step stands still, and a laptop may sleep; so the age counts only
time in which the watcher itself was awake, a finding must be seen twice, and gaps that a run has survived before
(a long evaluation) are not news. An evaluation, a checkpoint or the saved model comes from the thread that makes the
steps: each of them is progress, too, above all after the last step.
"""

import statistics
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HangRule:
    """Limits in seconds; the factors are of the median step."""

    slow_s: float = 30.0
    hung_s: float = 120.0
    slow_factor: float = 10.0
    hung_factor: float = 40.0
    confirm_s: float = 2.0  # the second look comes this much later
    asleep_s: float = 5.0  # a longer pause between two looks means the watcher itself stood still

    def limits(self, median_s: float, longest_s: float) -> tuple[float, float]:
        """Ages from which a run is slow and hung, given its median step and the longest gap it came back from."""
        slow = max(self.slow_s, self.slow_factor * median_s, 2.0 * longest_s)
        return slow, max(self.hung_s, self.hung_factor * median_s, 4.0 * longest_s)


@dataclass(slots=True)
class StepWatch:
    """What is remembered of one run between looks. look() takes monotonic seconds."""

    rule: HangRule = field(default_factory=HangRule)
    step: int = -1
    age_s: float = 0.0
    _last_look: float | None = None
    _came_on_at: float | None = None
    _step_s: deque[float] = field(default_factory=lambda: deque(maxlen=31))
    _longest_s: float = 0.0
    _suspected: str = "none"
    _suspected_age_s: float = 0.0
    found: str = "none"

    def look(self, step: int, now_s: float, *, came_on_at: float | None = None, counts: bool = True) -> str:
        """none, slow or hung. `came_on_at` is any clock's time of its last step or result; only a change of it counts.
        `counts` is False while standing still is right (paused) or not known (unread lines)."""
        passed = 0.0 if self._last_look is None else now_s - self._last_look
        self._last_look = now_s
        came_on, self._came_on_at = came_on_at != self._came_on_at, came_on_at
        if step != self.step or came_on:
            self._advanced(step, passed)
            return self.found
        if counts and passed <= self.rule.asleep_s:
            self.age_s += passed
        return self._judge() if counts else self.found

    def restart(self) -> None:
        """Forget the age: a pause ended, an attempt began."""
        self.age_s, self.found, self._suspected = 0.0, "none", "none"

    def _advanced(self, step: int, passed: float) -> None:
        if self.step >= 0 and step > self.step:
            self._step_s.append((self.age_s + passed) / (step - self.step))
        if 0 <= self.step <= step and self.age_s > self.rule.slow_s / 2:
            self._longest_s = max(self._longest_s, self.age_s)
        self.step = step
        self.restart()

    def _judge(self) -> str:
        slow, hung = self.rule.limits(statistics.median(self._step_s) if self._step_s else 0.0, self._longest_s)
        finding = "hung" if self.age_s > hung else "slow" if self.age_s > slow else "none"
        if finding != self._suspected:
            self._suspected, self._suspected_age_s = finding, self.age_s
        elif finding != "none" and self.age_s - self._suspected_age_s >= self.rule.confirm_s:
            self.found = finding
        return self.found
