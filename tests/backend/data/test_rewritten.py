"""Pairs of texts before a run: what is refused, and what is worth a warning."""

from typing import Any

import pytest

from backend.contract.errors import Invalid
from backend.contract.recipes import RECIPES
from backend.data.checks import CHECKS, Unfit
from backend.data.versions import Columns
from backend.services.settings_check import check_settings, find_recipe

NAMES = {"translation": ("source", "target"), "summarization": ("document", "summary")}


@pytest.fixture(params=list(NAMES))
def recipe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def checked(recipe: str, sources: list[str], targets: list[str], **settings: Any) -> list[Any]:
    info = next(info for info in RECIPES if info.name == recipe)
    columns = Columns("pairs", info.task, dict(zip(NAMES[recipe], (sources, targets), strict=True)), {})
    return CHECKS[recipe](columns, check_settings(info, settings))


def test_good_pairs_pass_silently(recipe: str) -> None:
    assert checked(recipe, [f"a {n}" for n in range(20)], [f"b {n}" for n in range(20)]) == []


@pytest.mark.parametrize("column", [0, 1])
def test_an_empty_text_is_refused_with_its_row(recipe: str, column: int) -> None:
    columns = [[f"a {n}" for n in range(20)], [f"b {n}" for n in range(20)]]
    columns[column][7] = " \n"
    with pytest.raises(Unfit, match=f"the {NAMES[recipe][column]} is empty") as refused:
        checked(recipe, *columns)
    assert refused.value.row == 7


def test_an_empty_part_is_refused(recipe: str) -> None:
    with pytest.raises(Unfit, match="the validation part is empty"):
        checked(recipe, ["a"], ["b"])


def test_mostly_the_same_texts_are_a_warning(recipe: str) -> None:
    sources = [f"a {n}" for n in range(20)]
    (problem,) = checked(recipe, sources, [*sources[:11], *(f"b {n}" for n in range(9))])
    assert (problem.code, problem.count, problem.severity) == ("identical", 11, "warn")
    assert "11 rows (55.0 %)" in problem.text
    assert checked(recipe, sources, [*sources[:10], *(f"b {n}" for n in range(10))]) == []


def test_the_same_source_on_both_sides_of_the_split_is_told(recipe: str) -> None:
    (problem,) = checked(recipe, ["same"] * 30, [f"b {n}" for n in range(30)], drop_duplicates=False)
    assert problem.code == "split_overlap"


@pytest.mark.parametrize("settings", [{"heads": 5}, {"d_model": 30}])
def test_heads_that_do_not_divide_the_width_are_refused_with_some_that_do(
    recipe: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(Invalid, match="does not divide the width") as refused:
        check_settings(find_recipe(recipe), settings)
    fixed = refused.value.details["problems"][0]["fix_value"]
    assert refused.value.details["field"] == "heads"
    check_settings(find_recipe(recipe), {**settings, "heads": fixed})
