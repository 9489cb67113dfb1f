"""A column of texts: the same texts back, few or many, whatever they hold."""

import pytest

from backend.data.profile import find_problems
from backend.data.texts import MOST_KEPT_ONCE, Texts

ODD = ["", "naïve 中文 🎬", "a\nb\0c", "\ud800 alone"]


@pytest.mark.parametrize("different", [3, MOST_KEPT_ONCE, MOST_KEPT_ONCE + 1, 3 * MOST_KEPT_ONCE])
def test_a_column_gives_back_what_it_was_given(different: int) -> None:
    given = [f"text {n % different}" for n in range(3 * MOST_KEPT_ONCE)] + ODD
    column = Texts()
    for text in given:
        column.append(text)
    assert len(column) == len(given)
    assert list(column) == given
    assert [column[at] for at in (0, 7, -1, -2)] == [given[at] for at in (0, 7, -1, -2)]
    assert column[5:5000:7] == given[5:5000:7]
    with pytest.raises(IndexError):
        column[len(given)]


def test_a_label_is_one_object_however_often_it_stands_there() -> None:
    column = Texts()
    for n in range(10):
        column.append("".join(("la", "bel", str(n % 2))))
    assert len({id(text) for text in column}) == 2


def test_repeated_and_torn_texts_are_counted_as_they_are() -> None:
    texts, labels = ["a", "b", " a ", "c", "b", "a"], ["x", "x", "x", "x", "y", "x"]
    found = {problem.code: (problem.count, problem.sample) for problem in find_problems(texts, labels)}
    assert found["exact_duplicates"] == (3, ())
    assert found["conflicting_labels"] == (1, ("b",))
    found = {problem.code: problem.count for problem in find_problems(texts, None)}
    assert found == {"exact_duplicates": 3}
    assert not [
        p for p in find_problems(["a", "b"], ["x", "y"]) if p.code in ("exact_duplicates", "conflicting_labels")
    ]
