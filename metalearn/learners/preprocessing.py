"""What a pipeline does to a table before its model: mixed columns with gaps become numbers.

Columns are told apart by dtype when the pipeline is fitted, so one description serves every dataset:

- numbers: gaps are filled, values scaled;
- dates and durations: seconds (UTC), then as numbers;
- all else (categories, booleans, text): encoded, a gap being one more category. Values are compared as text, so that a
  column may mix types.

Then the columns may be reduced to principal components, or to those that tell most about the target one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metalearn.core.records import TaskType
from metalearn.learners.expressions import Call, Name, call

# Folds identifiers and free text, and keeps every categorical column of the common benchmarks apart from those.
MAX_CATEGORIES = 50
# A target encoding is fitted on other rows than those it encodes (Micci-Barreca, SIGKDD Explorations 2001).
_ENCODING_FOLDS = 5
# More than 100 describe a distribution in finer steps than a few hundred rows can fill.
_QUANTILES = 100
_TEMPORAL = ["datetime", "datetimetz", "timedelta"]


@dataclass(frozen=True)
class Preprocessing:
    """The choices in preprocessing.

    ``imputation`` (mean, median, most_frequent) fills the gaps of numbers, None leaves them; ``encoding`` (one_hot,
    ordinal, target) makes numbers of categories; ``scaling`` (standard, robust, quantile) of all numbers but one-hot
    ones, or None; ``reduction`` is none, pca (the components that hold a share ``pca_variance`` of the variance) or
    univariate (the ``percentile`` percent of columns with the largest F statistics).
    """

    imputation: str | None = "median"
    encoding: str = "one_hot"
    scaling: str | None = "standard"
    reduction: str = "none"
    pca_variance: float = 0.95
    percentile: float = 50.0

    @classmethod
    def active(cls, hyperparameters: Mapping[str, Any]) -> "Preprocessing":
        """Return the choices of a configuration of our own spaces: imputation and scaling are inactive if not given."""
        chosen = {name: hyperparameters[name] for name in cls.__annotations__ if name in hyperparameters}
        return cls(**{"imputation": None, "scaling": None} | chosen)


def preprocessor(choices: Preprocessing, task_type: TaskType = "classification", *, seed: int = 0) -> tuple[Call, ...]:
    """Return the description of the steps: (n, p) of any dtypes to (n, d) of float64.

    The result has gaps only where numbers have and ``imputation`` is None.

    >>> import pandas as pd
    >>> from metalearn.learners.expressions import build
    >>> table = pd.DataFrame({"age": [20.0, None, 40.0], "sex": ["f", "m", None]})
    >>> build(preprocessor(Preprocessing())[0]).fit_transform(table).round(2).tolist()
    [[-1.22, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [1.22, 0.0, 0.0, 1.0]]
    """
    reduction = _reduction(choices, task_type, seed)
    # Both ways to reduce need complete numbers.
    imputation = choices.imputation or ("mean" if reduction else None)
    filled = (*_filled(imputation), *_scaled(choices.scaling, seed))
    columns = call(
        "sklearn.compose",
        "ColumnTransformer",
        [
            ("numeric", _pipeline(*filled), _columns(dtype_include="number", dtype_exclude="timedelta")),
            (
                "nominal",
                _pipeline(_as_text(), *_encoded(choices, task_type, seed)),
                _columns(dtype_exclude=["number", *_TEMPORAL]),
            ),
            ("date", _pipeline(_since_1970(), _seconds(), *filled), _columns(dtype_include="datetime")),
            ("zoned", _pipeline(_since_1970("UTC"), _seconds(), *filled), _columns(dtype_include="datetimetz")),
            ("duration", _pipeline(_seconds(), *filled), _columns(dtype_include="timedelta")),
        ],
        sparse_threshold=0,
    )
    return columns, *reduction


def _pipeline(*steps: Call) -> Call:
    return call("sklearn.pipeline", "make_pipeline", *steps)


def _columns(**dtypes: str | list[str]) -> Call:
    return call("sklearn.compose", "make_column_selector", **dtypes)


def _filled(strategy: str | None) -> tuple[Call, ...]:
    if strategy is None:
        return (call("metalearn.learners.selection", "EmptyColumnsFilled"),)
    # A column without any value stays, as zeros, so that it may have values when predicting.
    return (call("sklearn.impute", "SimpleImputer", strategy=strategy, keep_empty_features=True),)


def _scaled(scaling: str | None, seed: int) -> tuple[Call, ...]:
    match scaling:
        case "standard":
            return (call("sklearn.preprocessing", "StandardScaler"),)
        case "robust":
            return (call("sklearn.preprocessing", "RobustScaler"),)
        case "quantile":
            options = {"n_quantiles": _QUANTILES, "output_distribution": "normal", "random_state": seed}
            return (call("sklearn.preprocessing", "QuantileTransformer", **options),)
    return ()


def _encoded(choices: Preprocessing, task_type: TaskType, seed: int) -> tuple[Call, ...]:
    if choices.encoding == "one_hot":
        options = {"handle_unknown": "infrequent_if_exist", "max_categories": MAX_CATEGORIES, "sparse_output": False}
        return (call("sklearn.preprocessing", "OneHotEncoder", **options),)
    if choices.encoding == "ordinal":
        unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -2}
        encoder = call("sklearn.preprocessing", "OrdinalEncoder", **unknown)
    else:
        folds = call("sklearn.model_selection", "KFold", _ENCODING_FOLDS, shuffle=True, random_state=seed)
        # A numeric target of whole numbers would pass for classes.
        known = {"target_type": "continuous"} if task_type == "regression" else {}
        encoder = call("sklearn.preprocessing", "TargetEncoder", cv=folds, **known)
    return encoder, *_scaled(choices.scaling, seed)


def _reduction(choices: Preprocessing, task_type: TaskType, seed: int) -> tuple[Call, ...]:
    if choices.reduction == "pca":
        components = call("sklearn.decomposition", "PCA", choices.pca_variance, random_state=seed)
        # Columns on other scales would hold more variance for their unit alone.
        return (*(() if choices.scaling else _scaled("standard", seed)), components)
    if choices.reduction == "univariate":
        test = Name("sklearn.feature_selection", "f_classif" if task_type == "classification" else "f_regression")
        return (call("metalearn.learners.selection", "BestColumns", test, percentile=choices.percentile),)
    return ()


def _as_text() -> Call:
    return _method("astype", dtype="str")


def _since_1970(zone: str | None = None) -> Call:
    # `tz` last: pandas takes no zone for a naive one.
    return _method("sub", other=call("pandas", "Timestamp", 0, **({"tz": zone} if zone else {})))


def _seconds() -> Call:
    return _method("div", other=call("pandas", "Timedelta", seconds=1))


def _method(name: str, **keywords: object) -> Call:
    """A transformer that calls a method of the data frame: plain pandas, so that it can be pickled and printed."""
    function = Name("pandas", f"DataFrame.{name}")
    return call("sklearn.preprocessing", "FunctionTransformer", function, kw_args=keywords)
