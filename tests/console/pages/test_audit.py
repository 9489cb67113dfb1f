"""The audit page: rows, filter, the whole record, the chain, and exports that no spreadsheet runs."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from backend.contract.resources import AuditRecord
from console.pages.audit import AuditPage, action_words, to_csv, to_jsonl
from console.state.changes import Changes
from console.widgets.rows import KeyValue
from console.widgets.text import rich_text_leaks
from tests.console.pages.conftest import Desk


def entry(seq: int, action: str = "promote", **fields: Any) -> AuditRecord:
    known = {"seq": seq, "time": 1000.0 + seq, "actor": "me", "action": action, "object": "model/support",
             "before": "v13", "after": "v14", "hash": "ab" * 32, "previous_hash": "cd" * 32}  # fmt: skip
    return AuditRecord(**{**known, **fields})


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> AuditPage:
    desk.state.audit.extend((entry(3, "rollback"), entry(2), entry(1, "register")))
    made = AuditPage(desk.context)
    qtbot.addWidget(made)
    made.resize(1200, 700)
    made.refresh(Changes(everything=True))
    made.show()
    made.on_shown()
    return made


def test_entries_of_state_and_backend_are_one_table(desk: Desk, page: AuditPage) -> None:
    desk.link.last("GET", "/audit").succeed({"items": [entry(n).model_dump() for n in (3, 2, 1, 0)]})
    assert [record.seq for record in page._model.rows()] == [3, 2, 1, 0]
    assert page.header.context.text() == "4"


def test_the_filter_narrows_and_says_how_far(page: AuditPage, qtbot: QtBot) -> None:
    page.focus_filter()
    page._filter.set_text("action:promote")
    qtbot.waitUntil(lambda: page._model.rowCount() == 1)
    assert page.header.context.text() == "1 of 3"


def test_a_row_opens_the_whole_record_as_plain_text(desk: Desk, page: AuditPage, qtbot: QtBot) -> None:
    desk.state.audit.appendleft(entry(4, reason="<b>because</b> " * 5))
    page.refresh(Changes(audit=True))
    page._view.select_id(4)
    assert page._detail.title.text() == "Entry 4"
    values = [row.accessibleName() for row in page._detail.findChildren(KeyValue)]
    assert "Hash: abab…abab" in values
    assert rich_text_leaks(page) == []


@pytest.mark.parametrize(
    ("body", "text", "role"),
    [
        ({"ok": True, "first_bad_seq": None, "count": 3}, "Chain verified to", "text-tertiary"),
        ({"ok": False, "first_bad_seq": 2, "count": 3}, "The chain is broken at entry 2", "bad"),
    ],
)
def test_the_chain_is_verified_by_the_backend(
    desk: Desk, page: AuditPage, body: dict[str, Any], text: str, role: str
) -> None:
    desk.link.last("GET", "/audit/verify").succeed(body)
    assert page._chain.text().startswith(text)
    assert page._chain.role == role


def test_exports_keep_everything_and_defuse_formulas(desk: Desk, page: AuditPage, tmp_path: Path) -> None:
    records = [entry(1, reason="=HYPERLINK(1)"), entry(2)]
    rows = list(csv.DictReader(io.StringIO(to_csv(records))))
    assert rows[0]["reason"] == "'=HYPERLINK(1)"
    assert [json.loads(line)["seq"] for line in to_jsonl(records).splitlines()] == [1, 2]
    for suffix in ("csv", "jsonl", "pdf"):
        page.save(tmp_path / f"audit.{suffix}")
        assert (tmp_path / f"audit.{suffix}").stat().st_size > 0
    page.save(tmp_path / "missing" / "audit.csv")
    assert desk.toasts[-1][:2] == ("bad", "The file could not be written")


def test_nothing_yet_is_said(desk: Desk, qtbot: QtBot) -> None:
    desk.state.loaded = True
    page = AuditPage(desk.context)
    qtbot.addWidget(page)
    page.refresh(Changes(everything=True))
    page.show()
    assert page._empty.isVisible()
    assert not page._splitter.isVisible()
    assert not any(action.danger for action in page.actions())
    assert page.focus_filter()
    assert page._filter.focusPolicy() != Qt.FocusPolicy.NoFocus or page._filter.focusProxy() is not None


def test_actions_are_told_in_words_and_found_by_either(desk: Desk, page: AuditPage, qtbot: QtBot) -> None:
    assert action_words("run.pause") == "Pause run"
    assert action_words("some_thing.new") == "some thing new"
    desk.state.audit.appendleft(entry(4, "run.pause", object="run/r1"))
    page.refresh(Changes(audit=True))
    for sought in ("action:run.pause", '"Pause run"'):
        page._filter.set_text("")
        qtbot.waitUntil(lambda: page._model.rowCount() == 4)
        page._filter.set_text(sought)
        qtbot.waitUntil(lambda: [record.seq for record in page._model.rows()] == [4])


def test_before_anything_was_read_it_does_not_say_that_there_is_nothing(desk: Desk, qtbot: QtBot) -> None:
    made = AuditPage(desk.context)
    qtbot.addWidget(made)
    made.show()
    made.refresh(Changes(everything=True))
    assert made._skeleton.isVisible()
    assert not made._empty.isVisible()
    desk.state.loaded = True
    made.refresh(Changes(everything=True))
    assert made._empty.isVisible()
    assert not made._skeleton.isVisible()


def test_while_it_is_stale_its_age_stays_in_view(page: AuditPage) -> None:
    page.set_stale(1000.0)
    page.header.set_context("7")
    assert page.header.context.text().startswith("from ")
    page.set_stale(None)
    assert page.header.context.text() == "7"
