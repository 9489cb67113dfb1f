"""What every detector must do, whatever its formula."""

import random
from collections.abc import Sequence

import pytest

from backend.drift.bins import merge_bins
from backend.drift.catalogue import DETECTORS
from backend.drift.detector import Comparison, Detector
from backend.drift.profile import bin_shares

LIMIT = 0.2
MINIMUM = 100


def draw(seed: int, count: int, mean: float = 0.5, spread: float = 0.15) -> list[int]:
    numbers = random.Random(seed)
    return bin_shares(numbers.gauss(mean, spread) for _ in range(count))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
class TestDetector:
    """The contract of the seam: a new detector only has to stand in the catalogue."""

    def compare(self, detector: Detector, reference: Sequence[int], current: Sequence[int]) -> tuple[Comparison, bool]:
        answer = detector.compare(*merge_bins(reference, current), MINIMUM)
        return answer, answer.over(detector.equivalent_limit(LIMIT))

    def test_quiet_stream_raises_nothing(self, detector: Detector) -> None:
        for seed in range(200):
            _, over = self.compare(detector, draw(seed, 300), draw(1000 + seed, MINIMUM))
            assert not over

    @pytest.mark.parametrize(("mean", "spread"), [(0.8, 0.15), (0.2, 0.15), (0.5, 0.02)])
    def test_shifted_stream_is_found(self, detector: Detector, mean: float, spread: float) -> None:
        for seed in range(50):
            _, over = self.compare(detector, draw(seed, 1000), draw(1000 + seed, 200, mean, spread))
            assert over

    def test_too_few_is_not_enough_data(self, detector: Detector) -> None:
        answer, over = self.compare(detector, draw(1, 1000), draw(2, MINIMUM - 1, 0.9))
        assert answer.score is None
        assert not over
        assert not answer.quiet(LIMIT)
        assert self.compare(detector, draw(1, 5), draw(2, 500))[0].score is None
        assert self.compare(detector, [0] * 20, [0] * 20)[0].score is None
        assert self.compare(detector, [], [])[0].score is None

    def test_a_constant_feature_is_quiet_and_its_change_is_found(self, detector: Detector) -> None:
        constant = bin_shares([0.0] * 500)
        answer, over = self.compare(detector, constant, bin_shares([0.0] * 200))
        assert answer.score == pytest.approx(0, abs=0.05)
        assert not over
        assert answer.quiet(detector.equivalent_limit(LIMIT))
        assert self.compare(detector, constant, bin_shares([0.5] * 200))[1]
        assert self.compare(detector, bin_shares([0.5] * 500), bin_shares([0.0] * 200))[1]

    def test_the_order_of_the_two_does_not_matter_much(self, detector: Detector) -> None:
        old, new = merge_bins(draw(1, 500), draw(2, 500, 0.6))
        forth, back = detector.compare(old, new, MINIMUM), detector.compare(new, old, MINIMUM)
        assert forth.score == pytest.approx(back.score)
