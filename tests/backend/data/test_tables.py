"""Tables: kinds of columns and targets, and what is refused before a run."""

from typing import Any

import pytest

from backend.contract.recipes import TabularSettings
from backend.data.checks import CHECKS, Unfit
from backend.data.tables import read_table
from backend.data.versions import Columns

ROWS = 40


def columns(target: list[str] | None = None, **features: list[str]) -> Columns:
    found = features or {"size": [f"{row * 7 % 40}.5" for row in range(ROWS)]}
    return Columns("t", "tabular", {"target": target or ["yes", "no"] * (ROWS // 2)}, found)


def check(data: Columns, **settings: Any) -> list[Any]:
    return CHECKS["tabular"](data, TabularSettings(**settings))


def test_columns_are_numbers_or_categories_and_blank_ones_are_left_out() -> None:
    sizes = [str(row) for row in range(ROWS - 2)] + ["", "NA"]
    data = columns(size=sizes, town=["a", "", "b", "?"] * 10, empty=[""] * ROWS)
    table = read_table(data)
    assert table.kinds == {"size": "number", "town": "text"}
    assert table.left_out == ("empty",)
    assert "empty: no value in any row" in check(data)[-1].text


@pytest.mark.parametrize(
    ("target", "regression"),
    [
        (["yes", "no"] * 20, False),
        (["0", "1"] * 20, False),
        (["0.5", "1.5"] * 20, True),
        ([str(row) for row in range(ROWS)], True),
        ([str(row % 5) for row in range(ROWS)], False),
    ],
)
def test_the_kind_follows_from_the_target(target: list[str], regression: bool) -> None:
    assert read_table(columns(target)).regression is regression
    assert check(columns(target)) == []


def test_a_target_that_teaches_nothing_is_refused() -> None:
    with pytest.raises(Unfit, match=r"the target is 'yes' on every row"):
        check(columns(["yes"] * ROWS))
    with pytest.raises(Unfit, match=r"the target is missing") as caught:
        check(columns(["yes", "no"] * 10 + ["NA"] + ["no"] * 19))
    assert caught.value.row == 20
    with pytest.raises(Unfit, match=r"'maybe' 1") as caught:
        check(columns([*["yes", "no"] * 19, "maybe", "no"]))
    assert caught.value.row == 38


def test_a_target_of_the_wrong_kind_is_refused_with_a_hint() -> None:
    with pytest.raises(Unfit, match=r"the target is 'much'; regression needs a number") as caught:
        check(columns([*[f"{row}.5" for row in range(39)], "much"]), kind="regression")
    assert (caught.value.row, caught.value.fix) == (39, "Mend the cell, or choose classification.")
    with pytest.raises(Unfit, match=r"40 different numbers, which are no classes") as caught:
        check(columns([f"{row}.5" for row in range(ROWS)]), kind="classification")
    assert caught.value.fix == "Choose regression."


def test_features_without_values_or_with_a_stray_cell_are_refused() -> None:
    with pytest.raises(Unfit, match=r"all columns beside the target are empty"):
        check(columns(a=[""] * ROWS, b=["NA"] * ROWS))
    with pytest.raises(Unfit, match=r"there is no column beside the target"):
        check(Columns("t", "tabular", {"target": ["yes", "no"] * 20}, {}))
    with pytest.raises(Unfit, match=r"column 'size' is '12,5' here, and a number on 39 other rows") as caught:
        check(columns(size=[*map(str, range(39)), "12,5"]))
    assert caught.value.row == 39
    with pytest.raises(Unfit, match=r"column 'size' is 'inf' here"):
        check(columns(size=[*map(str, range(39)), "inf"]))
    with pytest.raises(Unfit, match=r"4 rows are too few"):
        check(Columns("t", "tabular", {"target": ["a", "b"] * 2}, {"size": ["1", "2", "3", "4"]}))
