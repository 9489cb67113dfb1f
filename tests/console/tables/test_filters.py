"""The filter language: what it accepts, what it says when it does not."""

import contextlib
from types import SimpleNamespace as Row

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.tables.filters import Field, FilterError, complete, parse_filter, read_number

NOW = 1_000_000.0
FIELDS = (
    Field("state", "text", lambda r: r.state, values=("running", "failed", "completed")),
    Field("f1", "number", lambda r: r.f1, aliases=("eval/f1",)),
    Field("tag", "tags", lambda r: r.tags),
    Field("since", "time", lambda r: r.created),
    Field("model", "text", lambda r: r.model),
    Field("pinned", "flag", lambda r: r.pinned),
)
COLUMNS = ("id", "name", "state", "f1", "tags", "created", "model", "pinned")
TABLE = (
    (1, "intent lora", "running", 0.94, ["sweep-4"], NOW - 3600, "roberta", True),
    (2, "intent full", "failed", None, ["oom", "old"], NOW - 9 * 86400, "bert", False),
    (3, "rank mini", "completed", 0.89, [], NOW - 86400, "minilm", False),
)
ROWS = [Row(**dict(zip(COLUMNS, values, strict=True))) for values in TABLE]


def found(text: str) -> list[int]:
    accepts = parse_filter(text, FIELDS, words=lambda r: r.name, now=NOW)
    return [row.id for row in ROWS if accepts(row)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3]),
        ("state:running", [1]),
        ("state:running,failed", [1, 2]),
        ("state!=running", [2, 3]),
        ("-state:running", [2, 3]),
        ("f1>0.9", [1]),
        ("eval/f1<=0.89", [3]),
        ("f1>89%", [1]),
        ("tag:sweep-4", [1]),
        ("-tag:old", [1, 3]),
        ("since:7d", [1, 3]),
        ("since:2h", [1]),
        ("model:BERT", [1, 2]),
        ("pinned:yes", [1]),
        ("intent", [1, 2]),
        ('"intent full"', [2]),
        ("-intent", [3]),
        ('state:completed "mini"', [3]),
    ],
)
def test_finds(text: str, ids: list[int]) -> None:
    assert found(text) == ids


@pytest.mark.parametrize(
    ("text", "message", "part"),
    [
        ("f2>0.9", "Did you mean f1", "f2"),
        ("colour:red", "Fields here: f1", "colour"),
        ("f1>high", "is a number", "high"),
        ("f1>", "needs a value", "f1>"),
        ("since:soon", "2026-11-20", "soon"),
        ("state:runing", "Values: running", "runing"),
        ("state>3", "is a text", ">"),
        ("pinned:perhaps", "yes or no", "perhaps"),
        ('"open', "not closed", '"open'),
    ],
)
def test_errors_say_what_would_be_right_and_where(text: str, message: str, part: str) -> None:
    with pytest.raises(FilterError, match=message) as caught:
        parse_filter(text, FIELDS, words=lambda r: r.name, now=NOW)
    assert text[caught.value.start : caught.value.stop] == part


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        accepts = parse_filter(text, FIELDS, words=lambda r: r.name, now=NOW)
        assert {accepts(row) for row in ROWS} <= {True, False}


def test_completion_offers_fields_then_values() -> None:
    assert complete("st", 2, FIELDS) == (0, ["state:"])
    assert complete("f1>0.9 state:ru", 15, FIELDS) == (7, ["state:running"])
    assert complete("state:running,fa", 16, FIELDS) == (0, ["state:running,failed"])
    assert "7d" in complete("since:", 6, FIELDS)[1][0]
    assert complete("f", 1, FIELDS)[1] == ["f1>"]


@pytest.mark.parametrize(("text", "value"), [("1e-4", 1e-4), ("10k", 10_000), ("3M", 3e6), ("50%", 0.5)])
def test_numbers_with_scale(text: str, value: float) -> None:
    assert read_number(text) == pytest.approx(value)
