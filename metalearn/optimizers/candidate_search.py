"""Maximising an acquisition function over a mixed, conditional space: many candidates, then local search from the best.

As in SMAC (Hutter, Hoos & Leyton-Brown, LION 2011, section 4.3): the neighbours of a configuration differ in one
hyperparameter, and candidates come from the whole space and from near the best known configurations. Numbers move as in
pattern search (Hooke & Jeeves, "Direct search solution of numerical and statistical problems", JACM 1961): by a step
either way, which shrinks where nothing is better. All neighbours of all starts are scored in one call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metalearn.core.encoded_space import EncodedSpace, Encoding, Floats, row_keys

Integers = NDArray[np.int64]
Score = Callable[[Floats], Floats]

# Perturbations of good configurations spread over these scales, from the last refinement to a change of region.
_NARROWEST, _WIDEST = 1e-3, 0.3
# The first step of the local search, what it is divided by where nothing is better, and the one below which it ends: no
# loss depends on a hyperparameter more finely.
_FIRST_STEP, _SHRINKAGE, _LAST_STEP = 0.1, 3.0, 1e-4


@dataclass(frozen=True)
class CandidateSearch:
    """How hard to search: by default, five times the starts and three times the steps gain 1 % of expected improvement.

    ``n_global`` candidates are a scrambled Sobol' sequence over the whole space, ``n_near`` are perturbations of the
    best known configurations. Local search starts from the ``n_starts`` best of them, for at most ``n_steps`` steps,
    each with ``n_directions`` random directions beside those of the axes.

    >>> from ConfigSpace import ConfigurationSpace, Float
    >>> space = EncodedSpace(ConfigurationSpace(space=[Float("x", (0, 1)), Float("y", (0, 1))]))
    >>> away = lambda X: -np.square(X - [0.3, 0.7]).sum(axis=1)
    >>> found = CandidateSearch().maximize(away, space, np.empty((0, 2)), np.empty((0, 2)), np.random.default_rng(0))
    >>> found.round(3)
    array([0.3, 0.7])
    """

    n_global: int = 512
    n_near: int = 256
    n_starts: int = 4
    n_steps: int = 20
    n_directions: int = 8

    def maximize(
        self, score: Score, space: EncodedSpace, best: Floats, tried: Floats, rng: np.random.Generator
    ) -> Floats | None:
        """Return the row (d,) with the highest score found that is not among those tried (t, d).

        ``best`` (k, d) are configurations to search near. None where all candidates were tried. Of equal scores, as
        trees give them to whole regions, the one farthest from what was tried teaches most.
        """
        points = self.candidates(space, best, rng)
        scores = score(points)
        starts = np.argsort(-scores, kind="stable")[: self.n_starts]
        found, values = self._climbed(score, space, points[starts], scores[starts], rng)
        points, scores = np.concatenate([found, points]), np.concatenate([values, scores])
        known = set(row_keys(tried))
        untried = np.array([key not in known for key in row_keys(points)], dtype=bool)
        points, scores = points[untried], scores[untried]
        equal = points[scores == scores.max(initial=-np.inf)]
        if len(equal) <= 1 or not len(tried):
            return equal[0] if len(equal) else None
        return np.asarray(equal[space.distances(equal, tried).min(axis=1).argmax()])

    def candidates(self, space: EncodedSpace, best: Floats, rng: np.random.Generator) -> Floats:
        """Return valid rows (m, d): some of the whole space, and some near the ``best`` (k, d)."""
        from scipy.stats.qmc import Sobol

        n_bits = max(self.n_global - 1, 0).bit_length()
        cube = Sobol(len(space.encoding.columns), rng=rng).random_base2(n_bits)[: self.n_global]
        everywhere = space.from_unit_cube(cube)
        if not len(everywhere):  # clauses that forbid nearly all
            everywhere = space.sample(self.n_global, rng)
        if not len(best):
            return everywhere
        near = space.nearest(_perturbed(space.encoding, best[np.arange(self.n_near) % len(best)], rng))
        return np.concatenate([everywhere, near[space.allowed(near)]])

    def _climbed(
        self, score: Score, space: EncodedSpace, points: Floats, scores: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Return the rows (s, d) where local search from points (s, d) ends, and their scores (s,)."""
        moves = _Moves(space.encoding)
        points, scores, steps = points.copy(), scores.copy(), np.full(len(points), _FIRST_STEP)
        for _ in range(self.n_steps):
            live = np.flatnonzero(steps >= _LAST_STEP)
            if not len(live):
                break
            near, changed = moves.neighbours(points[live], steps[live], self.n_directions, rng)
            near, values = _scored(score, space, near, changed)
            winner = np.arange(len(live)), values.argmax(axis=1)
            better = values[winner] > scores[live]
            points[live[better]] = near[winner][better]
            scores[live[better]] = values[winner][better]
            steps[live[~better]] /= _SHRINKAGE
        return points, scores


@dataclass(frozen=True)
class _Moves:
    """What leads from a configuration to its neighbours."""

    encoding: Encoding

    @cached_property
    def numbers(self) -> tuple[Integers, Floats]:
        """The columns (q,) that hold numbers, and the least step of each: 0 where it is continuous."""
        found = [(j, 1 / max(c.n_values - 1, 1)) for j, c in enumerate(self.encoding.columns) if c.kind == "numeric"]
        columns, least = np.array(found, dtype=np.float64).reshape(-1, 2).T
        return columns.astype(np.int64), least

    @cached_property
    def turns(self) -> tuple[Integers, Floats, Floats]:
        """Column, turn and last choice (r,) of each change of a choice: ordinals to the next ones, others to any."""
        found = [
            (j, turn, len(column.choices) - 1)
            for j, column in enumerate(self.encoding.columns)
            if len(column.choices) > 1
            for turn in ((-1, 1) if column.kind == "ordinal" else range(1, len(column.choices)))
        ]
        columns, turns, last = np.array(found, dtype=np.float64).reshape(-1, 3).T
        return columns.astype(np.int64), turns, last

    def turned(self, points: Floats) -> Floats:
        """Return the values (s, r) after each change of a choice in points (s, d); ordinals stay where they end."""
        columns, turns, last = self.turns
        cyclic = np.array([self.encoding.columns[j].kind == "categorical" for j in columns], dtype=bool)
        index = np.rint(points[:, columns] * last) + turns
        return np.where(cyclic, index % (last + 1), np.clip(index, 0, last)) / last

    def neighbours(
        self, points: Floats, steps: Floats, n_directions: int, rng: np.random.Generator
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return points (s, N, d) around points (s, d), steps (s,) away, not yet valid, and which (s, N) differ."""
        numbers, least = self.numbers
        columns = self.turns[0]
        q, r = len(numbers), len(columns)
        near = np.repeat(points[:, None, :], 2 * q + r + n_directions, axis=1)
        lengths = np.maximum(steps[:, None], least)
        axes, turned = np.arange(q), 2 * q + np.arange(r)
        near[:, axes, numbers] += lengths
        near[:, q + axes, numbers] -= lengths
        near[:, turned, columns] = self.turned(points)
        drawn = rng.standard_normal((len(points), n_directions, q)) * lengths[:, None, :]
        near[:, 2 * q + r :, numbers] += drawn
        # What is inactive in both compares as different, but its difference is not a number.
        return near, np.any(np.abs(near - points[:, None, :]) > 0, axis=2)


def _scored(score: Score, space: EncodedSpace, points: Floats, wanted: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return valid rows (s, N, d) for the points wanted; scores (s, N) are -inf for what is not wanted or forbidden."""
    rows = points.copy()
    rows[wanted] = space.nearest(points[wanted])
    scores = np.full(wanted.shape, -np.inf)
    wanted[wanted] = space.allowed(rows[wanted])
    if wanted.any():
        scores[wanted] = score(rows[wanted])
    return rows, scores


def _perturbed(encoding: Encoding, points: Floats, rng: np.random.Generator) -> Floats:
    """Return points (n, d) moved at random, not yet valid: numbers by a normal error, about one choice in d anew."""
    n, d = points.shape
    scale = np.exp(rng.uniform(np.log(_NARROWEST), np.log(_WIDEST), size=(n, 1)))
    moved = points + scale * rng.standard_normal((n, d))
    anew = rng.random((n, d)) < 1 / d
    sizes = np.array([len(column.choices) for column in encoding.columns])
    anywhere = rng.random((n, d))
    # Choice j of m is j / (m - 1); numbers have no choices.
    anywhere = np.where(sizes > 0, np.floor(anywhere * sizes) / np.maximum(sizes - 1, 1), anywhere)
    moved = np.where(sizes > 0, np.where(anew, anywhere, points), moved)
    # What a new choice of its parent makes active starts anywhere.
    return np.where(np.isnan(moved), anywhere, moved)
