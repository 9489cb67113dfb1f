"""Settings of tables."""

from typing import Literal

from backend.contract.base import Request
from backend.contract.recipes.fields import setting


class TabularSettings(Request):
    """Learn a column of a table from the others: a number or a class."""

    model: Literal["linear", "gradient_boosting", "random_forest"] = setting(
        "gradient_boosting", "Model", "linear is ridge regression for numbers, logistic regression for classes"
    )
    kind: Literal["auto", "regression", "classification"] = setting(
        "auto", "Kind", "auto is regression where the target holds fractions or more than 20 different numbers"
    )
    trees: int = setting(200, "Trees", "Not for the linear model", ge=1, le=10_000)
    learning_rate: float = setting(
        0.1, "Learning rate", "How much a tree corrects those before it; gradient boosting only", gt=0, le=1
    )
    max_depth: int = setting(0, "Depth", "Of a tree at most; 0 sets no limit", ge=0, le=64)
    min_leaf: int = setting(
        5, "Rows in a leaf", "A tree's leaf holds at least so many rows; 1 fits every row", ge=1, le=100_000
    )
    penalty: float = setting(
        1.0, "Penalty", "On large weights; linear only and more is simpler", gt=0, le=1e6, advanced=True
    )
    max_categories: int = setting(
        64, "Categories", "Of one column at most; the rarest share one place", ge=2, le=10_000, advanced=True
    )
    seed: int = setting(42, "Seed", "Fixes what trees draw", ge=0, le=2**31 - 1)
    split_seed: int = setting(
        13, "Split seed", "Fixes which rows are for validation and test", ge=0, le=2**31 - 1, advanced=True
    )
    validation_fraction: float = setting(
        0.15, "Validation part", "Share of the rows, unless the data says", gt=0, lt=0.9, advanced=True
    )
    test_fraction: float = setting(
        0.15, "Test part", "Share of the rows, unless the data says", ge=0, lt=0.9, advanced=True
    )
    drop_duplicates: bool = setting(
        True, "Drop duplicates", "Remove rows from training that also stand in validation or test", advanced=True
    )
