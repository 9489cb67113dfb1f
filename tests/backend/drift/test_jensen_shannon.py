"""The distance against scipy's, its bounds, and its scale beside the index."""

import pytest
from scipy.spatial.distance import jensenshannon

from backend.drift.bins import smoothed_shares
from backend.drift.jensen_shannon import JensenShannon
from backend.drift.psi import PopulationStability


@pytest.mark.parametrize(
    ("old", "new"), [([50, 50], [75, 25]), ([90, 10, 0], [10, 40, 50]), ([100, 0], [0, 100])], ids=str
)
def test_equal_to_scipy(old: list[int], new: list[int]) -> None:
    answer = JensenShannon().compare(old, new, 1)
    assert answer.score == pytest.approx(jensenshannon(smoothed_shares(old), smoothed_shares(new), base=2))
    assert answer.score is not None
    assert 0 <= answer.score <= 1


def test_a_small_move_at_the_limit_of_one_is_at_the_limit_of_the_other() -> None:
    old, new = [500_000, 500_000], [550_000, 450_000]
    index, distance = PopulationStability(), JensenShannon()
    limit = index.compare(old, new, 1).score
    assert limit is not None
    assert distance.compare(old, new, 1).score == pytest.approx(distance.equivalent_limit(limit), rel=0.01)
