"""Each wanted row has a trial that still fits the code; the trials themselves run with `python -m tests.removals`."""

import pytest

from backend.paths import PROJECT
from tests.reliability import WANTED
from tests.removals import Trial, trials
from tests.test_reliability import named_in

TRIALS = trials()


@pytest.mark.parametrize("row", WANTED)
def test_each_wanted_row_is_tried(row: str) -> None:
    assert [trial for trial in TRIALS if trial.row == row], f"no defence of {row} was ever taken away"


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.row}: {trial.defence}")
def test_what_a_trial_removes_is_there_once_and_its_tests_exist(trial: Trial) -> None:
    whole = (PROJECT / trial.file).read_text(encoding="utf-8")
    assert whole.count(trial.old) == 1, f"stands {whole.count(trial.old)} times in {trial.file}"
    compile(whole.replace(trial.old, trial.new), trial.file, "exec")
    assert trial.red, "no test is named"
    for test in trial.red:
        path, _, name = test.partition("::")
        assert name.partition("[")[0] in named_in(path), f"{path} has no {name}"
