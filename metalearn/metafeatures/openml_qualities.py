"""The qualities that OpenML publishes of a dataset, under its names with ``openml_`` before them, as its engine does.

Vanschoren et al., "OpenML: networked science in machine learning" (SIGKDD Explorations 2013), by the code of the
EvaluationEngine (``org.openml.webapplication.fantail.dc.statistical``). What tells them apart from our own groups:
the target is a feature too, percentages are out of 100, quartiles lie at place p (m + 1) of m sorted values, and
deviations, skewness and kurtosis are the unbiased ones. Numeric columns are those of numbers; dates only count.

Left out are the landmarkers (kNN1N, NaiveBayes, DecisionStump, J48, REPTree, RandomTree and those after
CfsSubsetEval): Weka's learners on two folds that Java's generator draws. Where a nominal value is missing, the engine
takes the first value that the file declares; a table does not know it, so here that is a value of its own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from metalearn.metafeatures.columns import Columns, columns_of
from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.simple import n_symbols
from metalearn.metafeatures.symbols import counted, entropy
from metalearn.metafeatures.table import Floats, Table, counts

_SOURCE = "Vanschoren et al. 2013"
# What does not count the target, which to the engine is a feature as well.
_OF_COLUMNS_ALONE = (
    "NumberOfInstances",
    "NumberOfMissingValues",
    "NumberOfInstancesWithMissingValues",
    "PercentageOfInstancesWithMissingValues",
)
# As the engine rounds mutual information: less than that is none.
_DECIMALS = 14


def n_features(table: Table) -> float:
    """Return the number of columns with the target."""
    return len(table.kinds) + 1.0


def distinct_nominal(table: Table) -> Floats:
    """Return how many distinct values each nominal column has, and the class (r,)."""
    columns = n_symbols(table) if table.nominal.shape[1] else np.empty(0)
    classes = [] if table.classes is None else [float(len(table.class_counts))]
    require(len(columns) + len(classes) > 0, "not_applicable")
    return np.append(columns, classes)


def autocorrelation(table: Table) -> float:
    """Return 1 - the mean change of the target from row to row: 1 for another class, the difference of numbers.

    Raises:
        UnmeasuredError: for one row.
    """
    require(table.n_used > 1, "too_few_rows")
    if table.classes is None:
        changes = float(table.target[0] - table.target[-1])
    else:
        changes = float(np.count_nonzero(np.diff(table.classes)))
    return 1 - changes / (table.n_used - 1)


def numeric_columns(table: Table) -> tuple[Columns, ...]:
    """Return what describes the numeric columns, and a numeric target; a node.

    Raises:
        UnmeasuredError: without either.
    """
    columns = (table.shared(columns_of),) if table.numeric.shape[1] else ()
    target = (columns_of(replace(table, numeric=table.target[:, None])),) if table.classes is None else ()
    require(len(columns) + len(target) > 0, "not_applicable")
    return (*columns, *target)


def deviation(columns: Columns) -> Floats:
    """Return the standard deviations (q,) over the number of values less one, 0 for a single value."""
    return np.where(columns.known > 1, columns.sd, 0.0)


def unbiased_skewness(columns: Columns) -> Floats:
    """Return G1 = g1 sqrt(m (m - 1)) / (m - 2) (q,) of m values, NaN for two or fewer and where they do not vary.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> dataset = Dataset(pd.DataFrame({"a": [0.0, 0.0, 1.0]}), pd.Series(range(3)), "tiny", ("numeric",), "")
    >>> unbiased_skewness(columns_of(Table.of(dataset))).round(4)
    array([1.7321])
    """
    m = np.where(columns.known > 2, columns.known, np.nan)
    return np.asarray(columns.skewness * np.sqrt(m * (m - 1)) / (m - 2))


def unbiased_kurtosis(columns: Columns) -> Floats:
    """Return G2 = (m - 1) ((m + 1) g2 + 6) / ((m - 2) (m - 3)) (q,), NaN for three or fewer and without a spread.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> dataset = Dataset(pd.DataFrame({"a": [0.0, 0.0, 1.0, 1.0]}), pd.Series(range(4)), "tiny", ("numeric",), "")
    >>> unbiased_kurtosis(columns_of(Table.of(dataset))).round(4)
    array([-6.])
    """
    m = np.where(columns.known > 3, columns.known, np.nan)
    return np.asarray((m - 1) * ((m + 1) * columns.kurtosis + 6) / ((m - 2) * (m - 3)))


def entropies(table: Table) -> tuple[Floats, Floats]:
    """Return each nominal column's entropy and its mutual information with the class (r,), in bits; a node.

    Raises:
        UnmeasuredError: for a regression, or without nominal columns.
    """
    require(table.classes is not None and table.nominal.shape[1] > 0, "not_applicable")
    classes = np.asarray(table.classes)
    n_classes, of_class = int(classes.max()) + 1, entropy(table.class_counts)
    own, information = np.empty((2, table.nominal.shape[1]))
    for i in range(table.nominal.shape[1]):
        table.deadline.check()
        codes = table.nominal[:, i].astype(np.int64) + 1
        own[i] = entropy(counts(codes))
        _, in_cell = counted(codes * n_classes + classes, (int(codes.max()) + 1) * n_classes)
        information[i] = of_class + own[i] - entropy(in_cell)
    return own, np.round(information, _DECIMALS)


def _n_numeric(table: Table) -> float:
    # To Weka, dates are numbers.
    return table.kinds.count("numeric") + table.kinds.count("date") + float(table.classes is None)


def _n_symbolic(table: Table) -> float:
    return table.kinds.count("nominal") + float(table.classes is not None)


def _n_binary(table: Table) -> float:
    if table.nominal.shape[1] == 0 and table.classes is None:
        return 0.0
    return float(np.count_nonzero(distinct_nominal(table) == 2))


def _n_classes(table: Table) -> float:
    return 0.0 if table.classes is None else float(len(table.class_counts))


def _mean_information(table: Table) -> float:
    mean = float(table.shared(entropies)[1].mean())
    require(mean > 0, "undefined")
    return mean


def _noise_to_signal(table: Table) -> float:
    information = _mean_information(table)
    return (float(table.shared(entropies)[0].mean()) - information) / information


_Values = Callable[[Table], Floats]
_QUARTILES = {f"Quartile{i}": i / 4 for i in (1, 2, 3)}
_EXTREMES: dict[str, Callable[[Floats], Any]] = {"Mean": np.mean, "Min": np.min, "Max": np.max}
_IN_WORDS = {"Mean": "mean", "Min": "minimum", "Max": "maximum", "Stdv": "standard deviation (over m - 1)"}


def summary(name: str, values: Floats) -> float:
    """Return a summary of the finite ones of values: Mean, Min, Max, Stdv, or Quartile1 to Quartile3 (Weibull's).

    Raises:
        UnmeasuredError: without one.

    >>> summary("Quartile1", np.array([1.0, 2.0, 4.0, np.nan])), summary("Stdv", np.array([3.0]))
    (1.0, 0.0)
    """
    finite = values[np.isfinite(values)]
    require(len(finite) > 0, "undefined")
    if name in _QUARTILES:
        return float(np.quantile(finite, _QUARTILES[name], method="weibull"))
    if name == "Stdv":
        return float(finite.std(ddof=1)) if len(finite) > 1 else 0.0
    return float(_EXTREMES[name](finite))


def _measure(
    name: str, compute: Callable[[Table], float], formula: str, range_: str = "from 0", unit: str = ""
) -> Measure:
    needs_target = name not in _OF_COLUMNS_ALONE
    return Measure(f"openml_{name}", compute, formula, range_, unit, _SOURCE, needs_target=needs_target)


def _summarised(
    name: str, values: _Values, what: str, range_: str, unit: str = "", summaries: tuple[str, ...] = ()
) -> tuple[Measure, ...]:
    """Return a measure for each summary; ``{}`` in the name is where the summary stands."""
    return tuple(
        _measure(
            name.format(kind),
            lambda table, kind=kind: summary(kind, values(table)),  # type: ignore[misc]
            f"{_IN_WORDS.get(kind, kind.replace('Quartile', 'quartile '))} of {what}",
            "from 0" if kind == "Stdv" else range_,
            unit,
        )
        for kind in summaries or (*_EXTREMES, *_QUARTILES)
    )


def _of_numeric(name: str, of: Callable[[Columns], Floats], what: str, range_: str, unit: str) -> tuple[Measure, ...]:
    what = f"{what} of the numeric columns, a numeric target among them"
    name = f"{{}}{name}OfNumericAtts"
    return _summarised(name, lambda t: np.concatenate([of(c) for c in t.shared(numeric_columns)]), what, range_, unit)


def _percentage(what: str, count: Callable[[Table], float], of: Callable[[Table], float], formula: str) -> Measure:
    name = f"Percentage{what}" if what.startswith("Of") else f"{what}Percentage"
    return _measure(name, lambda t: 100 * count(t) / of(t), f"100 x {formula}", "[0, 100]", "%")


def _rows(table: Table) -> float:
    return float(table.n_rows)


def _missing(table: Table) -> float:
    return float(table.missing.sum())


def _incomplete(table: Table) -> float:
    return float(table.rows_with_missing)


def _largest(table: Table) -> float:
    return float(table.class_counts.max())


def _smallest(table: Table) -> float:
    return float(table.class_counts.min())


_OWN = "the column's own"
_DISTINCT = "the numbers of distinct values of the nominal columns, the class among them"
_ENTROPY = "the entropies of the nominal columns, the class not among them"
_INFORMATION = "the mutual information of the nominal columns with the class"
_FEATURES = "columns, of p with the target,"
_CHANGE = (
    "1 - mean change of the target from row to row: of classes, 1 for another one; of numbers, (first - last) / (n - 1)"
)

OPENML = Group(
    "openml",
    (
        _measure("NumberOfInstances", _rows, "number of rows n", "from 1", "rows"),
        _measure("NumberOfFeatures", n_features, "number of columns p with the target", "from 2", "columns"),
        _measure("NumberOfClasses", _n_classes, "number of classes, 0 for a regression", "from 0", "classes"),
        _measure("Dimensionality", lambda t: n_features(t) / t.n_rows, "p / n, p with the target", "above 0"),
        _measure("NumberOfMissingValues", _missing, "missing values", unit="cells"),
        _measure("NumberOfInstancesWithMissingValues", _incomplete, "rows with a missing value", unit="rows"),
        _measure("NumberOfNumericFeatures", _n_numeric, f"{_FEATURES} of numbers or dates", unit="columns"),
        _measure("NumberOfSymbolicFeatures", _n_symbolic, f"{_FEATURES} that are nominal", unit="columns"),
        _measure("NumberOfBinaryFeatures", _n_binary, f"{_FEATURES} that are nominal with two values", unit="columns"),
        _percentage(
            "OfMissingValues", _missing, lambda t: n_features(t) * t.n_rows, "missing values / (n p), p with the target"
        ),
        _percentage("OfInstancesWithMissingValues", _incomplete, _rows, "rows with a missing value / n"),
        _percentage("OfNumericFeatures", _n_numeric, n_features, f"{_FEATURES} of numbers or dates / p"),
        _percentage("OfSymbolicFeatures", _n_symbolic, n_features, f"{_FEATURES} that are nominal / p"),
        _percentage("OfBinaryFeatures", _n_binary, n_features, f"{_FEATURES} that are nominal with two values / p"),
        _measure("MajorityClassSize", _largest, "rows of the largest class", "from 1", "rows"),
        _measure("MinorityClassSize", _smallest, "rows of the smallest class", "from 1", "rows"),
        _percentage("MajorityClass", _largest, lambda t: float(t.n_used), "rows of the largest class / n"),
        _percentage("MinorityClass", _smallest, lambda t: float(t.n_used), "rows of the smallest class / n"),
        _measure("DefaultAccuracy", lambda t: _largest(t) / t.n_used, "rows of the largest class / n", "(0, 1]"),
        _measure("AutoCorrelation", autocorrelation, _CHANGE, "[0, 1] for classes"),
        _measure("ClassEntropy", lambda t: entropy(t.class_counts), "-sum of P log2(P) over the classes", unit="bits"),
        _measure(
            "EquivalentNumberOfAtts",
            lambda t: entropy(t.class_counts) / _mean_information(t),
            "class entropy / mean mutual information of the nominal columns",
        ),
        _measure(
            "MeanNoiseToSignalRatio",
            _noise_to_signal,
            "mean entropy of the nominal columns / their mean mutual information with the class - 1",
        ),
        *_summarised("{}AttributeEntropy", lambda t: t.shared(entropies)[0], _ENTROPY, "from 0", "bits"),
        *_summarised("{}MutualInformation", lambda t: t.shared(entropies)[1], _INFORMATION, "from 0", "bits"),
        *_summarised(
            "{}NominalAttDistinctValues",
            distinct_nominal,
            _DISTINCT,
            "from 1",
            "distinct values",
            ("Mean", "Stdv", "Min", "Max"),
        ),
        *_of_numeric("Means", lambda c: c.mean, "the means", "any number", _OWN),
        *_of_numeric("StdDev", deviation, "the standard deviations (over m - 1)", "from 0", _OWN),
        *_of_numeric("Skewness", unbiased_skewness, "the unbiased skewness G1", "any number", ""),
        *_of_numeric("Kurtosis", unbiased_kurtosis, "the unbiased excess kurtosis G2", "from -6", ""),
    ),
)
