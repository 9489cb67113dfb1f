"""The watch on a real store: one alert a cause, opened late, resolved by itself, and never against a person's will."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.contract.errors import Unavailable
from backend.contract.events import RequestWindow
from backend.contract.resources import (
    AlertRecord,
    DriftReport,
    EndpointRecord,
    Failure,
    GpuReading,
    HostReading,
    RunRecord,
    TelemetrySample,
    VersionRecord,
)
from backend.drift.profile import bin_lengths, bin_shares, build_profile
from backend.services.causes import ACTIVE
from backend.services.watch import Watch
from backend.services.watch_drift import with_history
from backend.store import Store
from tests.helpers.stores import make_store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    opened = make_store(tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture
def watch(store: Store, clock: ManualClock) -> Iterator[Watch]:
    watching = Watch(store, clock)
    yield watching
    watching.close()


def lengths(seed: int, mean: float, count: int) -> list[float]:
    numbers = random.Random(seed)
    return [max(numbers.gauss(mean, mean / 4), 3) for _ in range(count)]


def scores(seed: int, mean: float, count: int) -> list[float]:
    numbers = random.Random(seed)
    return [min(max(numbers.gauss(mean, 0.05), 0), 1) for _ in range(count)]


def serve(store: Store, *, versions: int = 1, profile: bool = True) -> None:
    """An endpoint `sentiment` whose live version is 1."""
    store.versions.add_model("sentiment", "text-classification", ("negative", "positive"))
    store.runs.add(RunRecord(id="r1", name="r1", recipe="text_classification", state="completed"))
    for number in range(1, versions + 1):
        path = f"models/m1/{number}"
        folder = store.home.root / path
        folder.mkdir(parents=True)
        if profile:
            reference = build_profile(
                lengths(1, 64, 500), [0.0] * 500, ["positive", "negative"] * 250, scores(2, 0.9, 500)
            )
            (folder / "profile.json").write_text(json.dumps(reference))
        store.versions.add(VersionRecord(model="sentiment", version=number, run_id="r1", path=path))
    store.endpoints.add(
        EndpointRecord(name="sentiment", state="serving", model="sentiment", live_version=1, job_id="j1")
    )


def ask(
    store: Store, clock: ManualClock, *, length: float = 64, positive: float = 0.5, score: float = 0.9, **more: object
) -> None:
    """One request window of 200 texts that ends now."""
    labels = {"positive": round(200 * positive), "negative": 200 - round(200 * positive)}
    values = {
        "model": "sentiment", "version": 1, "seconds": 1.0, "requests": 200, "items": 200, "errors": 0, "rejected": 0,
        "labels": labels, "score_histogram": bin_shares(scores(3, score, 200)),
        "length_histogram": bin_lengths(lengths(4, length, 200)), "unknown_share_histogram": bin_shares([0.0] * 200),
    }  # fmt: skip
    store.endpoints.add_window("sentiment", clock.now(), RequestWindow.model_validate({**values, **more}))


def checks(watch: Watch, clock: ManualClock, count: int) -> None:
    for _ in range(count):
        clock.advance(5)
        watch.tick()


def active(store: Store) -> list[AlertRecord]:
    return store.alerts.all(ACTIVE)


def report(store: Store) -> DriftReport:
    found = store.drift.latest("sentiment")
    assert found is not None
    return found


class TestDrift:
    def test_quiet_traffic_opens_nothing(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store)
        for _ in range(10):
            ask(store, clock)
            checks(watch, clock, 1)
        assert store.alerts.all() == []
        assert {feature.state for feature in report(store).features} == {"ok"}
        assert report(store).text == "Traffic looks like what v1 was checked on."

    def test_one_alert_for_a_moved_input_and_the_predictions_it_moves(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        serve(store)
        ask(store, clock, length=118, positive=0.97, score=0.6)
        checks(watch, clock, 2)
        assert store.alerts.all() == []  # twice may be chance
        checks(watch, clock, 3)
        (alert,) = store.alerts.all()
        assert (alert.kind, alert.state, alert.endpoint, alert.version) == ("input_drift", "open", "sentiment", 1)
        assert alert.feature == "text_length"
        assert alert.severity == "bad"  # red in the table of features, and everywhere else
        assert alert.text.startswith("Text length moved right: median 6")
        assert set(alert.evidence["drifted"]) == {"text_length", "predicted_label", "confidence"}
        assert alert.evidence["features"]["text_length"]["psi"] > 0.2
        assert sum(alert.evidence["features"]["text_length"]["current"]) == pytest.approx(1.0, abs=0.01)
        assert alert.evidence["features"]["confidence"]["before"] > alert.evidence["features"]["confidence"]["after"]
        assert report(store).alerts == (alert.id,)

    def test_predictions_alone_are_another_kind_and_inputs_have_an_alert_of_their_own(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        serve(store)
        ask(store, clock, positive=0.97)
        checks(watch, clock, 3)
        (alert,) = active(store)
        assert alert.kind == "prediction_drift"
        assert alert.text.startswith("Predicted labels shifted: ")
        clock.advance(200)
        ask(store, clock, length=200, positive=0.97)
        checks(watch, clock, 3)
        (found,) = active(store)
        assert (found.kind, found.title) == ("input_drift", "Input drift on sentiment")
        before = next(each for each in store.alerts.all() if each.id == alert.id)
        assert (before.kind, before.title) == ("prediction_drift", alert.title)  # what was acknowledged stays itself
        assert (before.state, before.note[:16]) == ("resolved", "Inputs drift too")
        assert report(store).alerts == (found.id,)

    def test_an_input_alert_does_not_turn_into_one_about_predictions(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        serve(store)
        ask(store, clock, length=200, positive=0.97)
        checks(watch, clock, 3)
        (first,) = active(store)
        store.alerts.change(first.id, state="acknowledged")
        clock.advance(200)
        for _ in range(6):
            ask(store, clock, positive=0.97)
            checks(watch, clock, 1)
        (second,) = active(store)
        assert (second.kind, second.state) == ("prediction_drift", "open")
        (before,) = [each for each in store.alerts.all() if each.id == first.id]
        assert (before.kind, before.title, before.state) == ("input_drift", first.title, "resolved")
        assert before.note.startswith("Inputs look like the reference again")

    def test_it_resolves_itself_only_after_several_quiet_checks(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        serve(store)
        ask(store, clock, length=118)
        checks(watch, clock, 3)
        clock.advance(200)
        ask(store, clock)
        checks(watch, clock, 2)
        assert len(active(store)) == 1
        checks(watch, clock, 1)
        (alert,) = store.alerts.all()
        assert (alert.state, alert.note) == ("resolved", "Traffic looks like the reference again.")
        assert alert.text.startswith("Text length moved right"), "what was quiet already replaced what had moved"
        assert alert.resolved_at == clock.now()

    def test_silence_neither_opens_nor_resolves(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store)
        ask(store, clock, length=118)
        checks(watch, clock, 3)
        clock.advance(1000)
        checks(watch, clock, 10)
        assert len(active(store)) == 1
        assert report(store).text == "Not enough data: 0 of 100 texts in the last 120 s."
        assert active(store)[0].text.startswith("Text length moved right"), "the alert forgot what had moved"

    def test_too_few_texts_are_not_enough_data(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store)
        store.settings.change({"drift_minimum_items": 201})
        ask(store, clock, length=500)
        checks(watch, clock, 5)
        assert store.alerts.all() == []
        assert {feature.state for feature in report(store).features} == {"not_enough_data"}

    def test_without_a_reference_it_says_so(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store, profile=False)
        ask(store, clock, length=500)
        checks(watch, clock, 5)
        assert store.alerts.all() == []
        assert report(store).text == "v1 was registered without a reference profile."

    def test_a_new_live_version_starts_anew(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store, versions=2)
        ask(store, clock, length=118)
        checks(watch, clock, 3)
        store.endpoints.change("sentiment", live_version=2)
        checks(watch, clock, 1)
        (alert,) = store.alerts.all()
        assert (alert.state, alert.note) == ("resolved", "v2 is live now.")
        assert report(store).version == 2

    def test_a_restarted_watch_goes_on_with_the_open_alert(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        serve(store)
        ask(store, clock, length=118)
        checks(watch, clock, 3)
        again = Watch(store, clock)
        checks(again, clock, 2)
        assert [alert.state for alert in store.alerts.all()] == ["open"]
        clock.advance(200)
        ask(store, clock)
        checks(again, clock, 3)
        assert active(store) == []

    def test_what_a_person_resolved_stays_resolved_until_the_cause_was_gone(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        serve(store)
        store.settings.change({"drift_window_seconds": 600})
        ask(store, clock, length=118)
        checks(watch, clock, 3)
        store.alerts.change(active(store)[0].id, state="resolved")
        checks(watch, clock, 5)
        assert active(store) == []
        clock.advance(700)
        ask(store, clock)
        checks(watch, clock, 3)
        clock.advance(700)
        ask(store, clock, length=118)
        checks(watch, clock, 3)
        assert len(active(store)) == 1
        assert len(store.alerts.all()) == 2

    def test_a_snoozed_alert_wakes(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store)
        store.settings.change({"drift_window_seconds": 10_000})
        ask(store, clock, length=118)
        checks(watch, clock, 3)
        store.alerts.change(active(store)[0].id, state="snoozed", snoozed_until=clock.now() + 60)
        checks(watch, clock, 2)
        assert active(store)[0].state == "snoozed"
        clock.advance(60)
        checks(watch, clock, 1)
        assert (active(store)[0].state, active(store)[0].snoozed_until) == ("open", None)
        assert len(store.alerts.all()) == 1

    def test_a_deleted_endpoint_takes_its_alert_along(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store)
        ask(store, clock, length=118)
        checks(watch, clock, 3)
        store.endpoints.remove("sentiment")
        checks(watch, clock, 1)
        assert active(store) == []

    def test_a_report_that_repeats_itself_is_not_stored_again(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        serve(store)
        checks(watch, clock, 1)
        before = store.feed.newest()
        checks(watch, clock, 5)
        assert store.feed.newest() == before
        checks(watch, clock, 8)
        assert store.feed.newest() == before + 1

    def test_the_history_of_each_feature_is_added_for_the_chart(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        serve(store)
        for length in (64, 80, 118):
            ask(store, clock, length=length)
            checks(watch, clock, 1)
        feature = with_history(store, report(store)).features[0]
        assert len(feature.history_times) == len(feature.history_psi) == 3
        assert feature.history_psi[-1] == pytest.approx(feature.psi)


def machine(store: Store, clock: ManualClock, *, disk: float = 0.5, cards: tuple[GpuReading, ...] = ()) -> None:
    host = HostReading(disk_used_bytes=int(disk * 1000), disk_total_bytes=1000)
    store.telemetry.add(TelemetrySample(taken_at=clock.now(), host=host, gpus=cards))


class TestLimits:
    def test_a_full_disk_for_long_enough_is_one_alert_and_resolves(
        self, store: Store, clock: ManualClock, watch: Watch
    ) -> None:
        for _ in range(3):
            machine(store, clock, disk=0.97)
            checks(watch, clock, 1)
        (alert,) = store.alerts.all()
        assert (alert.kind, alert.severity, alert.feature) == ("disk", "bad", "disk/used_share")
        assert alert.text == "Disk is 97%, above 95% for 10 s."
        for _ in range(3):
            machine(store, clock, disk=0.92)  # under the limit, but not by enough
            checks(watch, clock, 1)
        assert len(active(store)) == 1
        for _ in range(3):
            machine(store, clock, disk=0.5)
            checks(watch, clock, 1)
        assert active(store) == []
        assert len(store.alerts.all()) == 1

    def test_a_short_peak_is_no_alert(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        for disk in (0.97, 0.97, 0.5, 0.97, 0.97):
            machine(store, clock, disk=disk)
            checks(watch, clock, 1)
        assert store.alerts.all() == []

    def test_each_hot_card_is_a_cause_of_its_own(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        hot = tuple(GpuReading(index=index, temperature_c=90.0 - 30 * (index == 1)) for index in range(3))
        for _ in range(14):
            machine(store, clock, cards=hot)
            checks(watch, clock, 1)
        assert sorted(str(alert.feature) for alert in active(store)) == ["gpu/0/temperature_c", "gpu/2/temperature_c"]
        assert active(store)[0].text.startswith("GPU ")
        assert "temperature is 90.0 °C, above 87.0 °C for 60 s." in active(store)[0].text

    def test_a_lost_card(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        machine(store, clock, cards=(GpuReading(index=1, name="RTX", lost="GPU is lost since 14:03"),))
        checks(watch, clock, 2)
        (alert,) = active(store)
        assert (alert.kind, alert.severity, alert.title) == ("gpu", "bad", "GPU 1 stopped answering")
        machine(store, clock, cards=(GpuReading(index=1),))
        checks(watch, clock, 1)
        assert active(store) == []

    def test_latency_over_the_endpoints_own_target(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store)
        store.endpoints.change("sentiment", limits={"slo_p99_ms": 40})
        for _ in range(14):
            ask(store, clock, latency_ms_p99=52.0)
            checks(watch, clock, 1)
        (alert,) = active(store)
        assert (alert.kind, alert.endpoint, alert.title) == (
            "latency",
            "sentiment",
            "p99 latency over the limit on sentiment",
        )
        assert alert.text == "p99 latency is 52.0 ms, above 40.0 ms for 60 s."
        for _ in range(14):
            checks(watch, clock, 1)  # nobody asks any more
        assert active(store) == []

    def test_errors_and_a_rule_that_is_switched_off(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store)
        for _ in range(8):
            ask(store, clock, errors=3)
            checks(watch, clock, 1)
        assert [alert.kind for alert in active(store)] == ["errors"]
        store.rules.change("errors", enabled=False)
        ask(store, clock, errors=3)
        checks(watch, clock, 1)
        assert active(store) == []

    def test_an_old_sample_says_nothing(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        machine(store, clock, disk=0.99)
        clock.advance(100)
        checks(watch, clock, 5)
        assert store.alerts.all() == []


class TestStates:
    def test_an_endpoint_that_is_down(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        serve(store)
        store.endpoints.change("sentiment", state="failed", text="It died 5 times in 60 s.")
        checks(watch, clock, 3)
        (alert,) = active(store)
        assert (alert.kind, alert.severity, alert.title) == ("endpoint", "bad", "sentiment is down")
        assert alert.text == "It died 5 times in 60 s."
        store.endpoints.change("sentiment", state="starting")
        checks(watch, clock, 1)
        assert len(active(store)) == 1
        store.endpoints.change("sentiment", state="serving")
        checks(watch, clock, 1)
        assert active(store) == []

    def test_a_failed_run_until_it_is_resumed(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        store.runs.add(RunRecord(id="a", name="lora", recipe="text_classification", state="running"))
        failure = Failure(code="out_of_memory", text="It ran out of memory at step 40.", advice="Halve the batch.")
        store.runs.change("a", state="failed", failure=failure, step=40)
        store.runs.change("a", note="seen")
        checks(watch, clock, 2)
        (alert,) = active(store)
        assert (alert.kind, alert.run_id, alert.title) == ("run", "a", "lora failed")
        assert alert.text == "It ran out of memory at step 40. Halve the batch."
        store.runs.change("a", state="queued")
        checks(watch, clock, 1)
        assert active(store) == []

    def test_a_failed_run_that_is_archived_or_deleted(self, store: Store, clock: ManualClock, watch: Watch) -> None:
        for name in ("a", "b"):
            store.runs.add(RunRecord(id=name, name=name, recipe="selftest", state="failed"))
        checks(watch, clock, 1)
        assert len(active(store)) == 2
        store.runs.change("a", archived=True)
        store.runs.remove("b")
        checks(watch, clock, 1)
        assert active(store) == []

    def test_a_failure_during_a_tick_that_cannot_write_is_told_by_the_next(
        self, store: Store, clock: ManualClock, watch: Watch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.runs.add(RunRecord(id="a", name="a", recipe="selftest", state="failed"))

        def full(_: object) -> None:
            raise Unavailable("The disk is full.")

        with monkeypatch.context() as patch:
            patch.setattr(store.alerts, "open", full)
            with pytest.raises(Unavailable):
                watch.tick()
        watch.tick()
        assert [alert.run_id for alert in active(store)] == ["a"]

    def test_failures_before_its_time_are_left_alone(self, store: Store, clock: ManualClock) -> None:
        store.runs.add(RunRecord(id="a", name="a", recipe="selftest", state="failed"))
        checks(Watch(store, clock), clock, 2)
        assert store.alerts.all() == []
