"""scikit-learn and skops: a pipeline for a table, how it is kept without pickle, and opened with distrust.

A file of skops is a zip of a schema and arrays. Before anything is built from it, its size and every type in it are
looked at; afterwards the steps, and the trees, whose numbers are used as addresses by compiled code.
"""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backend.contract.recipes import TabularSettings
from backend.data.tables import as_number, is_blank
from backend.data.versions import as_text
from backend.worker.serving.golden import BadModel

FILE = "model.skops"
MOST_BYTES = 1 << 30
MOST_SCHEMA_BYTES = 256 << 20

TRUSTED = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""What our pipelines hold beside the types that skops trusts itself; anything else is refused."""


def new_pipeline(kinds: Sequence[str], settings: TabularSettings, *, regression: bool) -> Any:
    """Numbers: the median where one is missing, then scaled. Categories: a place each, "not known" one of them."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = Pipeline(
        [("fill", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    )
    places = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=settings.max_categories, sparse_output=False
    )
    by_kind = [
        (name, step, [at for at, kind in enumerate(kinds) if kind == name])
        for name, step in (("number", numbers), ("text", places))
    ]
    columns = ColumnTransformer([one for one in by_kind if one[2]])
    return Pipeline([("columns", columns), ("model", new_model(settings, regression=regression))])


def new_model(settings: TabularSettings, *, regression: bool) -> Any:
    """The last step. Those with trees go on from what they have when `n_estimators` or `max_iter` grows."""
    from sklearn import ensemble, linear_model

    if settings.model == "linear" and regression:
        return linear_model.Ridge(alpha=settings.penalty)
    if settings.model == "linear":
        return linear_model.LogisticRegression(C=1 / settings.penalty, max_iter=1000)
    common: dict[str, Any] = {
        "max_depth": settings.max_depth or None,
        "min_samples_leaf": settings.min_leaf,
        "random_state": settings.seed,
        "warm_start": True,
    }
    if settings.model == "random_forest":
        kind = ensemble.RandomForestRegressor if regression else ensemble.RandomForestClassifier
        return kind(**common)
    kind = ensemble.HistGradientBoostingRegressor if regression else ensemble.HistGradientBoostingClassifier
    return kind(learning_rate=settings.learning_rate, early_stopping=False, **common)


def grow(model: Any, trees: int) -> None:
    """Ask for so many trees at the next fit."""
    model.set_params(**{"n_estimators" if "n_estimators" in model.get_params() else "max_iter": trees})


def to_array(rows: Sequence[Sequence[Any]], kinds: Sequence[str]) -> np.ndarray:
    """Cells as pipelines take them: numbers as floats, categories as texts; not known is NaN or an empty text."""
    found = np.empty((len(rows), len(kinds)), dtype=object)
    for at, row in enumerate(rows):
        for place, (cell, kind) in enumerate(zip(row, kinds, strict=True)):
            text = as_text(cell)
            if kind == "number":
                number = None if is_blank(text) else as_number(text)
                found[at, place] = np.nan if number is None else number
            else:
                found[at, place] = "" if is_blank(text) else text
    return found


def use_threads(count: int) -> None:
    """How many cores scikit-learn's compiled loops take from here on, when called in this thread. Their threads wait
    for each other by spinning: more of them than free cores is many times slower than one."""
    from sklearn.ensemble import _hist_gradient_boosting  # noqa: F401 its library must be loaded to be told
    from threadpoolctl import threadpool_limits

    threadpool_limits(count, user_api="openmp")


# ---- on disk ---------------------------------------------------------------------------------------------------------


def save_pipeline(pipeline: Any, folder: Path) -> None:
    """One file of skops."""
    from skops import io

    io.dump(pipeline, folder / FILE, compression=zipfile.ZIP_DEFLATED)


def open_pipeline(folder: Path, kinds: Sequence[str], *, regression: bool) -> Any:
    """What save_pipeline() wrote; raises BadModel for a file that is damaged, too large, of other types or steps."""
    from skops import io

    file = folder / FILE
    _check_zip(file)
    try:
        strange = sorted(set(io.get_untrusted_types(file=file)) - set(TRUSTED))
        if strange:
            raise BadModel(f"{FILE} holds types that are not trusted: {', '.join(strange[:5])}")
        pipeline = io.load(file, trusted=list(TRUSTED))
    except BadModel:
        raise
    except Exception as error:  # a strange file makes the library raise anything; the person needs its words
        raise BadModel(f"{FILE} cannot be loaded: {type(error).__name__}: {error}") from error
    _check_steps(pipeline, kinds, regression=regression)
    return pipeline


def _check_zip(file: Path) -> None:
    try:
        with zipfile.ZipFile(file) as opened:
            sizes = {info.filename: info.file_size for info in opened.infolist()}
    except FileNotFoundError as error:
        raise BadModel(f"{FILE} is missing") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise BadModel(f"{FILE} cannot be read: {error}") from error
    if sum(sizes.values()) > MOST_BYTES or sizes.get("schema.json", 0) > MOST_SCHEMA_BYTES:
        raise BadModel(f"{FILE} holds {sum(sizes.values()):,} bytes; at most {MOST_BYTES:,} are loaded")


def _check_steps(pipeline: Any, kinds: Sequence[str], *, regression: bool) -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    steps = dict(pipeline.steps) if type(pipeline) is Pipeline else {}
    if list(steps) != ["columns", "model"] or type(steps["columns"]) is not ColumnTransformer:
        raise BadModel(f"{FILE} is not a pipeline of columns and model")
    allowed = {
        type(new_model(TabularSettings(model=name), regression=regression))
        for name in ("linear", "gradient_boosting", "random_forest")
    }
    if type(steps["model"]) not in allowed:
        raise BadModel(f"{FILE} ends in {type(steps['model']).__name__:.80}")
    if getattr(steps["columns"], "n_features_in_", None) != len(kinds):
        raise BadModel(f"{FILE} does not take {len(kinds)} columns")
    count = int(getattr(steps["model"], "n_features_in_", 0))
    for left, right, inner, feature in trees_of(steps["model"]):
        _check_tree(left, right, inner, feature, count)


def trees_of(model: Any) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Of each tree: left and right child of every node, which nodes have children, and the feature they ask."""
    for tree in getattr(model, "estimators_", ()):
        found = tree.tree_
        yield found.children_left, found.children_right, found.children_left != -1, found.feature
    for stage in getattr(model, "_predictors", ()):
        for tree in stage:
            nodes = tree.nodes
            yield nodes["left"], nodes["right"], nodes["is_leaf"] == 0, nodes["feature_idx"]


def _check_tree(left: np.ndarray, right: np.ndarray, inner: np.ndarray, feature: np.ndarray, count: int) -> None:
    """Children come after their parent and lie within the tree: a walk stays inside and ends."""
    places = np.flatnonzero(inner)
    for child in (left[inner], right[inner]):
        if (child.astype(np.int64) <= places).any() or (child.astype(np.int64) >= len(left)).any():
            raise BadModel(f"{FILE} holds a tree whose nodes lead out of it")
    asked = feature[inner].astype(np.int64)
    if (asked < 0).any() or (asked >= count).any():
        raise BadModel(f"{FILE} holds a tree that asks for a column there is not")
