"""The bench's cache: the answers of a job as a Parquet file, named by a hash of all that they depend on."""

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from inspect import getsourcefile
from pathlib import Path

import numpy as np

from metalearn.core.meta_dataset import ROW_COLUMNS, MetaDataset
from metalearn.evaluation.answers import Integers, Job

# What computes for the recommenders: other versions may break ties otherwise.
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "lightgbm", "torch")
# What no answer depends on.
_UNINVOLVED = frozenset({"cli", "web", "sources", "exports"})


@dataclass(frozen=True)
class AnswerCache:
    """Answers kept in a folder, for what was learned from (and tested on) under these content hashes.

    A file's name is the hash of the contents of the meta-datasets, the recommender with its options, protocol, folds,
    k and seeds, the code of metalearn (and of the module of a recommender from elsewhere), and the versions of the
    libraries. So a file is never out of date, only unused; any of them may be deleted at any time.
    """

    folder: Path
    learned_from: str
    tested_on: str | None

    @classmethod
    def of(cls, folder: Path, meta_dataset: MetaDataset, test: MetaDataset | None = None) -> "AnswerCache":
        """Open the cache for jobs on these meta-datasets; the folder is made when something is written."""
        return cls(folder / "answers", content_hash(meta_dataset), None if test is None else content_hash(test))

    def read(self, job: Job) -> Integers | None:
        """Return the answers (S, t, K) of a job that was done before, or None; an unreadable file counts as none."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self._path(job))
        except (OSError, pa.ArrowInvalid):
            return None
        chosen = np.full(_shape(job), -1)
        seed, task, place = (table[name].to_numpy() for name in ("seed", "task", "place"))
        chosen[seed, task, place] = [job.target.position[id_] for id_ in table["configuration_id"].to_pylist()]
        return chosen

    def write(self, job: Job, chosen: Integers) -> None:
        """Keep the answers of a job, whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        seed, task, place = np.nonzero(chosen >= 0)
        ids = [job.target.configurations[c].id for c in chosen[seed, task, place]]
        task_ids = [job.target.tasks[t].id for t in job.test_tasks[task]]
        columns = {"task_id": task_ids, "task": task, "seed": seed, "place": place}
        table = pa.table({**columns, "configuration_id": pa.array(ids, pa.string())})
        table = table.replace_schema_metadata({"answers": json.dumps(self._described(job))})
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as part:
            pq.write_table(table, Path(part) / "answers")
            (Path(part) / "answers").replace(self._path(job))

    def _path(self, job: Job) -> Path:
        text = json.dumps(self._described(job), sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.parquet"

    def _described(self, job: Job) -> dict[str, object]:
        """Return all that the answers depend on."""
        kinds = [type(r) for r in (job.recommender, *getattr(job.recommender, "candidates", ()))]
        return {
            "recommender": [f"{kind.__module__}:{kind.__qualname__}" for kind in kinds],
            "options": repr(job.recommender),
            "code": [code_hash(), *(_foreign_code(kind) for kind in kinds)],
            "libraries": _versions(),
            "learned_from": self.learned_from,
            "tested_on": self.tested_on,
            "protocol": job.protocol,
            "k": job.k,
            "seeds": [job.seed, job.n_seeds],
            "folds": [[f.number, f.test_tasks, np.flatnonzero(~f.learned).tolist()] for f in job.folds],
        }


def content_hash(meta_dataset: MetaDataset) -> str:
    """Return the SHA-256 of everything that a MetaDataset holds: evaluations, tasks with families, configurations.

    >>> from metalearn.core.records import Configuration
    >>> past = MetaDataset.from_matrix([[0.1]], ["openml-1"], [Configuration("s", "svc")])
    >>> other = MetaDataset.from_matrix([[0.2]], ["openml-1"], [Configuration("s", "svc")])
    >>> content_hash(past) == content_hash(other)
    False
    """
    digest = hashlib.sha256()
    for values in (*(getattr(meta_dataset, name) for name in ROW_COLUMNS), meta_dataset.meta_features):
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    tasks = [
        [t.id, t.dataset_id, t.type, t.procedure, t.family, sorted(t.meta_features.items())] for t in meta_dataset.tasks
    ]
    about = [asdict(meta_dataset.metric), meta_dataset.split, meta_dataset.extractor, meta_dataset.feature_names]
    digest.update(json.dumps([tasks, [c.id for c in meta_dataset.configurations], about]).encode())
    return digest.hexdigest()


@cache
def code_hash() -> str:
    """Return the SHA-256 of metalearn's modules for recommending, so that no answer outlives the code that gave it."""
    digest, package = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if name.parts[0] not in _UNINVOLVED:
            digest.update(name.as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _foreign_code(kind: type) -> str:
    """Return the SHA-256 of the module of a recommender that is not metalearn's, as far as it has a file."""
    if kind.__module__.partition(".")[0] == "metalearn":
        return ""
    try:
        path = getsourcefile(kind)
    except TypeError:  # defined in a session, not in a file
        path = None
    return "" if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def _shape(job: Job) -> tuple[int, int, int]:
    return job.n_seeds, len(job.test_tasks), min(job.k, len(job.target.configurations))
