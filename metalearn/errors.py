"""Every exception that metalearn raises on purpose.

    MetalearnError
    ├── InputError(ValueError)                 a file, column or option that cannot be used
    ├── ConfigurationError(ValueError)         a configuration that its search space or algorithm refuses
    ├── UnknownNameError(LookupError)          a name that no registry holds; suggests the nearest
    ├── MissingDependencyError(ImportError)    an extra that is not installed; names it
    ├── SourceError                            a server or foreign file that gave no usable answer
    │   └── AbsentError                        what was asked for does not exist on the server, or not for us
    └── KnowledgeBaseError
        ├── KnowledgeBaseLockedError           another process holds the file
        └── SnapshotError                      a snapshot that is incomplete or altered

Each message is one plain sentence: what was wrong, where, and what to do.
"""

import re
from collections.abc import Iterable


class MetalearnError(Exception):
    """Root of the tree: catch this to catch them all."""


class InputError(MetalearnError, ValueError):
    """A file, column or option that cannot be used."""


class ConfigurationError(MetalearnError, ValueError):
    """A configuration that its search space or its algorithm refuses."""


class UnknownNameError(MetalearnError, LookupError):
    """A name that is not among the known ones.

    >>> str(UnknownNameError("recommender", "knnn", ["knn", "random"]))
    "There is no recommender 'knnn'; did you mean 'knn'? Known: knn, random."
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.kind, self.name, self.known, self.where = kind, name, tuple(sorted(known)), where
        hint = did_you_mean(name, self.known)
        listed = f"{'Known' if hint else 'known'}: {', '.join(self.known)}." if self.known else "there is none at all."
        super().__init__(f"There is no {kind} {name!r}{where and ' '}{where}; {hint}{listed}")

    def __reduce__(self) -> tuple[type["UnknownNameError"], tuple[str, str, tuple[str, ...], str]]:
        return UnknownNameError, (self.kind, self.name, self.known, self.where)


class MissingDependencyError(MetalearnError, ImportError):
    """A package that belongs to an extra which is not installed.

    >>> str(MissingDependencyError("torch", "torch"))
    "This needs torch, which is not installed: pip install torch safetensors (the extra 'torch')."
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"This needs {package}, which is not installed: {how_to_install(extra)}.")

    def __reduce__(self) -> tuple[type["MissingDependencyError"], tuple[str, str]]:
        return MissingDependencyError, (self.package, self.extra)


class SourceError(MetalearnError):
    """A server or a foreign file that gave no usable answer."""


class AbsentError(SourceError):
    """What was asked for does not exist on the server, or not for us."""


class KnowledgeBaseError(MetalearnError):
    """A knowledge base that cannot be opened, read or written."""


class KnowledgeBaseLockedError(KnowledgeBaseError):
    """A knowledge base that another process holds open."""


class SnapshotError(KnowledgeBaseError):
    """A snapshot that is incomplete, altered, or of an unknown version."""


def how_to_install(extra: str) -> str:
    """Return the command that installs the libraries of an extra.

    They are named, since the package index has another project of our name.

    >>> how_to_install("cma")
    "pip install cma (the extra 'cma')"
    """
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("metalearn") or []
    except PackageNotFoundError:  # run from a folder that is not installed
        lines = []
    wanted = [line for line in lines if re.search(rf"""extra == ["']{re.escape(extra)}["']""", line)]
    libraries = sorted((found[0] for line in wanted if (found := re.match(r"[\w.-]+", line))), key=lambda n: n != extra)
    return f"pip install {' '.join(libraries or [extra])} (the extra {extra!r})"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'? "`` for the nearest known name, or an empty string.

    >>> did_you_mean("clas", ["class", "age"])
    "did you mean 'class'? "
    """
    from difflib import get_close_matches

    by_lower = {k.lower(): k for k in known}
    nearest = get_close_matches(str(name).lower(), list(by_lower), n=1, cutoff=0.5)  # a name may be given as a number
    return f"did you mean {by_lower[nearest[0]]!r}? " if nearest else ""
