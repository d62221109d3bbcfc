"""Write the dictionary of meta-features: what each one means, in the order of extraction.

python -m pipelines.meta_feature_dictionary [--out metadata/meta_features.csv]
"""

import argparse
import csv
from pathlib import Path

from metalearn.metafeatures.extract import dictionary


def main() -> None:
    """Write the dictionary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("metadata/meta_features.csv"))
    entries = dictionary()
    with parser.parse_args().out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(entries[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(entries)


if __name__ == "__main__":
    main()
