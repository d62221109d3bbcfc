"""Tables that break tools: whatever a data frame can hold. Needs NumPy and pandas alone; the target is ``TARGET``."""

import datetime as dt
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype

TARGET = "y"
N = 40
CLASSES = ["u", "v"] * (N // 2)


@register_extension_dtype
class MoneyDtype(ExtensionDtype):
    """A dtype that no library knows."""

    name = "money"
    type = Decimal
    na_value = None

    @classmethod
    def construct_array_type(cls):
        return MoneyArray


class MoneyArray(ExtensionArray):
    """The least that pandas asks of an array: amounts as objects, None where missing."""

    dtype = MoneyDtype()

    def __init__(self, values):
        self.values = np.asarray(values, dtype=object)

    @classmethod
    def _from_sequence(cls, scalars, *, dtype=None, copy=False):
        return cls(list(scalars))

    @classmethod
    def _concat_same_type(cls, to_concat):
        return cls(np.concatenate([array.values for array in to_concat]))

    def __getitem__(self, item):
        found = self.values[item]
        return found if np.isscalar(item) or isinstance(item, int) else MoneyArray(found)

    def __len__(self):
        return len(self.values)

    def isna(self):
        return np.array([value is None for value in self.values], dtype=bool)

    def take(self, indices, *, allow_fill=False, fill_value=None):
        from pandas.api.extensions import take

        return MoneyArray(take(self.values, indices, allow_fill=allow_fill, fill_value=fill_value))

    def copy(self):
        return MoneyArray(self.values.copy())

    @property
    def nbytes(self):
        return self.values.nbytes


def money(column):
    """Return a column's numbers in that dtype."""
    return MoneyArray([None if pd.isna(value) else Decimal(value) for value in column])


def _rng():
    return np.random.default_rng(0)


def _normal(n=N, p=3):
    return pd.DataFrame(_rng().normal(size=(n, p))).add_prefix("c")


def _with(*columns, **named):
    """Return a frame of two common columns, these beside them, and two classes."""
    odd = {f"odd{i}": column for i, column in enumerate(columns)} | named
    return _normal(p=2).assign(kind=["a", "b", "c", "a"] * (N // 4), **odd, y=CLASSES)


def _objects(values):
    """Return a column of objects, sequences too, over and over."""
    column = np.empty(N, dtype=object)
    column[:] = [values[i % len(values)] for i in range(N)]
    return column


def _arrow(*values, of=None):
    import pyarrow as pa

    array = pa.array([values[i % len(values)] for i in range(N)], type=of)
    return pd.array(array.to_pylist(), dtype=pd.ArrowDtype(array.type))


def _arrow_backed():
    import pyarrow as pa

    day = dt.datetime(2020, 1, 2, 3, 4)
    return _with(
        _arrow(1, None, 3),
        _arrow(1.5, None, float("nan")),
        _arrow(True, None, False),
        _arrow("x", None, "y"),
        _arrow(day, None, dt.datetime(1900, 1, 1)),
        _arrow(day, None, of=pa.timestamp("us", tz="Europe/Vienna")),
        _arrow(day.date(), None),
        _arrow(day.time(), None),
        _arrow(dt.timedelta(1), None),
        _arrow(Decimal("1.50"), None, Decimal("-2.25")),
        _arrow(b"\x00\xff", None),
        _arrow([1, 2], None, []),
        _arrow({"a": 1}, None),
    )


def _many_indexes():
    index = pd.MultiIndex.from_product([range(N // 2), ["x", "y"]])
    frame = _normal(p=2).assign(y=CLASSES).set_index(index)
    return frame.set_axis(pd.MultiIndex.from_tuples([("a", "b"), ("a", 1), (TARGET, "")]), axis=1)


def _doubled_names():
    return pd.concat([_normal(p=2), _normal(p=2), _with()], axis=1)


def _mixed_names():
    frame = _normal(p=7).assign(y=CLASSES)
    return frame.set_axis([0, "0", 1.5, None, "", dt.date(2020, 1, 1), "näme 🦉\n\t", TARGET], axis=1)


def _sparse():
    dense = np.where(_rng().random((N, 3)) < 0.9, 0.0, 1.5)
    frame = pd.DataFrame({f"s{i}": pd.arrays.SparseArray(dense[:, i]) for i in range(3)})
    frame["count"] = pd.arrays.SparseArray((dense[:, 0] > 0).astype(int))
    frame["flag"] = pd.arrays.SparseArray(dense[:, 1] > 0)
    frame["gaps"] = pd.arrays.SparseArray([1.0, np.nan, np.nan, np.nan] * (N // 4))
    return frame.assign(y=CLASSES)


def _long_strings():
    texts = [f"{i} " * 300_000 for i in range(3)] + ["word " * 200_000, "x" * 1_000_000]
    return _with(_objects(texts), [f"{'very ' * 2000} long {i}" for i in range(N)])


NASTY = {
    "numbers": lambda: _normal().assign(y=CLASSES),
    "regression": lambda: _normal().assign(y=_rng().normal(size=N)),
    "no target": _normal,
    "missing numbers": lambda: _with([1.5, None, 2.5, -1.0] * (N // 4)),
    "missing words": lambda: _with(["p", None, "q", "p"] * (N // 4)),
    "constant columns": lambda: _with(1.0, "x", 0, True),
    "only constant columns": lambda: pd.DataFrame({"a": [1.5] * N, "b": ["x"] * N, "y": CLASSES}),
    "all-missing columns": lambda: _with(np.nan, None, pd.NaT, pd.array([None] * N, dtype="Int64"), ["?"] * N),
    "only missing values": lambda: pd.DataFrame({"a": [np.nan] * N, "b": [None] * N, "y": CLASSES}),
    "one value a column": lambda: pd.DataFrame(
        {"a": [1.5] + [np.nan] * (N - 1), "b": [None] * (N - 1) + ["x"], "y": CLASSES}
    ),
    "one class": lambda: _normal().assign(y="u"),
    "constant target": lambda: _normal().assign(y=1.5),
    "a class a row": lambda: _normal().assign(y=[f"k{i}" for i in range(N)]),
    "a class of one": lambda: _normal().assign(y=["u"] * (N - 1) + ["v"]),
    "target mostly missing": lambda: _normal().assign(y=["u", "v"] + [None] * (N - 2)),
    "one row": lambda: _with().head(1),
    "one row, regression": lambda: _normal().assign(y=1.5).head(1),
    "two rows": lambda: _with().head(2),
    "three rows, regression": lambda: _normal().assign(y=_rng().normal(size=N)).head(3),
    "one column": lambda: _normal(p=1).assign(y=CLASSES),
    "copies of one column": lambda: pd.DataFrame(dict.fromkeys("abcd", _normal(p=1)["c0"])).assign(y=CLASSES),
    "doubled rows": lambda: _normal(n=1).loc[[0] * N].assign(y=CLASSES),
    "more columns than rows": lambda: _normal(n=10, p=200).assign(y=CLASSES[:10]),
    "10,000 columns": lambda: _normal(n=20, p=10_000).assign(y=CLASSES[:20]),
    "1,000,000 rows": lambda: _normal(n=1_000_000, p=3).assign(y=np.resize(["u", "v", "w"], 1_000_000)),
    "infinities": lambda: _with([np.inf, -np.inf, 1.0, 2.0] * (N // 4), [np.inf] * N),
    "huge and tiny numbers": lambda: _with(
        [1.7e308, -1.7e308] * (N // 2), _rng().normal(size=N) * 1e300, _rng().normal(size=N) * 5e-324 * 1e3, 10**400
    ),
    "huge target": lambda: _normal().assign(y=_rng().uniform(-1, 1, N) * 1.7e308),
    "integers past 2^53": lambda: _with(np.arange(N) + 2**53, np.arange(N, dtype=np.uint64) + 2**63, [2**70] * N),
    "small number types": lambda: _with(
        np.arange(N, dtype=np.int8), np.arange(N, dtype=np.float16), np.arange(N, dtype=np.longdouble)
    ),
    "booleans": lambda: pd.DataFrame({"a": [True, False] * (N // 2), "b": [True] * N, "y": [False, True] * (N // 2)}),
    "mixed types": lambda: _with(_objects([1, "one", 2.5, None, True, dt.date(2020, 1, 1), (1, 2), b"x", ...])),
    "nested values": lambda: _with(
        _objects([[1, [2]], [], None]), _objects([{"a": [1]}, {}]), _objects([{1, 2}]), _objects([np.eye(2)])
    ),
    "bytes": lambda: _with(_objects([b"\xff\x00", b"", bytearray(b"x"), memoryview(b"y")])),
    "functions and classes": lambda: _with(_objects([len, int, re.compile("a"), object])),
    "complex numbers": lambda: _with(_rng().normal(size=N) + 1j),
    "decimals and fractions": lambda: _with(
        _objects([Decimal("1.5"), Decimal("NaN"), Decimal("Infinity")]), _objects([Fraction(1, 3)])
    ),
    "dates": lambda: _with(
        pd.date_range("2020", periods=N),
        pd.date_range("2020", periods=N, tz="Europe/Vienna"),
        _objects([dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
        _objects([dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1)]),
        ["2020-01-01T00:00:00Z", "2021-05-05", None, "1066-10-14"] * (N // 4),
    ),
    "dates only": lambda: pd.DataFrame({"d": pd.date_range("2020", periods=N), "y": CLASSES}),
    "times and durations": lambda: _with(
        _objects([dt.time(1, 2), None]), pd.to_timedelta([1, None] * (N // 2), unit="D"), _objects([dt.timedelta.max])
    ),
    "periods and intervals": lambda: _with(
        pd.period_range("2020", periods=N, freq="M"), pd.interval_range(0, N), pd.cut(np.arange(N), 4)
    ),
    "categories": lambda: _with(
        pd.Categorical([1, 2, None, 3] * (N // 4)),
        pd.Categorical(["a"] * N, categories=["a", "b", "c"]),
        pd.Categorical([None] * N),
        pd.Categorical([True, False] * (N // 2), ordered=True),
        pd.Categorical(pd.date_range("2020", periods=N)),
    ),
    "nullable types": lambda: _with(
        pd.array([1, None] * (N // 2), dtype="Int8"),
        pd.array([1.5, None] * (N // 2), dtype="Float32"),
        pd.array([True, None] * (N // 2), dtype="boolean"),
        pd.array(["a", None] * (N // 2), dtype="string"),
        pd.array([None] * N, dtype="Float64"),
    ),
    "nullable target": lambda: _normal().assign(y=pd.array([0, 1, None, 1] * (N // 4), dtype="Int64")),
    "Arrow-backed types": _arrow_backed,
    "a dtype of one's own": lambda: _with(MoneyArray([Decimal(i) for i in range(N - 1)] + [None])),
    "a target of a dtype of one's own": lambda: _normal().assign(y=MoneyArray([Decimal(i % 2) for i in range(N)])),
    "sparse columns": _sparse,
    "identifiers": lambda: _with([f"id{i}" for i in range(N)]),
    "nominal only": lambda: pd.DataFrame(
        {c: _rng().permutation(list("aabbc") * (N // 5)) for c in "pqr"} | {"y": CLASSES}
    ),
    "text only": lambda: pd.DataFrame({"t": [f"the {i}th row is here" for i in range(N)], "y": CLASSES}),
    "very long strings": _long_strings,
    "odd strings": lambda: _with(
        pd.Series(["a", "\ud800"] * (N // 2), dtype=object),
        _objects(["\x00", "🦉", "ﬁ", "e\u0301", " ", "\n", "NaN", "None", "1e999", "0x10", "1_000", "-", "٣"]),
        _objects(["", " ", "?", "NA"]),
    ),
    "unicode names": lambda: (
        _normal(p=4)
        .assign(y=CLASSES)
        .set_axis(pd.Index(["größe", "🦉", "名前", "\ud800", TARGET], dtype=object), axis=1)
    ),
    "doubled names": _doubled_names,
    "names that are no text": _mixed_names,
    "indexes of many levels": _many_indexes,
    "a date index": lambda: _with().set_index(pd.date_range("2020", periods=N)),
    "an index of one value": lambda: _with().set_axis([0] * N, axis=0),
}


def frame_of(case):
    """Return the table of a case and the name of its target, which is None where there is none."""
    frame = NASTY[case]()
    names = {TARGET: TARGET, (TARGET, ""): str((TARGET, ""))}
    return frame, next((names[name] for name in frame.columns if name in names), None)
