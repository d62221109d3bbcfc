"""The search space ``metalearn-classification-1``: which hyperparameters, over which ranges, and why.

``python -m metalearn.learners.definition`` writes it to ``metadata/search_spaces/``, which is what everyone reads: a
published space never changes, so a change here takes a new name.

Hyperparameters have the library's names and defaults. Four of them stand for something that has no single number there:

- ``mlp:hidden_layers`` and ``hidden_width`` make ``hidden_layer_sizes`` (equally wide layers);
- ``svc:gamma_kind`` is "scale" (the library's default), or "value" and then ``gamma`` is the number;
- ``adaboost:max_depth`` is that of the trees it boosts.

Ranges follow, in this order where they agree with the budget of a few seconds a fit:

[A] auto-sklearn 0.15 (Feurer et al., JMLR 2022), pipeline/components/classification;
[P] Probst, Boulesteix and Bischl, Tunability, JMLR 2019, table 1;
[O] OBOE (Yang et al., KDD 2019), the columns of its published error matrix;
[R] van Rijn and Hutter, Hyperparameter Importance Across Datasets, KDD 2018.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metalearn.core.resources import metadata_path
from metalearn.core.spaces import ALGORITHM, SearchSpace

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

SPACE_NAME = "metalearn-classification-1"
_DEFAULT_ALGORITHM = "random_forest"


def define_space() -> SearchSpace:
    """Return the space, a CASH space over 14 algorithms.

    >>> define_space().default("k_nearest_neighbors").hyperparameters["n_neighbors"]
    5
    """
    from ConfigSpace import Categorical, ConfigurationSpace

    parts = {**_trees(), **_boosters(), **_linear_models(), **_other_models()}
    space = ConfigurationSpace()
    space.add(Categorical(ALGORITHM, sorted(parts), default=_DEFAULT_ALGORITHM))
    for algorithm in sorted(parts):
        condition = {"parent": space[ALGORITHM], "value": algorithm}
        space.add_configuration_space(algorithm, parts[algorithm], delimiter=":", parent_hyperparameter=condition)
    return SearchSpace(SPACE_NAME, space)


def _trees() -> "dict[str, ConfigurationSpace]":
    # The number of trees is left at 100: more never hurt (Probst and Boulesteix, JMLR 2018), they only cost.
    def forest(*, bootstrap: bool) -> "ConfigurationSpace":
        return _space(
            _choice("criterion", ["gini", "entropy"]),  # [A] [O]
            _choice("max_features", ["sqrt", "log2", 0.5, None]),  # [P]'s most tunable: mtry from 0 to p
            _integer("min_samples_split", 2, 20, 2, log=True),  # [A] [R], uniform there, while good ones are small
            _integer("min_samples_leaf", 1, 20, 1, log=True),  # likewise; [R]: the most important one
            _choice("bootstrap", [bootstrap, not bootstrap]),  # [A] [R]
            _class_weight(),
        )

    tree = _space(
        _choice("criterion", ["gini", "entropy"]),  # [A]
        _integer("min_samples_split", 2, 60, 2, log=True),  # [P] minsplit 1 to 60
        _integer("min_samples_leaf", 1, 60, 1, log=True),  # [P] minbucket 1 to 60
        _class_weight(),
    )
    return {"decision_tree": tree, "extra_trees": forest(bootstrap=False), "random_forest": forest(bootstrap=True)}


def _boosters() -> "dict[str, ConfigurationSpace]":
    adaboost = _space(
        _integer("n_estimators", 50, 300, 50, log=True),  # [A] [R] to 500
        _float("learning_rate", 0.01, 2, 1.0, log=True),  # [A] [R]
        _integer("max_depth", 1, 10, 1),  # [A] [R]: the most important one
    )
    gradient_boosting = _space(
        _integer("n_estimators", 50, 200, 100, log=True),  # [A] to 500
        _float("learning_rate", 0.01, 0.5, 0.1, log=True),  # [O] 0.001 to 0.5
        _integer("max_depth", 1, 6, 3),  # [O] 3 and 6
        _float("subsample", 0.3, 1, 1.0),  # [P] 0.1 to 1
        _choice("max_features", [None, "sqrt", "log2"]),  # [O]
    )
    # 1e-10 is the library's 0 to every digit that counts, on a logarithmic scale.
    hist_gradient_boosting = _space(
        _integer("max_iter", 50, 300, 100, log=True),
        _float("learning_rate", 0.01, 1, 0.1, log=True),  # [A]
        _integer("max_leaf_nodes", 3, 255, 31, log=True),  # [A] to 2047
        _integer("min_samples_leaf", 1, 200, 20, log=True),  # [A]
        _float("l2_regularization", 1e-10, 1, 1e-10, log=True),  # [A]
        _class_weight(),
    )
    lightgbm = _space(
        _integer("n_estimators", 50, 300, 100, log=True),  # [P] xgboost: 1 to 5000
        _float("learning_rate", 0.01, 0.5, 0.1, log=True),  # [P] xgboost: 2^-10 to 1
        _integer("num_leaves", 4, 255, 31, log=True),
        _integer("min_child_samples", 1, 100, 20, log=True),
        _float("colsample_bytree", 0.3, 1, 1.0),  # [P] xgboost: 0 to 1
        _float("reg_lambda", 1e-10, 10, 1e-10, log=True),  # [P] xgboost: 2^-10 to 2^10
        _class_weight(),
    )
    return {
        "adaboost": adaboost,
        "gradient_boosting": gradient_boosting,
        "hist_gradient_boosting": hist_gradient_boosting,
        "lightgbm": lightgbm,
    }


def _linear_models() -> "dict[str, ConfigurationSpace]":
    # [P] glmnet and svm regularise from 2^-10 to 2^10; [A] goes further, where solvers no longer converge.
    return {
        "linear_svc": _space(_float("C", 2**-10, 2**10, 1.0, log=True), _class_weight()),
        "logistic_regression": _space(_float("C", 2**-10, 2**10, 1.0, log=True), _class_weight()),
        "perceptron": _space(
            _choice("penalty", [None, "l2", "l1", "elasticnet"]),  # [A] sgd
            _float("alpha", 1e-7, 1e-1, 1e-4, log=True),  # [A] sgd
            _class_weight(),
        ),
    }


def _other_models() -> "dict[str, ConfigurationSpace]":
    mlp = _space(
        _integer("hidden_layers", 1, 3, 1),  # [A]
        _integer("hidden_width", 16, 264, 100, log=True),  # [A]
        _choice("activation", ["relu", "tanh"]),  # [A]
        _float("alpha", 1e-7, 1e-1, 1e-4, log=True),  # [A]
        _float("learning_rate_init", 1e-4, 0.5, 1e-3, log=True),  # [A]
    )
    neighbors = _space(
        _integer("n_neighbors", 1, 50, 5, log=True),  # [A] to 100, more rows than a fold of a small dataset has
        _choice("weights", ["uniform", "distance"]),  # [A]
        _choice("p", [2, 1]),  # [A] [O]
    )
    return {
        "gaussian_nb": _space(_float("var_smoothing", 1e-10, 1, 1e-9, log=True)),  # relative to the largest variance
        "k_nearest_neighbors": neighbors,
        "mlp": mlp,
        "svc": _svc(),
    }


def _svc() -> "ConfigurationSpace":
    from ConfigSpace import EqualsCondition

    space = _space(
        _float("C", 2**-5, 2**15, 1.0, log=True),  # [A] [R], after Hsu, Chang and Lin's guide (2003)
        _choice("gamma_kind", ["scale", "value"]),
        _float("gamma", 2**-15, 2**3, 2**-3, log=True),  # [A] [R]: the most important one
        _class_weight(),
    )
    space.add(EqualsCondition(space["gamma"], space["gamma_kind"], "value"))
    return space


def _space(*hyperparameters: Any) -> "ConfigurationSpace":
    from ConfigSpace import ConfigurationSpace

    space = ConfigurationSpace()
    space.add(*hyperparameters)
    return space


def _choice(name: str, choices: Sequence[Any]) -> Any:
    """A categorical hyperparameter whose first choice is the default."""
    from ConfigSpace import Categorical

    return Categorical(name, list(choices), default=choices[0])


def _class_weight() -> Any:
    # Balanced accuracy, what most tasks here are judged on, rewards weights that balance ([A]'s balancing strategy).
    return _choice("class_weight", [None, "balanced"])


def _integer(name: str, low: int, high: int, default: int, *, log: bool = False) -> Any:
    from ConfigSpace import Integer

    return Integer(name, (low, high), default=default, log=log)


def _float(name: str, low: float, high: float, default: float, *, log: bool = False) -> Any:
    from ConfigSpace import Float

    return Float(name, (low, high), default=default, log=log)


if __name__ == "__main__":
    (metadata_path("search_spaces") / f"{SPACE_NAME}.json").write_text(define_space().to_json(), encoding="utf-8")
