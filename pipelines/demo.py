"""The first minute: recommend configurations for a dataset that the bundled knowledge base has not seen, and try one.

Run by ``make demo``; offline.
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

TARGET = "cultivar"


def main() -> None:
    """Write scikit-learn's wine data to a CSV, recommend for it, and compare the first configuration with a forest."""
    from sklearn.datasets import load_wine

    wine = load_wine(as_frame=True)
    table = wine.data.assign(**{TARGET: wine.target_names[wine.target]})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wine.csv"
        table.to_csv(path, index=False)
        command = [str(Path(sys.executable).with_name("metalearn")), "recommend", str(path), "--target", TARGET]
        print("$ metalearn recommend wine.csv --target", TARGET, "--explain", flush=True)
        subprocess.run([*command, "--explain"], check=True)  # noqa: S603  (our own command)
        compare(path)


def compare(path: Path) -> None:
    """Cross-validate the first recommendation and scikit-learn's default random forest."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import cross_val_score

    import metalearn

    dataset = metalearn.load_dataset(path, TARGET)
    first = metalearn.recommend(dataset, k=1)[0]
    estimators = {
        f"recommended first: {first.configuration}": metalearn.make_estimator(first, n_classes=dataset.n_classes),
        "scikit-learn's default random forest": RandomForestClassifier(random_state=0),
    }
    print("5-fold cross-validated balanced accuracy:")
    for name, estimator in estimators.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = cross_val_score(estimator, dataset.X, dataset.y, cv=5, scoring="balanced_accuracy")
        print(f"  {scores.mean():.3f} +- {scores.std():.3f}  {name}")


if __name__ == "__main__":
    main()
