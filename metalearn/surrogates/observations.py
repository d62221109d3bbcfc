"""What a surrogate is fitted to: losses at encoded configurations, checked, and the scale of these losses."""

import numpy as np

from metalearn.core.encoded_space import Encoding, Floats
from metalearn.errors import InputError


def check_observations(encoding: Encoding, X: Floats, loss: Floats) -> None:
    """Check losses (n,) at encoded configurations X (n, d).

    Raises:
        InputError: without losses, for losses that are not finite, for X of another shape, and for X without a value
            in a column that depends on no other.
    """
    d = len(encoding.columns)
    if X.shape != (len(loss), d):
        raise InputError(f"{len(loss)} losses over {d} columns need X of shape {(len(loss), d)}; got {X.shape}.")
    if not len(loss):
        raise InputError("A surrogate needs at least one loss; try a few configurations first.")
    if not np.isfinite(loss).all():
        raise InputError("A surrogate needs finite losses; give failed trials the worst of the others.")
    for column, x in zip(encoding.columns, X.T, strict=True):
        if column.parent is None and np.isnan(x).any():
            raise InputError(f"{column.hyperparameter} depends on no other, so that it needs a value in every row.")


def mean_and_deviation(loss: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of losses (n,), n at least 1; of equal losses themselves and 1.

    >>> equal = np.full(3, 0.1)
    >>> float(equal.std()) > 0, mean_and_deviation(equal)
    (True, (0.1, 1.0))
    >>> mean_and_deviation(np.array([0.0, 1e200]))
    (5e+199, 5e+199)
    """
    if loss.min() == loss.max():  # rounding may make a deviation of them
        return float(loss[0]), 1.0
    # By a power of 2, which changes no digit, to where no square overflows or vanishes.
    exponent = int(np.frexp(np.abs(loss).max())[1])
    scaled = np.ldexp(loss, -exponent)
    mean, deviation = (float(np.ldexp(moment, exponent)) for moment in (scaled.mean(), scaled.std()))
    return mean, deviation or 1.0
