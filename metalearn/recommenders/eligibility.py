"""Why nothing is left to recommend: which of the limits leaves nothing of what the others leave."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from metalearn.core.records import Configuration, Constraints


@dataclass(frozen=True)
class Limits:
    """What may not be recommended, and why: constraints as they were asked for, and what else is left out.

    ``unusable`` says why algorithms cannot be fitted, ``heavy`` has the predicted GB of configurations that need too
    much memory, by id, and ``tried`` the ids of those that were tried already. ``seconds`` are predicted ones, by id.
    """

    constraints: Constraints
    unusable: Mapping[str, str]
    heavy: Mapping[str, float]
    tried: Collection[str]
    seconds: Mapping[str, float]

    def blame(self, known: Sequence[Configuration]) -> str:
        """Return why none of the known configurations is left, in words that name the option to change.

        >>> svc = Configuration("s", "svc")
        >>> Limits(Constraints(exclude=("svc",)), {}, {}, (), {}).blame([svc])
        '--exclude svc leaves none of the 1 known configurations'
        >>> Limits(Constraints(seconds=0.5), {}, {}, (), {svc.id: 2.0}).blame([svc])
        '--seconds-each leaves nothing: the quickest is predicted to take 2 seconds a fit'
        """
        left = list(known)
        for keeps, why in self._steps():
            kept = [configuration for configuration in left if keeps(configuration)]
            if not kept:
                return why(left)
            left = kept
        return self._too_slow(left)

    def _steps(self) -> list[tuple[Callable[[Configuration], bool], Callable[[list[Configuration]], str]]]:
        asked = self.constraints
        only = Constraints(algorithms=asked.algorithms)
        without, within = Constraints(exclude=asked.exclude), Constraints(space=asked.space)
        space = getattr(asked.space, "name", asked.space)
        return [
            (only.allows, lambda left: f"--algorithms {_listed(asked.algorithms)}: none is known here; {_known(left)}"),
            (without.allows, lambda left: f"--exclude {_listed(asked.exclude)} leaves none of {_counted(left)}"),
            (within.allows, lambda left: f"--space {space}: none of {_counted(left)} is valid in it"),
            (lambda c: c.algorithm not in self.unusable, self._not_usable),
            (lambda c: c.id not in self.heavy, self._too_heavy),
            (lambda c: c.id not in self.tried, lambda left: f"--history has all of {_counted(left)} that are allowed"),
        ]

    def _not_usable(self, left: list[Configuration]) -> str:
        algorithms = sorted({c.algorithm for c in left})
        return "; ".join(f"{algorithm} is left out: {self.unusable[algorithm]}" for algorithm in algorithms)

    def _too_heavy(self, left: list[Configuration]) -> str:
        least = min(self.heavy[c.id] for c in left)
        return f"--memory is less than the {least:.3g} GB that the smallest is predicted to need"

    def _too_slow(self, left: list[Configuration]) -> str:
        asked = self.constraints
        each = asked.seconds is not None and asked.seconds <= asked.most_seconds
        option = "--seconds-each" if each else "--seconds-total"
        seconds = [self.seconds[c.id] for c in left if c.id in self.seconds]
        if not seconds or min(seconds) <= asked.most_seconds:
            return f"none of {_counted(left)} is allowed"
        return f"{option} leaves nothing: the quickest is predicted to take {min(seconds):.3g} seconds a fit"


def _listed(names: Sequence[str] | None) -> str:
    return ",".join(names or ())


def _counted(left: Sequence[Configuration]) -> str:
    return f"the {len(left)} known configurations"


def _known(left: Sequence[Configuration]) -> str:
    return f"known are {', '.join(sorted({c.algorithm for c in left}))}" if left else "nothing is"
