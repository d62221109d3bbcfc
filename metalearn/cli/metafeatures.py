"""``metalearn metafeatures``: describe a table by numbers."""

from pathlib import Path
from typing import Annotated

import typer

from metalearn.cli.options import Json, Seed, Target, listed
from metalearn.cli.output import print_json, print_table

EXAMPLE = "Example: metalearn metafeatures data.csv --target class --groups simple,statistical"


def metafeatures(
    file: Annotated[Path, typer.Argument(help="CSV, ARFF or Parquet file.")],
    target: Target = None,
    groups: Annotated[
        str | None, typer.Option("--groups", metavar="G", help="Only these groups, comma-separated.")
    ] = None,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", min=0.0, help="Seconds for all.")] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Compute the meta-features of a table: each a value, the seconds it took, and why where there is none."""
    import time

    import numpy as np

    from metalearn.metafeatures.extract import Extractor
    from metalearn.sources.files import load_dataset

    dataset = load_dataset(file, target)
    extractor = Extractor(listed(groups))
    start = time.perf_counter()
    values, seconds, status = extractor.extract(dataset, budget=timeout, rng=np.random.default_rng(seed))
    rows = list(zip(extractor.names, values.tolist(), seconds.tolist(), status, strict=True))
    if json:
        features = {name: {"value": v, "seconds": s, "status": why} for name, v, s, why in rows}
        n, p = dataset.X.shape
        print_json({"rows": n, "columns": p, "seconds": time.perf_counter() - start, "meta_features": features})
    else:
        print_table(dataset.name, ("meta-feature", "value", "status"), [(n, v, why) for n, v, _, why in rows])
