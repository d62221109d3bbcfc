"""DNGO: Bayesian linear regression on the features that a neural network has learned.

Snoek et al., "Scalable Bayesian optimization using deep neural networks", ICML 2015: three layers of fifty tanh units
are trained with a linear output, which Bayesian linear regression then replaces. Its cost grows linearly with the
number of losses. Where the paper samples the precisions of weights and noise, here they have the largest evidence
(MacKay, "Bayesian interpolation", Neural Computation 1992).

Features that were learned from losses fit these losses better than others, so that the regression is too sure of
itself. How much, networks tell that have not seen a part of them: all standard deviations are stretched until they suit
the errors on the parts held out. All networks are trained at once, as one batch of matrices.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import Encoding, Floats
from metalearn.errors import InputError, MissingDependencyError
from metalearn.surrogates.kernels import Embedding
from metalearn.surrogates.observations import check_observations, mean_and_deviation

if TYPE_CHECKING:
    from torch import Tensor

Mask = NDArray[np.bool_]
Layers = tuple[tuple[Floats, Floats], ...]

# Ratios of the precisions of weights and noise to choose from; the evidence is flat between two of them.
_RATIOS = np.logspace(-8, 4, 121)
# The least variance of the noise, of standardised losses: equal losses must not make the precision infinite.
_LEAST_NOISE = 1e-6
_ADAM: dict[str, Any] = {
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "weight_decay": 0.0,
    "amsgrad": False,
    "maximize": False,
}
# Below this many losses a part of them tells nothing.
_LEAST_TO_HOLD_OUT = 10
# The least factor on standard deviations: equal losses, predicted without an error, must not make them 0.
_LEAST_STRETCH = 0.01


@dataclass(frozen=True)
class NeuralLinear:
    """A network of tanh layers, trained on standardised losses; then Bayesian linear regression on its last layer.

    ``n_layers`` layers of ``width`` units, ``n_steps`` steps of Adam on all losses at a ``learning_rate`` that falls to
    0 along a cosine, with ``weight_decay``; ``n_folds`` parts to stretch the standard deviations by. torch is needed to
    fit only.

    Raises:
        InputError: when a parameter is out of its range.

    >>> from metalearn.core.encoded_space import EncodedColumn
    >>> model = NeuralLinear(Encoding((EncodedColumn("x", "numeric"),)), n_steps=200)
    >>> X = np.linspace(0, 1, 30)[:, None]
    >>> predictor = model.fit(X, np.sin(6 * X[:, 0]), rng=np.random.default_rng(0))
    >>> mean, std = predictor.predict(np.array([[0.25], [0.75]]))
    >>> mean.round(1)
    array([ 1., -1.])
    """

    encoding: Encoding
    n_layers: int = 3
    width: int = 50
    n_steps: int = 300
    learning_rate: float = 0.01
    weight_decay: float = 1e-3
    n_folds: int = 5

    def __post_init__(self) -> None:
        if min(self.n_layers, self.width, self.n_steps) < 1 or self.n_folds < 2:
            raise InputError(f"A network needs at least one layer, unit and step, and two folds; got {self}.")
        if not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise InputError(f"The learning rate must be above 0, and the weight decay 0 or more; got {self}.")

    def fit(self, X: Floats, loss: Floats, *, rng: np.random.Generator) -> "FittedNeuralLinear":
        """Fit losses (n,) at encoded configurations X (n, d).

        Raises:
            InputError: for observations that ``check_observations`` refuses.
            MissingDependencyError: when torch is not installed.
        """
        check_observations(self.encoding, X, loss)
        center, unit = mean_and_deviation(loss)
        y, points = (loss - center) / unit, Embedding(self.encoding).points(X)
        n_folds = self.n_folds if len(y) >= _LEAST_TO_HOLD_OUT else 0
        # The first network holds out nothing, each of the others one part.
        held_out = np.append(-1, np.arange(n_folds))[:, None] == rng.permutation(len(y)) % max(n_folds, 1)
        networks = self._trained(points, y, held_out, rng)
        lines = [
            Line.fit(_features(layers, points[~out]), y[~out]) for layers, out in zip(networks, held_out, strict=True)
        ]
        errors = [
            lines[k].standardized(_features(networks[k], points[held_out[k]]), y[held_out[k]])
            for k in range(1, len(lines))
        ]
        stretch = float(np.sqrt(np.mean(np.concatenate(errors) ** 2))) if errors else 1.0
        return FittedNeuralLinear(self.encoding, networks[0], lines[0], center, unit, max(stretch, _LEAST_STRETCH))

    def _trained(self, points: Floats, y: Floats, held_out: Mask, rng: np.random.Generator) -> list[Layers]:
        """Return the hidden layers of one network a row of ``held_out`` (k, n), which marks what it is not shown.

        All start with the same weights, drawn from ``rng``; points are (n, q), their targets y (n,).
        """
        try:
            import torch
            from torch.optim.adam import adam  # the class imports and keeps more than all of this
        except ModuleNotFoundError as error:
            raise MissingDependencyError("torch", "torch") from error
        k = len(held_out)
        widths = [points.shape[1], *[self.width] * self.n_layers, 1]
        starts = [rng.normal(0.0, max(a, 1) ** -0.5, (1, a, b)) for a, b in pairwise(widths)]
        weights = [torch.tensor(start).float().repeat(k, 1, 1).requires_grad_() for start in starts]
        biases = [torch.zeros(k, 1, b, requires_grad=True) for b in widths[1:]]
        kept = torch.tensor(~held_out / (~held_out).sum(axis=1, keepdims=True)).float()
        inputs, target = torch.tensor(points).float().repeat(k, 1, 1), torch.tensor(y).float()
        parameters = [*weights, *biases]
        means, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        counts = [torch.zeros(()) for _ in parameters]
        for step in range(self.n_steps):
            errors = (kept * (_output(inputs, weights, biases) - target).square()).sum()
            penalty = torch.stack([weight.square().sum() for weight in weights]).sum()
            gradients = torch.autograd.grad((errors + self.weight_decay * penalty) / 2, parameters)
            rate = self.learning_rate * (1 + np.cos(np.pi * step / self.n_steps)) / 2
            with torch.no_grad():
                adam(parameters, list(gradients), means, squares, [], counts, lr=rate, **_ADAM)
        layers = [
            (w.detach().double().numpy(), b.detach().double().numpy()) for w, b in zip(weights, biases, strict=True)
        ]
        return [tuple((w[i], b[i]) for w, b in layers[:-1]) for i in range(k)]


def _output(values: "Tensor", weights: "list[Tensor]", biases: "list[Tensor]") -> "Tensor":
    """Return the outputs (k, n) of k networks at their inputs (k, n, q)."""
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        values = bias.baddbmm(values, weight).tanh()
    return biases[-1].baddbmm(values, weights[-1])[:, :, 0]


@dataclass(frozen=True, eq=False)
class Line:
    """Bayesian linear regression: weights are normal with ``mean`` (h,) and covariance root root^T, root (h, h).

    ``ratio`` is the prior precision of the weights divided by that of the noise, ``noise`` the variance of the latter.
    """

    mean: Floats
    root: Floats
    ratio: float
    noise: float

    @classmethod
    def fit(cls, features: Floats, y: Floats, precisions: tuple[float, float] | None = None) -> "Line":
        """Fit targets y (n,) at features (n, h), with a given ratio and noise or else those of largest evidence.

        For a ratio r, y is normal with covariance noise (I + features features^T / r), whose best noise is known.
        """
        left, singular, right = np.linalg.svd(features, full_matrices=False)
        along = left.T @ y
        ratio, noise = precisions or cls._precisions(singular, along, y)
        # Directions that no row has keep their prior.
        shrink = np.sqrt(ratio / (singular**2 + ratio)) - 1
        root = (np.eye(features.shape[1]) + right.T * shrink @ right) * np.sqrt(noise / ratio)
        return cls(right.T @ (along * singular / (singular**2 + ratio)), root, ratio, noise)

    @staticmethod
    def _precisions(singular: Floats, along: Floats, y: Floats) -> tuple[float, float]:
        """Return ratio and noise of largest evidence, for targets y (n,) whose part in the features is ``along``."""
        shares = _RATIOS[:, None] / (singular**2 + _RATIOS[:, None])
        squares = shares @ along**2 + max(float(y @ y - along @ along), 0.0)
        noise = np.maximum(squares / len(y), _LEAST_NOISE)
        best = int(np.argmin(len(y) * np.log(noise) + squares / noise - np.log(shares).sum(axis=1)))
        return float(_RATIOS[best]), float(noise[best])

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation (m,) of the noise-free target at features (m, h)."""
        return features @ self.mean, np.sqrt(np.square(features @ self.root).sum(axis=1))

    def standardized(self, features: Floats, y: Floats) -> Floats:
        """Return the errors (m,) at targets y (m,) in standard deviations, noise included."""
        mean, std = self.predict(features)
        return np.asarray((y - mean) / np.sqrt(std**2 + self.noise))


@dataclass(frozen=True, eq=False)
class FittedNeuralLinear:
    """A ``Predictor``: hidden layers, the regression on them, and the centre, unit and stretch of what it predicts."""

    encoding: Encoding
    layers: Layers
    line: Line
    center: float
    unit: float
    stretch: float

    @cached_property
    def noise_std(self) -> float:
        """The standard deviation of the noise, in the unit of the loss."""
        return float(self.unit * self.stretch * np.sqrt(self.line.noise))

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and standard deviation (m,) of the noise-free loss at X (m, d)."""
        mean, std = self.line.predict(self._at(X))
        return self.center + self.unit * mean, self.unit * self.stretch * std

    def sample(self, X: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Return n joint draws (n, m) of the noise-free loss at X (m, d)."""
        features = self._at(X)
        errors = rng.standard_normal((n, features.shape[1])) @ (features @ self.line.root).T
        return np.asarray(self.center + self.unit * (features @ self.line.mean + self.stretch * errors))

    def conditioned(self, X: Floats, loss: Floats) -> "FittedNeuralLinear":
        """Return the same network and precisions, given these losses (n,) at X (n, d) instead of those of the fit."""
        y = (loss - self.center) / self.unit
        return replace(self, line=Line.fit(self._at(X), y, (self.line.ratio, self.line.noise)))

    def _at(self, X: Floats) -> Floats:
        return _features(self.layers, Embedding(self.encoding).points(X))


def _features(layers: Layers, points: Floats) -> Floats:
    """Return the last hidden layer and a constant (n, h) at points (n, q)."""
    for weight, bias in layers:
        points = np.tanh(points @ weight + bias)
    return np.column_stack([points, np.ones(len(points))])
