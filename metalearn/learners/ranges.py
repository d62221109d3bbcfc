"""Each algorithm's hyperparameters: over which ranges, and why.

Hyperparameters have the library's names and defaults. A few stand for something that has no single number there:

- ``gamma_kind`` of svc and svr: "scale" (the library's default), or "value" and then ``gamma`` is the number;
- ``adaboost:max_depth`` is that of the trees it boosts;
- a forest's ``max_features`` None is all of them (1.0 there);
- 1e-10 is the library's 0 to every digit that counts, on a logarithmic scale.

Ranges follow, in this order where they agree with the budget of a few seconds a fit:

[A] auto-sklearn 0.15 (Feurer et al., JMLR 2022), pipeline/components/classification and regression;
[P] Probst, Boulesteix and Bischl, Tunability, JMLR 2019, table 1;
[O] OBOE (Yang et al., KDD 2019), the columns of its published error matrix;
[R] van Rijn and Hutter, Hyperparameter Importance Across Datasets, KDD 2018;
[K] Kadra et al., Well-tuned Simple Nets Excel on Tabular Datasets, NeurIPS 2021, table 1.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from metalearn.core.records import TaskType

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def algorithm_spaces(task_type: TaskType) -> "dict[str, ConfigurationSpace]":
    """Return the hyperparameters of each algorithm for the task type, by its name.

    >>> list(algorithm_spaces("regression"))[:3]
    ['adaboost', 'decision_tree', 'elastic_net']
    """
    of_type = {**_BOTH, **(_CLASSIFIERS if task_type == "classification" else _REGRESSORS)}
    return {name: make_space(*of_type[name](task_type)) for name in sorted(of_type)}


def make_space(*hyperparameters: Any) -> "ConfigurationSpace":
    """Return a space of hyperparameters and of the conditions between them."""
    from ConfigSpace import ConfigurationSpace

    space = ConfigurationSpace()
    space.add(*hyperparameters)
    return space


def choice(name: str, choices: Sequence[Any], weights: Sequence[float] | None = None) -> Any:
    """Return a categorical hyperparameter whose first choice is the default."""
    from ConfigSpace import Categorical

    return Categorical(name, list(choices), default=choices[0], weights=weights)


def integer(name: str, low: int, high: int, default: int, *, log: bool = True) -> Any:
    """Return a whole number, by default on a logarithmic scale."""
    from ConfigSpace import Integer

    return Integer(name, (low, high), default=default, log=log)


def real(name: str, low: float, high: float, default: float, *, log: bool = True) -> Any:
    """Return a number, by default on a logarithmic scale."""
    from ConfigSpace import Float

    return Float(name, (low, high), default=default, log=log)


def _class_weight(task_type: TaskType) -> tuple[Any, ...]:
    # Balanced accuracy, what most tasks here are judged on, rewards weights that balance ([A]'s balancing strategy).
    return (choice("class_weight", [None, "balanced"]),) if task_type == "classification" else ()


def _forest(task_type: TaskType, *, bootstrap: bool) -> tuple[Any, ...]:
    # The number of trees is left at 100: more never hurt (Probst and Boulesteix, JMLR 2018), they only cost.
    # [P]'s most tunable: mtry from 0 to p. In a regression an absolute error is too slow a criterion.
    shares = ["sqrt", "log2", 0.5, None] if task_type == "classification" else [None, "sqrt", "log2", 0.5]
    criterion = (choice("criterion", ["gini", "entropy"]),) if task_type == "classification" else ()  # [A] [O]
    return (
        *criterion,
        choice("max_features", shares),
        integer("min_samples_split", 2, 20, 2),  # [A] [R], uniform there, while good ones are small
        integer("min_samples_leaf", 1, 20, 1),  # likewise; [R]: the most important one
        choice("bootstrap", [bootstrap, not bootstrap]),  # [A] [R]
        *_class_weight(task_type),
    )


def _decision_tree(task_type: TaskType) -> tuple[Any, ...]:
    criterion = (choice("criterion", ["gini", "entropy"]),) if task_type == "classification" else ()  # [A]
    return (
        *criterion,
        integer("min_samples_split", 2, 60, 2),  # [P] minsplit 1 to 60
        integer("min_samples_leaf", 1, 60, 1),  # [P] minbucket 1 to 60
        *_class_weight(task_type),
    )


def _adaboost(task_type: TaskType) -> tuple[Any, ...]:
    loss = (choice("loss", ["linear", "square", "exponential"]),) if task_type == "regression" else ()  # [A]
    return (
        integer("n_estimators", 50, 200, 50),  # [A] [R] to 500
        real("learning_rate", 0.01, 2, 1.0),  # [A] [R]
        integer(
            "max_depth", 1, 10, 1 if task_type == "classification" else 3, log=False
        ),  # [A] [R]: the most important
        *loss,
    )


def _hist_gradient_boosting(task_type: TaskType) -> tuple[Any, ...]:
    return (
        integer("max_iter", 50, 200, 100),
        real("learning_rate", 0.01, 1, 0.1),  # [A]
        integer("max_leaf_nodes", 3, 255, 31),  # [A] to 2047
        integer("min_samples_leaf", 1, 200, 20),  # [A]
        real("l2_regularization", 1e-10, 1, 1e-10),  # [A]
        *_class_weight(task_type),
    )


def _lightgbm(task_type: TaskType) -> tuple[Any, ...]:
    return (
        integer("n_estimators", 50, 200, 100),  # [P] xgboost: 1 to 5000
        real("learning_rate", 0.01, 0.5, 0.1),  # [P] xgboost: 2^-10 to 1
        integer("num_leaves", 4, 255, 31),
        integer("min_child_samples", 1, 100, 20),
        real("colsample_bytree", 0.3, 1, 1.0, log=False),  # [P] xgboost: 0 to 1
        real("reg_lambda", 1e-10, 10, 1e-10),  # [P] xgboost: 2^-10 to 2^10
        *_class_weight(task_type),
    )


def _k_nearest_neighbors(_: TaskType) -> tuple[Any, ...]:
    return (
        integer("n_neighbors", 1, 50, 5),  # [A] to 100, more rows than a fold of a small dataset has
        choice("weights", ["uniform", "distance"]),  # [A]
        choice("p", [2, 1]),  # [A] [O]
    )


def _torch_mlp(_: TaskType) -> tuple[Any, ...]:
    return (
        integer("hidden_layers", 1, 4, 2, log=False),  # [A] 1 to 3, [K] 9
        integer("hidden_width", 16, 256, 128),  # [A] 16 to 264, [K] 512
        real("dropout", 0, 0.5, 0, log=False),  # [K] to 0.8
        real("learning_rate", 1e-4, 1e-1, 1e-3),  # [A] to 0.5
        real("weight_decay", 1e-5, 1e-1, 1e-2),  # [K]
        integer("batch_size", 32, 256, 128),  # [K] 128
    )


def _ridge(task_type: TaskType) -> tuple[Any, ...]:
    return real("alpha", 2**-10, 2**10, 1.0), *_class_weight(task_type)  # [P] glmnet


def _elastic_net(task_type: TaskType) -> tuple[Any, ...]:
    if task_type == "classification":
        shape = real("alpha", 1e-7, 1e-1, 1e-4), real("l1_ratio", 0, 1, 0.15, log=False)  # [A] sgd
        return (*shape, *_class_weight(task_type))
    return real("alpha", 1e-4, 1, 1.0), real("l1_ratio", 0.01, 1, 0.5, log=False)  # of a target of variance 1


def _linear(task_type: TaskType) -> tuple[Any, ...]:
    # [P] glmnet and svm regularise from 2^-10 to 2^10; [A] goes further, where solvers no longer converge.
    return real("C", 2**-10, 2**10, 1.0), *_class_weight(task_type)


def _linear_svr(_: TaskType) -> tuple[Any, ...]:
    return real("C", 2**-10, 2**10, 1.0), real("epsilon", 1e-3, 1, 1e-3)  # [A]; 1e-3 is the library's 0


def _kernel(task_type: TaskType) -> tuple[Any, ...]:
    from ConfigSpace import EqualsCondition

    kind, gamma = (
        choice("gamma_kind", ["scale", "value"]),
        real("gamma", 2**-15, 2**3, 2**-3),
    )  # [A] [R]: most important
    epsilon = (real("epsilon", 1e-3, 1, 0.1),) if task_type == "regression" else ()  # [A]
    return (
        real("C", 2**-5, 2**15 if task_type == "classification" else 2**10, 1.0),  # [A] [R], after Hsu, Chang and Lin
        kind,
        gamma,
        *epsilon,
        *_class_weight(task_type),
        EqualsCondition(gamma, kind, "value"),
    )


def _gaussian_nb(_: TaskType) -> tuple[Any, ...]:
    return (real("var_smoothing", 1e-10, 1, 1e-9),)  # relative to the largest variance


def _lda(_: TaskType) -> tuple[Any, ...]:
    return (choice("shrinkage", [None, "auto", 0.1, 0.3, 0.6, 0.9]),)  # [A]: none, auto, 0 to 1


def _qda(_: TaskType) -> tuple[Any, ...]:
    return (real("reg_param", 0, 1, 0, log=False),)  # [A]


_Hyperparameters = Callable[[TaskType], tuple[Any, ...]]
_BOTH: Mapping[str, _Hyperparameters] = {
    "adaboost": _adaboost,
    "decision_tree": _decision_tree,
    "elastic_net": _elastic_net,
    "extra_trees": lambda task_type: _forest(task_type, bootstrap=False),
    "hist_gradient_boosting": _hist_gradient_boosting,
    "k_nearest_neighbors": _k_nearest_neighbors,
    "lightgbm": _lightgbm,
    "random_forest": lambda task_type: _forest(task_type, bootstrap=True),
    "ridge": _ridge,
    "torch_mlp": _torch_mlp,
}
_CLASSIFIERS: Mapping[str, _Hyperparameters] = {
    "gaussian_nb": _gaussian_nb,
    "lda": _lda,
    "linear_svc": _linear,
    "logistic_regression": _linear,
    "qda": _qda,
    "svc": _kernel,
}
_REGRESSORS: Mapping[str, _Hyperparameters] = {"linear_svr": _linear_svr, "svr": _kernel}
