"""Multilayer perceptrons: scikit-learn's contract, the gradient, early stopping, determinism, and what they learn."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from metalearn.errors import ConfigurationError, MissingDependencyError
from metalearn.learners.torch_mlp import TorchMLPClassifier, TorchMLPRegressor, _Network, _validation_rows

torch = pytest.importorskip("torch")

SMALL = {"hidden_width": 16, "learning_rate": 0.01, "max_epochs": 30, "device": "cpu"}
Mlp = type[TorchMLPClassifier] | type[TorchMLPRegressor]
BOTH = pytest.mark.parametrize("mlp", [TorchMLPClassifier, TorchMLPRegressor])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine make steps this small ten times slower."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def _table(n: int = 120, seed: int = 0) -> tuple[Any, Any]:
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


@parametrize_with_checks([TorchMLPClassifier(**SMALL), TorchMLPRegressor(**SMALL)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_contract(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("classify", [True, False])
def test_the_gradient_is_that_of_autograd(classify: bool, dropout: float) -> None:
    generator = torch.Generator().manual_seed(1)
    network = _Network([5, 7, 7, 3], classify=classify, dropout=dropout, generator=generator)
    X = torch.randn(11, 5, generator=generator)
    Y = torch.nn.functional.one_hot(torch.arange(11) % 3, 3).float()
    state = generator.get_state()
    network._differentiate(X, Y)
    written_out = network.gradient.clone()

    def loss(vector: Any) -> Any:
        generator.set_state(state)  # the same units are dropped
        hidden, start, n_layers = X, 0, 3
        for layer, (fan_in, out) in enumerate([(5, 7), (7, 7), (7, 3)]):
            end = start + fan_in * out
            hidden = hidden @ vector[start:end].view(fan_in, out) + vector[end : end + out]
            start = end + out
            if layer < n_layers - 1:
                hidden = hidden.relu()
                if dropout:
                    hidden = hidden * network._drop(torch.ones(11, out), dropout)
        if classify:
            return torch.nn.functional.cross_entropy(hidden, Y)
        return ((hidden - Y) ** 2).sum() / 2 / len(Y)

    vector = network.vector.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(vector), vector)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(written_out, expected)


def test_a_step_is_one_of_torch_adamw() -> None:
    network = _Network([4, 6, 2], classify=True, dropout=0.0, generator=torch.Generator().manual_seed(0))
    X, Y = torch.eye(4), torch.eye(2)[torch.tensor([0, 1, 1, 0])]
    parameter = network.vector.clone()
    optimizer = torch.optim.AdamW([parameter], lr=0.1, weight_decay=0.3)
    options = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False, "maximize": False, "fused": True}
    for _ in range(3):
        network.step(X, Y, {"lr": 0.1, "weight_decay": 0.3, **options})
        parameter.grad = network.gradient.clone()
        optimizer.step()
    torch.testing.assert_close(network.vector, parameter)


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.99])
def test_dropout_keeps_its_share_and_the_mean(dropout: float) -> None:
    network = _Network([1, 1], classify=False, dropout=dropout, generator=torch.Generator().manual_seed(0))
    dropped = network._drop(torch.ones(501, 401), dropout)
    assert sorted(dropped.unique().tolist()) == pytest.approx([0, 1 / (1 - dropout)])
    assert (dropped == 0).double().mean().item() == pytest.approx(dropout, abs=0.005)
    for lag in (1, 2, 3, 4):  # the four decisions of one draw are independent
        kept = (dropped != 0).double().flatten()
        assert abs(torch.corrcoef(torch.stack([kept[:-lag], kept[lag:]]))[0, 1].item()) < 0.01


def test_weights_start_as_those_of_torch() -> None:
    network = _Network([100, 50, 2], classify=True, dropout=0.0, generator=torch.Generator().manual_seed(0))
    assert [tuple(weight.shape) for weight in network.weights] == [(100, 50), (50, 2)]
    for weight, bias, bound in zip(network.weights, network.biases, [0.1, 50**-0.5], strict=True):
        assert 0.9 * bound < weight.abs().max() <= bound
        assert bias.abs().max() <= bound


def test_a_classifier_learns_flowers() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    X, names = (X - X.mean()) / X.std(), np.array(["setosa", "versicolor", "virginica"])[y]
    trained = np.arange(150) % 3 > 0
    model = TorchMLPClassifier(device="cpu", learning_rate=0.01).fit(X[trained], names[trained])
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    assert model.score(X[~trained], names[~trained]) > 0.9
    probabilities = model.predict_proba(X[~trained])
    np.testing.assert_allclose(probabilities.sum(1), 1)
    np.testing.assert_array_equal(model.classes_[probabilities.argmax(1)], model.predict(X[~trained]))


def test_a_regressor_learns_in_the_units_of_the_target() -> None:
    X, y = load_diabetes(return_X_y=True)
    X, trained = scale(X), np.arange(len(y)) % 3 > 0
    model = TorchMLPRegressor(device="cpu").fit(X[trained], y[trained])
    assert model.score(X[~trained], y[~trained]) > 0.4
    moved = TorchMLPRegressor(device="cpu").fit(X[trained], 1e6 + 1000 * y[trained])
    np.testing.assert_allclose(moved.predict(X), 1e6 + 1000 * model.predict(X), rtol=1e-3)


def test_without_hidden_layers_it_is_a_linear_model() -> None:
    X = np.random.default_rng(0).normal(size=(200, 2))
    y = 3 * X[:, 0] - X[:, 1] + 5
    line = TorchMLPRegressor(**SMALL | {"hidden_layers": 0, "max_epochs": 300, "weight_decay": 0}).fit(X, y)
    np.testing.assert_allclose(line.weights_[0].ravel(), [3, -1], atol=0.02)
    np.testing.assert_allclose(line.biases_[0], [5], atol=0.02)


@BOTH
def test_predictions_depend_on_the_seed_alone(mlp: Mlp) -> None:
    X, y = _table()
    predict = "predict_proba" if mlp is TorchMLPClassifier else "predict"
    results = []
    for global_seed, random_state in [(1, 5), (2, 5), (1, 6)]:
        torch.manual_seed(global_seed)
        np.random.seed(global_seed)  # noqa: NPY002  (the legacy state must not matter)
        before = torch.get_rng_state()
        model = mlp(**SMALL, dropout=0.3, random_state=random_state).fit(X, y)
        assert torch.equal(torch.get_rng_state(), before)
        results.append(getattr(model, predict)(X))
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.allclose(results[0], results[2])


def test_pickled_models_predict_the_same_and_import_no_torch(tmp_path: Path) -> None:
    X, y = _table()
    models = [mlp(**SMALL).fit(X, y) for mlp in (TorchMLPClassifier, TorchMLPRegressor)]
    path = tmp_path / "models.pkl"
    path.write_bytes(pickle.dumps([(model, X, model.predict(X)) for model in models]))
    code = (
        "import pickle, sys\n"
        f"for model, X, expected in pickle.load(open({str(path)!r}, 'rb')):\n"
        "    assert (model.predict(X) == expected).all()\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_fit_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="pip install torch safetensors"):
        TorchMLPClassifier().fit(*_table())


def test_training_stops_when_the_validation_loss_no_longer_falls() -> None:
    X = np.random.default_rng(0).normal(size=(200, 5))
    y = np.random.default_rng(1).integers(0, 2, 200)
    noise = {**SMALL, "max_epochs": 200, "patience": 3}
    stopped = TorchMLPClassifier(**noise).fit(X, y)
    assert 3 < stopped.n_epochs_ < 200
    assert TorchMLPClassifier(**noise, validation_fraction=0).fit(X, y).n_epochs_ == 200
    assert TorchMLPClassifier(**noise).fit(X[:19], y[:19]).n_epochs_ == 200
    # The kept weights are those of the epoch with the lowest loss: as if training had ended there.
    ended = TorchMLPClassifier(**noise | {"max_epochs": stopped.n_epochs_ - 3}).fit(X, y)
    np.testing.assert_array_equal(stopped.predict_proba(X), ended.predict_proba(X))


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_the_validation_part_is_stratified_and_leaves_every_class(fraction: float) -> None:
    sizes = np.array([100, 41, 1, 1, 1, 1, 3, 2, 2])
    strata = np.repeat(np.arange(9), sizes)
    for seed in range(20):
        rows = _validation_rows(strata, fraction, seed)
        held = np.bincount(strata[rows], minlength=9)
        assert len(np.unique(rows)) == len(rows)
        assert (held < sizes).all()
        assert (np.abs(held - fraction * sizes) <= 1).all()
    assert not np.array_equal(_validation_rows(strata, fraction, 1), _validation_rows(strata, fraction, 2))


def test_rare_classes_are_learned_and_predicted() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.repeat(["common", "pair", "single"], [57, 2, 1])
    X[57:59] += 20
    X[59] -= 20
    model = TorchMLPClassifier(**SMALL | {"max_epochs": 200, "patience": 200}).fit(X, y)
    assert model.predict(X[57:]).tolist() == ["pair", "pair", "single"]


@pytest.mark.parametrize("n_rows", [1, 2, 21])
def test_tiny_tables(n_rows: int) -> None:
    X, y = _table(n_rows)
    assert set(TorchMLPClassifier(**SMALL).fit(X, y).predict(X)) <= set(y)
    assert np.isfinite(TorchMLPRegressor(**SMALL).fit(X, y).predict(X)).all()


def test_a_constant_target_is_predicted() -> None:
    X, _ = _table()
    np.testing.assert_allclose(TorchMLPRegressor(**SMALL).fit(X, np.full(120, 7.0)).predict(X), 7, atol=0.2)
    assert set(TorchMLPClassifier(**SMALL).fit(X, ["only"] * 120).predict(X)) == {"only"}


@BOTH
@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_layers": -1},
        {"hidden_width": 0},
        {"dropout": 1.0},
        {"learning_rate": float("nan")},
        {"weight_decay": -0.1},
        {"batch_size": 0},
        {"max_epochs": 0},
        {"patience": 0},
        {"validation_fraction": 0.6},
        {"device": "tpu"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_parameter_out_of_range_is_named(mlp: Mlp, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        mlp(**wrong).fit(*_table())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigurationError, match="'auto' or 'cpu'"):
        TorchMLPClassifier(device="cuda").fit(*_table())


@pytest.mark.parametrize("fraction", [0, 0.1])
def test_diverged_training_is_an_error(fraction: float) -> None:
    X, y = _table()
    with pytest.raises(ConfigurationError, match="diverged"):
        TorchMLPRegressor(device="cpu", validation_fraction=fraction, learning_rate=1e30).fit(X, y)


def test_gaps_are_refused() -> None:
    X, y = _table()
    with pytest.raises(ValueError, match="NaN"):
        TorchMLPClassifier(**SMALL).fit(np.where(X > 2, np.nan, X), y)


def test_numpy_parameters_do_as_well_as_those_of_python() -> None:
    X, y = _table()
    given = {"hidden_layers": np.int64(1), "hidden_width": np.int64(8), "batch_size": np.int64(32), "device": "cpu"}
    given |= {"learning_rate": np.float64(0.01), "dropout": np.float64(0.1), "max_epochs": np.int64(5)}
    model = TorchMLPClassifier(**given)
    plain = clone(model).set_params(
        **{name: getattr(value, "tolist", lambda v=value: v)() for name, value in given.items()}
    )
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), plain.fit(X, y).predict_proba(X))


def test_frames_and_arrays_give_the_same_model() -> None:
    X, y = _table()
    frame = pd.DataFrame(X, columns=list("abc"))
    by_frame, by_array = (TorchMLPClassifier(**SMALL).fit(table, y) for table in (frame, X))
    np.testing.assert_array_equal(by_frame.predict_proba(frame), by_array.predict_proba(X))
