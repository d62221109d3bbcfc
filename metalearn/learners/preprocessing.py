"""What every algorithm's pipeline does to a table first: mixed columns with gaps become finite numbers.

Columns are told apart by dtype when the pipeline is fitted, so one description serves every dataset:

- numbers: the median (or what a published configuration says) for gaps, then mean 0 and variance 1;
- dates and durations: seconds (UTC), then as numbers;
- all else (categories, booleans, text): one-hot, a gap being one more category; unknown and rare categories share one
  column. Values are compared as text, so that a column may mix types.
"""

from metalearn.learners.expressions import Call, Name, call

# Folds identifiers and free text, and keeps every categorical column of the common benchmarks apart from those.
MAX_CATEGORIES = 50
_TEMPORAL = ["datetime", "datetimetz", "timedelta"]


def preprocessor(strategy: str = "median") -> Call:
    """Return the description of the preprocessing: (n, p) of any dtypes to (n, d) of finite float64.

    ``strategy`` fills the gaps of numbers: median, mean or most_frequent.

    >>> import pandas as pd
    >>> from metalearn.learners.expressions import build
    >>> table = pd.DataFrame({"age": [20.0, None, 40.0], "sex": ["f", "m", None]})
    >>> build(preprocessor()).fit_transform(table).round(2).tolist()
    [[-1.22, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [1.22, 0.0, 0.0, 1.0]]
    """
    scaled = _filled_and_scaled(strategy)
    return call(
        "sklearn.compose",
        "ColumnTransformer",
        [
            ("numeric", _pipeline(*scaled), _columns(dtype_include="number", dtype_exclude="timedelta")),
            ("nominal", _pipeline(_as_text(), _one_hot()), _columns(dtype_exclude=["number", *_TEMPORAL])),
            ("date", _pipeline(_since_1970(), _seconds(), *scaled), _columns(dtype_include="datetime")),
            ("zoned", _pipeline(_since_1970("UTC"), _seconds(), *scaled), _columns(dtype_include="datetimetz")),
            ("duration", _pipeline(_seconds(), *scaled), _columns(dtype_include="timedelta")),
        ],
        sparse_threshold=0,
    )


def _pipeline(*steps: Call) -> Call:
    return call("sklearn.pipeline", "make_pipeline", *steps)


def _columns(**dtypes: str | list[str]) -> Call:
    return call("sklearn.compose", "make_column_selector", **dtypes)


def _filled_and_scaled(strategy: str) -> tuple[Call, Call]:
    # A column without any value stays, as zeros, so that it may have values when predicting.
    imputer = call("sklearn.impute", "SimpleImputer", strategy=strategy, keep_empty_features=True)
    return imputer, call("sklearn.preprocessing", "StandardScaler")


def _as_text() -> Call:
    return _method("astype", dtype="str")


def _one_hot() -> Call:
    return call(
        "sklearn.preprocessing",
        "OneHotEncoder",
        handle_unknown="infrequent_if_exist",
        max_categories=MAX_CATEGORIES,
        sparse_output=False,
    )


def _since_1970(zone: str | None = None) -> Call:
    # `tz` last: pandas takes no zone for a naive one.
    return _method("sub", other=call("pandas", "Timestamp", 0, **({"tz": zone} if zone else {})))


def _seconds() -> Call:
    return _method("div", other=call("pandas", "Timedelta", seconds=1))


def _method(name: str, **keywords: object) -> Call:
    """A transformer that calls a method of the data frame: plain pandas, so that it can be pickled and printed."""
    function = Name("pandas", f"DataFrame.{name}")
    return call("sklearn.preprocessing", "FunctionTransformer", function, kw_args=keywords)
