"""The split: same seed same rows, every class on every side, no text on two sides."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.data.split import SplitPlan, make_split

PLAN = SplitPlan(seed=13, validation_fraction=0.1, test_fraction=0.1)


def test_fractions_and_balance() -> None:
    labels = ["a"] * 900 + ["b"] * 100
    split = make_split([str(n) for n in range(1000)], labels, None, PLAN)
    assert (len(split.train), len(split.validation), len(split.test)) == (800, 100, 100)
    assert Counter(labels[row] for row in split.test) == {"a": 90, "b": 10}
    assert sorted((*split.train, *split.validation, *split.test)) == list(range(1000))


def test_the_seed_decides() -> None:
    texts, labels = [str(n) for n in range(200)], ["a", "b"] * 100
    assert make_split(texts, labels, None, PLAN) == make_split(texts, labels, None, PLAN)
    assert make_split(texts, labels, None, PLAN).test != make_split(texts, labels, None, SplitPlan(14, 0.1, 0.1)).test
    assert make_split(texts, labels, None, PLAN).test[:5] == (15, 18, 27, 33, 43)  # the same on every machine


def test_duplicates_across_the_split_are_found_and_removed() -> None:
    texts = ["same", "x", " same ", "y", "same"]
    given_parts = ["train", "train", "validation", "validation", "test"]
    split = make_split(texts, ["a", "b", "a", "b", "a"], given_parts, PLAN)
    assert (split.train, split.validation, split.test) == ((1,), (3,), (4,))
    assert (split.duplicates, split.removed, split.examples) == (2, 2, (0, 2))
    kept = make_split(texts, ["a", "b", "a", "b", "a"], given_parts, SplitPlan(13, 0.1, 0.1, drop_duplicates=False))
    assert (len(kept.train), kept.duplicates, kept.removed) == (2, 2, 0)


def test_a_given_test_part_is_used_and_validation_is_drawn() -> None:
    parts = ["train"] * 40 + ["test"] * 10
    split = make_split([str(n) for n in range(50)], ["a", "b"] * 25, parts, PLAN)
    assert split.test == tuple(range(40, 50))
    assert len(split.validation) == 4
    assert set(split.validation) < set(range(40))


def test_problems_are_said_with_counts() -> None:
    one = make_split(["1", "2", "3"], ["a", "a", "a"], None, PLAN)
    assert "1 class ('a'" in (one.problem(["a", "a", "a"]) or "")
    labels = ["a", "b", "c", "a"]
    unseen = make_split(["1", "2", "3", "4"], labels, ["train", "train", "validation", "validation"], PLAN)
    assert "never sees: 'c' 1" in (unseen.problem(labels) or "")


@settings(max_examples=40, deadline=None)
@given(
    labels=st.lists(st.sampled_from("abc"), min_size=4, max_size=60),
    numbers=st.lists(st.integers(0, 20), min_size=60, max_size=60),
    seed=st.integers(0, 5),
)
def test_no_text_on_two_sides(labels: list[str], numbers: list[int], seed: int) -> None:
    texts = [str(number) for number, _ in zip(numbers, labels, strict=False)]
    split = make_split(texts, labels, None, SplitPlan(seed, 0.2, 0.2))
    sides = [{texts[row] for row in rows} for rows in (split.train, split.validation, split.test)]
    assert not (sides[0] & sides[1])
    assert not (sides[0] & sides[2])
    assert not (sides[1] & sides[2])
    assert len(split.train) + len(split.validation) + len(split.test) + split.removed == len(texts)
