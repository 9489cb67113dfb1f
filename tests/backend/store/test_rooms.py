"""The rooms of the store: feed, audit, runs, versions and the smaller ones."""

import math
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from backend import failpoints
from backend.clock import ManualClock
from backend.contract.base import Record
from backend.contract.errors import Conflict, Invalid, NotFound
from backend.contract.feed import FeedMessage
from backend.contract.resources import (
    AlertRecord,
    DatasetRecord,
    DriftReport,
    FeatureDrift,
    HistoryEntry,
    HostReading,
    TelemetrySample,
    VersionRecord,
)
from backend.store import Store, feed
from tests.helpers.stores import a_run, make_store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    store = make_store(tmp_path, clock)
    yield store
    store.close()


class _Counter:
    """How many statements readers run."""

    def __init__(self, store: Store) -> None:
        self.count = 0
        event.listen(store.database._readers, "before_cursor_execute", self._on_statement)

    def _on_statement(self, *_: object) -> None:
        self.count += 1


# ---- runs ----------------------------------------------------------------------------------------------------------


def test_five_thousand_runs_take_one_statement(store: Store) -> None:
    with store.transaction():
        for number in range(5000):
            store.database._held().exec_driver_sql(
                "INSERT INTO runs (id, state, created_at, body) VALUES (?, 'completed', ?, ?)",
                (f"r{number}", float(number), a_run(f"r{number}", state="completed").model_dump_json()),
            )
    counter = _Counter(store)
    assert [run.id for run in store.runs.all()[:2]] == ["r4999", "r4998"]
    assert len(store.runs.all()) == 5000
    assert counter.count == 4  # BEGIN and SELECT, twice


def test_odd_numbers_and_odd_texts_come_back(store: Store) -> None:
    metrics = {"a": math.nan, "b": math.inf, "c": None, "d": -0.0}
    name = "naïve 🚀 \u202e <img> ..\n\ud800"
    store.runs.add(a_run(metrics=metrics, best={"value": math.nan}, note="n" * 10_000))
    store.runs.add_log("r1", [(1.0, "info", name)])
    store.runs.add_event("r1", "note", data={"odd": math.nan, "deep": [-math.inf, None]})
    assert store.runs.events("r1")[0].data == {"odd": "nan", "deep": ["-inf", None]}
    found = store.runs.all()[0]
    assert {key: repr(value) for key, value in found.metrics.items()} == {k: repr(v) for k, v in metrics.items()}
    assert store.feed.since(0, ["runs"])[0].data["metrics"]["a"] == "nan"
    assert store.runs.log("r1").lines[0].text == name.replace("\ud800", "\\ud800")


def test_the_queue_is_counted_from_one_and_closes_its_gaps(store: Store) -> None:
    for number in range(4):
        store.runs.add(a_run(f"r{number}", state="queued", created_at=float(number)))
    store.runs.move("r3", 1)
    assert [(run.id, run.queue_position) for run in store.runs.queue()] == [("r3", 1), ("r0", 2), ("r1", 3), ("r2", 4)]
    store.runs.change("r0", state="preparing")
    store.runs.remove("r1")
    assert [(run.id, run.queue_position) for run in store.runs.queue()] == [("r3", 1), ("r2", 2)]
    store.runs.move("r3", 99)
    assert [run.id for run in store.runs.queue()] == ["r2", "r3"]
    with pytest.raises(Conflict, match="preparing"):
        store.runs.move("r0", 1)
    with pytest.raises(NotFound):
        store.runs.change("unknown", step=1)
    with pytest.raises(ValueError, match="no field"):
        store.runs.change("r2", unknown=1)


def test_a_log_is_searched_filtered_and_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.store.runs.KEEP_LOG_LINES", 3000)
    store.runs.add(a_run())
    for start in range(0, 5000, 500):
        store.runs.add_log(
            "r1", [(1.0, "error" if n % 100 == 50 else "info", f"line {n} 5%") for n in range(start, start + 500)]
        )
    page = store.runs.log("r1", -3, 10)
    assert [line.number for line in page.lines] == [4998, 4999, 5000]
    assert page.first_error == 51
    assert page.total <= 4000
    assert store.runs.log("r1", 0, 5, "warning").lines[0].text == "line 50 5%"
    assert store.runs.log("r1", find="LINE 7 5%").total == 1
    assert store.runs.log("r1", find="%5").total == 0  # no wildcard


# ---- feed ----------------------------------------------------------------------------------------------------------


def test_messages_are_stored_with_the_transaction_or_not_at_all(store: Store) -> None:
    got: list[FeedMessage] = []
    end = store.feed.subscribe(got.extend)
    with store.transaction():
        store.publish("system", "notice", {"text": "one", "value": math.nan})
        assert got == []
    failpoints.reset("store.before_commit:raise")
    with pytest.raises(failpoints.FailpointReached):
        store.publish("system", "notice", {"text": "two"})
    failpoints.reset("")
    store.publish("system", "notice", {"text": "three"})
    assert [message.data["text"] for message in got] == ["one", "three"]
    assert got == store.feed.since(0)
    assert [message.id for message in got] == [1, 2]
    assert got[0].data["value"] == "nan"
    end()
    store.publish("system", "notice", {"text": "four"})
    assert len(got) == 2
    with pytest.raises(ValueError, match="no topic"):
        store.publish("unknown", "x", {})


def test_subscribers_neither_stop_nor_reorder_anybody(store: Store) -> None:
    got: list[int] = []

    def answer(messages: list[FeedMessage]) -> None:
        if messages[0].data["n"] < 3:
            store.publish("system", "notice", {"n": messages[0].data["n"] + 100})
        raise RuntimeError

    store.feed.subscribe(answer)
    store.feed.subscribe(lambda messages: got.extend(message.id for message in messages))
    threads = [threading.Thread(target=store.publish, args=("system", "notice", {"n": n})) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == sorted(got)
    assert len(got) == 13


def test_the_feed_is_bounded_and_its_ids_go_on(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "KEEP_MESSAGES", 50)
    monkeypatch.setattr(feed, "_PRUNE_EVERY", 10)
    for number in range(200):
        store.publish("system", "notice", {"n": number})
    assert 141 <= store.feed.oldest() <= 151
    monkeypatch.setattr(feed, "KEEP_BYTES", 500)
    for _ in range(20):
        store.publish("system", "notice", {"text": "x" * 100})
    assert store.feed.newest() - store.feed.oldest() < 20
    store.close()
    again = make_store(tmp_path)
    again.publish("system", "notice", {})
    assert again.feed.newest() == 221
    again.close()


# ---- audit ---------------------------------------------------------------------------------------------------------


def test_the_audit_refuses_changes_and_names_the_bad_row(store: Store) -> None:
    for number in range(5):
        store.audit.add("ann", "cli", "promote", "model/m", str(number), "2", "because", details={"n": math.nan})
    assert store.audit.verify() == (True, None, 5)
    raw = sqlite3.connect(store.home.database, isolation_level=None)
    for statement in ("UPDATE audit SET actor = 'bob'", "DELETE FROM audit", "REPLACE INTO audit SELECT * FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(statement)
    raw.execute("DROP TRIGGER audit_no_update")
    raw.execute("UPDATE audit SET reason = 'becausf' WHERE seq = 3")
    assert store.audit.verify() == (False, 3, 5)
    assert "row 3" in next(check.detail for check in store.check() if check.name == "audit chain")
    raw.execute("UPDATE audit SET reason = 'because' WHERE seq = 3")
    raw.execute("DROP TRIGGER audit_no_delete")
    raw.execute("DELETE FROM audit WHERE seq = 2")
    assert store.audit.verify() == (False, 2, 4)
    raw.close()
    assert [record.seq for record in store.audit.all(0, 2)] == [5, 4]
    assert store.audit.all(find="becau", count=1)[0].seq == 5
    assert store.audit.all(find="%") == []


# ---- models --------------------------------------------------------------------------------------------------------


def test_versions_are_numbered_aliased_and_listed_without_a_statement_each(store: Store) -> None:
    for model in ("a", "b"):
        store.versions.add_model(model, "t", ["x"])
        for _ in range(3):
            store.versions.add(VersionRecord(model=model, version=0, run_id="r"))
    store.versions.set_alias("a", "champion", 2)
    store.versions.set_alias("a", "previous", 1)
    store.versions.set_alias("a", "champion", 3)
    counter = _Counter(store)
    models = store.versions.models()
    assert counter.count == 5  # BEGIN and four SELECTs
    assert [version.version for version in models[0].versions] == [3, 2, 1]
    assert (models[0].champion, models[0].previous, models[0].versions[0].aliases) == (3, 1, ("champion",))
    store.versions.change("a", 1, deleted=True)
    assert store.versions.model("a").previous is None  # type: ignore[union-attr]
    with pytest.raises(NotFound):
        store.versions.set_alias("a", "champion", 1)
    assert store.versions.add(VersionRecord(model="a", version=0, run_id="r")).version == 4
    served = store.versions.served("a", 3, 10.0, 25.0)
    assert (served.first_served_at, served.last_served_at, served.served_seconds) == (10.0, 25.0, 15.0)
    store.versions.add_history("a", HistoryEntry(time=1.0, actor="x", action="promote"))
    assert store.versions.history("a")[0].action == "promote"


# ---- the smaller ones ----------------------------------------------------------------------------------------------


def test_a_request_made_twice_is_answered_once(store: Store, clock: ManualClock) -> None:
    assert store.idempotency.claim("k", "POST /runs", "h") is None
    with pytest.raises(Conflict, match="still being worked on"):
        store.idempotency.claim("k", "POST /runs", "h")
    store.idempotency.save("k", 201, {"id": "r1"})
    assert store.idempotency.claim("k", "POST /runs", "h") == (201, {"id": "r1"})
    with pytest.raises(Conflict, match="another request"):
        store.idempotency.claim("k", "POST /runs", "other")
    clock.advance(90_000)
    assert store.idempotency.claim("k", "POST /runs", "h") is None


def test_settings_and_rules(store: Store) -> None:
    assert store.settings.change({"telemetry_hz": 2}).telemetry_hz == 2.0
    assert store.settings.get().telemetry_hz == 2.0
    for bad in ({"unknown": 1}, {"telemetry_hz": 1000}, {"telemetry_hz": 2, "runs_at_once": 0}):
        with pytest.raises(Invalid):
            store.settings.change(bad)
    rules = store.rules.all()
    store.rules.change(rules[0].id, limit=5.0)
    assert [rule.limit for rule in store.rules.all()][:2] == [5.0, rules[1].limit]
    with pytest.raises(NotFound):
        store.rules.change("unknown", limit=1.0)


def test_the_outbox_keeps_its_order_and_waits_longer_each_time(store: Store, clock: ManualClock) -> None:
    first, second = (store.outbox.add("run", key, {"a": 1}) for key in "ab")
    store.outbox.failed(first, "locked")
    assert [item.id for item in store.outbox.take()] == [second]
    clock.advance(1.0)
    assert [item.id for item in store.outbox.take()] == [first, second]
    assert store.outbox.last_error() == "locked"
    store.outbox.done(first)
    store.outbox.done(first)
    assert store.outbox.backlog() == 1


def test_operations_tell_what_was_begun(store: Store) -> None:
    operation = store.operations.start("promote", "model/m", ["load", "switch"], {"from": 1})
    store.operations.stage(operation.id, "switch", "switching", {"to": 2})
    assert [found.stage for found in store.operations.unfinished()] == ["switch"]
    assert store.operations.details(operation.id) == {"from": 1, "to": 2}
    assert store.operations.fail(operation.id, "it broke").error["text"] == "it broke"  # type: ignore[index]
    assert store.operations.unfinished() == []
    assert store.operations.all("promote")[0].state == "failed"


def test_telemetry_is_thinned_and_bounded_and_a_jump_of_the_clock_deletes_nothing(
    store: Store, clock: ManualClock
) -> None:
    with store.transaction():
        for number in range(100):
            clock.advance(1.0)
            store.telemetry.add(TelemetrySample(taken_at=clock.now(), host=HostReading(cpu_percent=float(number))))
    history = store.telemetry.history(60, 10)
    assert len(history.times) == 10
    assert store.telemetry.latest().host.cpu_percent == 99.0  # type: ignore[union-attr]
    clock.jump(365 * 86_400.0)
    with store.transaction():
        for _ in range(70):
            clock.advance(1.0)
            store.telemetry.add(TelemetrySample(taken_at=clock.now()))
    with store.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM telemetry WHERE level = 0").scalar() == 170


def test_datasets_and_alerts(store: Store) -> None:
    for number in range(2):
        store.datasets.add(DatasetRecord(id=f"d{number}", name="reviews", task="t", rows=1))
    assert store.datasets.find("reviews").id == "d1"  # type: ignore[union-attr]
    assert store.datasets.find("d0").version == 1  # type: ignore[union-attr]
    store.alerts.open(AlertRecord(id="a", kind="input_drift", endpoint="e", feature="f", opened_at=1.0))
    assert store.alerts.find_active("input_drift", "e", "f").id == "a"  # type: ignore[union-attr]
    assert store.alerts.find_active("input_drift", "e") is None
    store.alerts.change("a", state="resolved")
    assert store.alerts.find_active("input_drift", "e", "f") is None
    assert [alert.id for alert in store.alerts.all(["resolved"])] == ["a"]


def test_drift_history_is_thinned(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.store.alerts._PRUNE_EVERY", 1_000)
    day, last = 86_400.0, 100 * 86_400.0

    def check(time: float) -> None:
        features = tuple(FeatureDrift(feature=name, psi=0.1, js=0.2) for name in ("a", "b"))
        store.drift.add(DriftReport(endpoint="e", checked_at=time, features=features))

    with store.transaction():
        for number in range(100):
            check(last - 31 * day + number)  # too old
            check(last - 2 * day + 30.0 * number)  # old: one in five minutes stays
        for number in range(799):
            check(last - 799 + number)
        check(last + 365 * day)  # a clock that jumped: nothing may be lost to it
    for name in ("a", "b"):
        times = [time for time, _ in store.drift.history("e", name)]
        assert len(times) == 10 + 800
        assert times[0] == last - 2 * day


def test_a_daily_backup_is_made_once(store: Store) -> None:
    store.maintain()
    store.maintain()
    assert len(list(store.home.backups.glob("*-daily.db"))) == 1


def test_records_are_what_comes_out(store: Store) -> None:
    store.runs.add(a_run())
    assert isinstance(store.runs.get("r1"), Record)
