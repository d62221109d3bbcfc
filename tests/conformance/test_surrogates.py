"""Every registered surrogate fits what it can, in the same way twice, and refuses the rest in the same words."""

import pickle

import numpy as np
import pytest

from metalearn.core.encoded_space import EncodedColumn, Encoding
from metalearn.core.protocols import Predictor, Surrogate
from metalearn.core.registry import create, names
from metalearn.errors import InputError

KIND = EncodedColumn("kind", "categorical", ("a", "b", "c"), n_values=3)
MIXED = Encoding((KIND, EncodedColumn("x", "numeric", parent="kind"), EncodedColumn("z", "numeric")))
# Few steps will do where it does not matter how well it fits.
OPTIONS = {"neural_linear": {"n_steps": 5}, "quantile_boosting": {"n_trees": 10}}


@pytest.fixture(params=names("surrogate"))
def surrogate(request):
    if request.param == "neural_linear":
        pytest.importorskip("torch")
    return create("surrogate", request.param, encoding=MIXED, **OPTIONS.get(request.param, {}))


def rows(n, seed=0):
    """Configurations whose x is inactive for the first kind."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(3, size=n) / 2, rng.random((n, 2))])
    X[X[:, 0] == 0, 1] = np.nan
    return X


def fitted(surrogate, X, loss, seed=0):
    return surrogate.fit(X, np.asarray(loss, dtype=float), rng=np.random.default_rng(seed))


def test_it_satisfies_the_protocols(surrogate):
    assert isinstance(surrogate, Surrogate)
    assert isinstance(fitted(surrogate, rows(15), rows(15)[:, 2]), Predictor)


def test_the_same_generator_gives_the_same_predictions_and_so_does_a_pickle(surrogate):
    X, loss = rows(30), rows(30)[:, 2] ** 2
    one, other = (fitted(surrogate, X, loss) for _ in range(2))
    for predictor in (other, pickle.loads(pickle.dumps(one))):
        np.testing.assert_array_equal(predictor.predict(rows(9, 1)), one.predict(rows(9, 1)))
        draws = [p.sample(rows(9, 1), 3, np.random.default_rng(2)) for p in (predictor, one)]
        np.testing.assert_array_equal(*draws)
    np.testing.assert_array_equal(X, rows(30))
    np.testing.assert_array_equal(loss, rows(30)[:, 2] ** 2)


@pytest.mark.parametrize("loss", [[0.5], [2.0] * 3, [0.1] * 7, [3.0] * 12, [0.1, 0.1, 0.9], [0.2, 1e9, 0.1]])
def test_few_or_equal_losses_are_no_trouble(surrogate, loss):
    predictor = fitted(surrogate, rows(len(loss)), loss)
    mean, std = predictor.predict(rows(20, 1))
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std >= 0).all()
    assert predictor.noise_std >= 0
    assert np.isfinite(predictor.sample(rows(20, 1), 2, np.random.default_rng(0))).all()
    if len(set(loss)) == 1:
        np.testing.assert_allclose(mean, loss[0], atol=1e-3)


def test_of_equal_losses_it_is_as_unsure_whatever_they_are(surrogate):
    """The standard deviation of equal losses may be a rounding error, which is nothing to measure by."""
    stds = [fitted(surrogate, rows(7), np.full(7, loss)).predict(rows(9, 1))[1] for loss in (0.5, 0.1)]
    np.testing.assert_allclose(stds[0], stds[1], rtol=1e-6)


def test_nothing_to_predict_is_nothing_predicted(surrogate):
    mean, std = fitted(surrogate, rows(15), rows(15)[:, 2]).predict(np.empty((0, 3)))
    assert len(mean) == len(std) == 0


@pytest.mark.parametrize(
    ("X", "loss", "message"),
    [
        (np.empty((0, 3)), [], "at least one loss"),
        (np.zeros((2, 3)), [1.0, np.nan], "finite losses"),
        (np.zeros((2, 2)), [0.0, 0.0], r"need X of shape \(2, 3\)"),
        (np.zeros((2, 4)), [0.0, 0.0], r"got \(2, 4\)"),
        (np.array([[0.0, np.nan, 0.5], [0.0, np.nan, np.nan]]), [0.0, 1.0], "z depends on no other"),
    ],
)
def test_what_cannot_be_fitted_is_refused(surrogate, X, loss, message):
    with pytest.raises(InputError, match=message):
        fitted(surrogate, X, loss)
