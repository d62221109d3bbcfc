"""Multilayer perceptrons for tables: ReLU blocks of equal width, AdamW, dropout and early stopping.

Plain networks with well-tuned regularisation rival boosted trees on tables: Kadra, Lindauer, Hutter & Grabocka,
"Well-tuned simple nets excel on tabular datasets", NeurIPS 2021. The optimizer is AdamW: Loshchilov & Hutter,
"Decoupled weight decay regularization", ICLR 2019; dropout: Srivastava et al., JMLR 2014; early stopping: Prechelt,
"Early stopping - but when?", 1998. Weights start as those of ``torch.nn.Linear``.

On small tables a step costs more in calls than in arithmetic. So the gradient is written out (half the time of
autograd), all weights are views of one vector, which AdamW's fused kernel updates at once, and the table goes to the
device once. torch is needed to fit only; the fitted weights are numpy arrays.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from metalearn.errors import ConfigurationError, MissingDependencyError
from metalearn.learners.splits import stratified_rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

# The loss of a validation part of one or two rows is noise.
MIN_ROWS_TO_STOP_EARLY = 20
# Both ends are allowed. With at most half of the rows held out, each class of two rows keeps one to train on.
_RANGES: dict[str, tuple[float, float]] = {
    "dropout": (0, 0.99),
    "validation_fraction": (0, 0.5),
    **dict.fromkeys(["hidden_layers", "learning_rate", "weight_decay"], (0, np.inf)),
    **dict.fromkeys(["hidden_width", "batch_size", "max_epochs", "patience"], (1, np.inf)),
}
_ADAMW = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False, "maximize": False, "fused": True}
_DEVICES = ("auto", "cpu", "cuda")


class _Network:
    """Weights (in, out) and biases (out,) of each layer, as views of one vector, with a gradient of the same layout.

    The loss is the cross entropy, or half the squared error: the gradient of both is "prediction - target".
    """

    def __init__(self, widths: list[int], *, classify: bool, dropout: float, generator: "torch.Generator") -> None:
        import torch

        self.classify, self.dropout, self.generator = classify, dropout, generator
        n_parameters = sum((fan_in + 1) * out for fan_in, out in pairwise(widths))
        self.vector = torch.empty(n_parameters, device=generator.device).uniform_(-1, 1, generator=generator)
        self.gradient, self._mean, self._variance = (torch.zeros_like(self.vector) for _ in range(3))
        self._n_steps = torch.zeros((), device=generator.device)
        self.weights, self.biases = _views(self.vector, widths)
        self._weight_gradients, self._bias_gradients = _views(self.gradient, widths)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = len(weight) ** -0.5
            weight.mul_(bound)
            bias.mul_(bound)

    def step(self, X: "Tensor", Y: "Tensor", options: dict[str, Any]) -> None:
        """Take one step of AdamW on the mean loss of the batch X (m, d), Y (m, k)."""
        from torch.optim.adamw import adamw  # the class adds bookkeeping that takes as long as the step itself

        self._differentiate(X, Y)
        adamw([self.vector], [self.gradient], [self._mean], [self._variance], [], [self._n_steps], **options)

    def loss(self, X: "Tensor", Y: "Tensor") -> float:
        """Return the mean loss of the rows of X (n, d) with the targets Y (n, k)."""
        from torch.nn.functional import cross_entropy, mse_loss

        output = self._forward(X, 0.0)[-1]
        return float(cross_entropy(output, Y) if self.classify else mse_loss(output, Y))

    def _differentiate(self, X: "Tensor", Y: "Tensor") -> None:
        import torch

        *inputs, output = self._forward(X, self.dropout)
        delta = (output.softmax(1) if self.classify else output).sub_(Y).div_(len(Y))
        for layer in reversed(range(len(inputs))):
            torch.mm(inputs[layer].t(), delta, out=self._weight_gradients[layer])
            torch.sum(delta, 0, out=self._bias_gradients[layer])
            if layer:
                # A unit is positive where neither ReLU nor dropout closed it: its sign is the derivative of both.
                delta = torch.mm(delta, self.weights[layer].t()).mul_(inputs[layer].sign())
                if self.dropout:
                    delta.div_(1 - self.dropout)

    def _forward(self, X: "Tensor", dropout: float) -> "list[Tensor]":
        """Return the input of each layer and the output (n, k) of the last."""
        values = [X]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = bias.addmm(values[-1], weight).relu_()
            values.append(self._drop(hidden, dropout) if dropout else hidden)
        return [*values, self.biases[-1].addmm(values[-1], self.weights[-1])]

    def _drop(self, hidden: "Tensor", dropout: float) -> "Tensor":
        import torch

        # Four decisions from each draw of 64 bits: less than half the time of `bernoulli_`.
        draws = torch.empty(-(-hidden.numel() // 4), dtype=torch.int64, device=hidden.device)
        bits = draws.random_(-(2**63), None, generator=self.generator).view(torch.int16)
        kept = bits[: hidden.numel()] >= round(dropout * 2**16) - 2**15
        return hidden.mul_(kept.view_as(hidden).to(hidden.dtype)).div_(1 - dropout)


def _views(vector: "Tensor", widths: list[int]) -> "tuple[list[Tensor], list[Tensor]]":
    import torch

    parts = torch.split(vector, [(fan_in + 1) * out for fan_in, out in pairwise(widths)])
    layers = [part.view(-1, out) for part, out in zip(parts, widths[1:], strict=True)]
    return [layer[:-1] for layer in layers], [layer[-1] for layer in layers]


class _TorchMLP(BaseEstimator):  # type: ignore[misc]
    def __init__(
        self,
        *,
        hidden_layers: int = 2,
        hidden_width: int = 128,
        dropout: float = 0.0,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-2,
        batch_size: int = 128,
        max_epochs: int = 100,
        patience: int = 10,
        validation_fraction: float = 0.1,
        device: str = "auto",
        random_state: Any = 0,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.hidden_width = hidden_width
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state

    def _fit(self, X: Floats, Y: Floats, strata: Integers, *, classify: bool) -> None:
        """Train on X (n, d) and Y (n, k), less the validation rows, and keep the weights as numpy arrays."""
        self._check_parameters()
        generator, seed = self._generator()
        widths = [X.shape[1], *[int(self.hidden_width)] * int(self.hidden_layers), Y.shape[1]]
        network = _Network(widths, classify=classify, dropout=self.dropout, generator=generator)
        self._train(network, X, Y, _validation_rows(strata, self.validation_fraction, seed))
        if not network.vector.isfinite().all():
            raise ConfigurationError("The training diverged; lower the learning_rate or scale the columns of X.")
        self.weights_ = [weight.cpu().numpy().copy() for weight in network.weights]
        self.biases_ = [bias.cpu().numpy().copy() for bias in network.biases]

    def _check_parameters(self) -> None:
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; it must lie in [{low}, {high}].")
        if self.device not in _DEVICES:
            raise ConfigurationError(f"device is {self.device!r}; it must be one of {', '.join(_DEVICES)}.")

    def _generator(self) -> "tuple[torch.Generator, int]":
        """Return a generator on the device, and the seed it has."""
        try:
            import torch
        except ModuleNotFoundError as error:
            raise MissingDependencyError("torch", "torch") from error
        has_cuda = self.device != "cpu" and torch.cuda.is_available()
        if self.device == "cuda" and not has_cuda:
            raise ConfigurationError("device is 'cuda', but torch finds no such device; set it to 'auto' or 'cpu'.")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return torch.Generator("cuda" if has_cuda else "cpu").manual_seed(seed), seed

    def _train(self, network: _Network, X: Floats, Y: Floats, held_out: Integers) -> None:
        """Set the network's weights to those with the lowest validation loss, or the last where nothing is held out."""
        import torch

        self.n_epochs_ = 0
        device, rows = network.generator.device, np.setdiff1d(np.arange(len(X)), held_out)
        X_train, Y_train, X_held, Y_held = (
            torch.tensor(part, dtype=torch.float32, device=device)
            for part in (X[rows], Y[rows], X[held_out], Y[held_out])
        )
        options = {"lr": float(self.learning_rate), "weight_decay": float(self.weight_decay), **_ADAMW}
        # Weights whose validation loss was never finite are not worth keeping; the caller refuses these.
        lowest, best, waited = np.inf, torch.full_like(network.vector, np.nan), 0
        while self.n_epochs_ < self.max_epochs and waited < self.patience:
            order = torch.randperm(len(rows), generator=network.generator, device=device)
            batches = (torch.split(part[order], int(self.batch_size)) for part in (X_train, Y_train))
            for X_batch, Y_batch in zip(*batches, strict=True):
                network.step(X_batch, Y_batch, options)
            self.n_epochs_ += 1
            if len(held_out):
                loss = network.loss(X_held, Y_held)
                waited = 0 if loss < lowest else waited + 1
                if not waited:
                    lowest = loss
                    best.copy_(network.vector)
        if len(held_out):
            network.vector.copy_(best)

    def _output(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the network's output (n, k), in double precision: no row's depends on the others in the batch."""
        check_is_fitted(self)
        values: NDArray[Any] = validate_data(self, X, dtype=np.float64, reset=False)
        for weight, bias in zip(self.weights_[:-1], self.biases_[:-1], strict=True):
            values = np.maximum(values @ weight + bias, 0)
        return np.asarray(values @ self.weights_[-1] + self.biases_[-1], dtype=np.float64)


class TorchMLPClassifier(ClassifierMixin, _TorchMLP):  # type: ignore[misc]
    """A multilayer perceptron that minimises cross entropy, for finite tables X (n, d) and any labels y (n,).

    ``hidden_layers`` ReLU layers of ``hidden_width`` units, each followed by ``dropout``; AdamW with
    ``learning_rate``, ``weight_decay`` and ``batch_size``. A stratified ``validation_fraction`` of the rows (0 to 0.5;
    none of a table below 20 rows) is held out; training ends ``patience`` epochs after its loss was lowest, and the
    weights of that epoch are kept. ``device`` is cpu, cuda, or auto (cuda where there is one). Equal ``random_state``
    gives equal predictions on a CPU. The columns should be scaled. Fitted: ``classes_``, ``n_features_in_``,
    ``n_epochs_`` (epochs run), ``weights_`` and ``biases_`` (one array a layer).

    Raises:
        MissingDependencyError: from ``fit``, where torch is not installed.
        ConfigurationError: from ``fit``, for a parameter out of its range or a training that diverged.

    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.where(np.abs(X[:, 0]) < 0.5, "inner", "outer")
    >>> model = TorchMLPClassifier(hidden_width=32, learning_rate=0.01).fit(X, y)
    >>> model.predict([[-0.9], [0.1], [0.9]]).tolist()
    ['outer', 'inner', 'outer']
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the network to X (n, d) and the labels y (n,)."""
        table, labels = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._fit(table, np.eye(len(self.classes_))[codes], codes, classify=True)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return each row's probability of each class (n, k), in the order of ``classes_``."""
        return np.asarray(softmax(self._output(X), axis=1))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return each row's most probable class (n,)."""
        most_probable = self._output(X).argmax(1)
        return np.asarray(self.classes_[most_probable])


class TorchMLPRegressor(RegressorMixin, _TorchMLP):  # type: ignore[misc]
    """A multilayer perceptron that minimises the squared error, for finite tables X (n, d) and numbers y (n,).

    The target is standardised while fitting. Parameters, fitted attributes and errors are those of
    ``TorchMLPClassifier``, but for the classes; the validation rows are drawn at random.

    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> model = TorchMLPRegressor(hidden_width=32, learning_rate=0.01).fit(X, 1000 * np.abs(X[:, 0]))
    >>> model.predict([[-0.5], [0.5]]).round(-2).tolist()
    [500.0, 500.0]
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the network to X (n, d) and the numbers y (n,)."""
        table, target = validate_data(self, X, y, dtype=np.float32, y_numeric=True)
        mean, scale = np.mean(target, dtype=np.float64), np.std(target, dtype=np.float64) or 1.0
        self._fit(table, (target[:, None] - mean) / scale, np.zeros(len(target), dtype=np.int64), classify=False)
        # The head gives the target's own units.
        self.weights_[-1] = self.weights_[-1] * scale
        self.biases_[-1] = self.biases_[-1] * scale + mean
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the prediction (n,) of each row."""
        return self._output(X)[:, 0]


def _validation_rows(strata: Integers, fraction: float, seed: int) -> Integers:
    """Return the rows to hold out: that share of each stratum (n,), never the whole of one."""
    n_rows = len(strata)
    n_held_out = int(fraction * n_rows) if n_rows >= MIN_ROWS_TO_STOP_EARLY else 0
    rows = stratified_rows(strata, n_held_out, seed)
    return rows[np.bincount(strata)[strata[rows]] > 1]
