"""What is known of each algorithm: its estimators, its resource, its limits, and what it needs of its input."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

from metalearn.core.records import TaskType
from metalearn.errors import ConfigurationError, did_you_mean
from metalearn.learners.expressions import Name

Resource = Literal["rows", "trees", "epochs"]


@dataclass(frozen=True)
class Model:
    """An estimator class, and those of its arguments that are no hyperparameters but always the same."""

    path: Name
    fixed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Learner:
    """An algorithm, for one or both task types.

    ``resource`` is what a fidelity is a fraction of: training rows, or the trees or epochs that the argument
    ``resource_argument`` sets (``full_resource`` where a configuration does not say). Beyond ``max_rows`` training rows
    or ``max_classes`` it is not worth starting. ``extra`` is the extra of metalearn that brings its library.
    """

    classifier: Model | None = None
    regressor: Model | None = None
    resource: Resource = "rows"
    resource_argument: str = ""
    full_resource: int = 0
    max_rows: int | None = None
    max_classes: int | None = None
    has_probabilities: bool = True
    # Trees cut between values, whatever their scale; what follows distances, margins or gradients does not.
    scaled: bool = True
    takes_gaps: bool = False
    # Whether C, alpha and epsilon are meant for a target of variance 1.
    scales_target: bool = False
    module: str = ""
    extra: str = ""

    def model(self, task_type: TaskType) -> Model | None:
        """Return the estimator for a task type, None where there is none."""
        return self.classifier if task_type == "classification" else self.regressor


def _sklearn(module: str, name: str, **fixed: Any) -> Model:
    return Model(Name(f"sklearn.{module}", name), fixed)


def _trees(
    classifier: Model, regressor: Model, trees: int = 100, *, resource_argument: str = "n_estimators", **more: Any
) -> Learner:
    """An ensemble of that many trees, if a configuration does not say."""
    resource: dict[str, Any] = {"resource": "trees", "resource_argument": resource_argument, "full_resource": trees}
    return Learner(classifier, regressor, scaled=False, **resource, **more)


# libsvm's time grows with the square to the cube of the rows; its authors advise against it beyond tens of thousands.
_KERNEL_ROWS = 20_000
# Boosting grows a tree a class in every round.
_BOOSTED_CLASSES = 100
# Its stratified split fails where a class has one member, and would set in beyond 10,000 rows only.
_NO_EARLY_STOPPING = {"early_stopping": False}
_QUIET = {"n_jobs": 1, "verbosity": -1}

LEARNERS: Mapping[str, Learner] = {
    "adaboost": _trees(_sklearn("ensemble", "AdaBoostClassifier"), _sklearn("ensemble", "AdaBoostRegressor"), 50),
    "decision_tree": Learner(
        _sklearn("tree", "DecisionTreeClassifier"), _sklearn("tree", "DecisionTreeRegressor"), scaled=False
    ),
    "elastic_net": Learner(
        _sklearn("linear_model", "SGDClassifier", loss="log_loss", penalty="elasticnet"),
        _sklearn("linear_model", "ElasticNet"),
        scales_target=True,
    ),
    "extra_trees": _trees(_sklearn("ensemble", "ExtraTreesClassifier"), _sklearn("ensemble", "ExtraTreesRegressor")),
    "gaussian_nb": Learner(_sklearn("naive_bayes", "GaussianNB")),
    "gradient_boosting": _trees(
        _sklearn("ensemble", "GradientBoostingClassifier"),
        _sklearn("ensemble", "GradientBoostingRegressor"),
        max_rows=100_000,
        max_classes=_BOOSTED_CLASSES,
    ),
    "hist_gradient_boosting": _trees(
        _sklearn("ensemble", "HistGradientBoostingClassifier", **_NO_EARLY_STOPPING),
        _sklearn("ensemble", "HistGradientBoostingRegressor", **_NO_EARLY_STOPPING),
        resource_argument="max_iter",
        max_classes=_BOOSTED_CLASSES,
        takes_gaps=True,
    ),
    "k_nearest_neighbors": Learner(
        _sklearn("neighbors", "KNeighborsClassifier"), _sklearn("neighbors", "KNeighborsRegressor")
    ),
    "lda": Learner(_sklearn("discriminant_analysis", "LinearDiscriminantAnalysis")),
    "lightgbm": _trees(
        Model(Name("lightgbm", "LGBMClassifier"), _QUIET),
        Model(Name("lightgbm", "LGBMRegressor"), _QUIET),
        max_classes=_BOOSTED_CLASSES,
        takes_gaps=True,
    ),
    # The smaller of the two problems; the solution is the same.
    "linear_svc": Learner(_sklearn("svm", "LinearSVC", dual="auto"), has_probabilities=False),
    "linear_svr": Learner(regressor=_sklearn("svm", "LinearSVR", dual="auto"), scales_target=True),
    # The library's 100 iterations end before convergence on many one-hot encoded tables.
    "logistic_regression": Learner(_sklearn("linear_model", "LogisticRegression", max_iter=1000)),
    "mlp": Learner(
        _sklearn("neural_network", "MLPClassifier"),
        _sklearn("neural_network", "MLPRegressor"),
        resource="epochs",
        resource_argument="max_iter",
        full_resource=200,
        scales_target=True,
    ),
    "perceptron": Learner(_sklearn("linear_model", "Perceptron"), has_probabilities=False),
    "qda": Learner(_sklearn("discriminant_analysis", "QuadraticDiscriminantAnalysis")),
    "random_forest": _trees(
        _sklearn("ensemble", "RandomForestClassifier"), _sklearn("ensemble", "RandomForestRegressor")
    ),
    "ridge": Learner(
        _sklearn("linear_model", "RidgeClassifier"), _sklearn("linear_model", "Ridge"), has_probabilities=False
    ),
    "svc": Learner(_sklearn("svm", "SVC"), max_rows=_KERNEL_ROWS, has_probabilities=False),
    "svr": Learner(regressor=_sklearn("svm", "SVR"), max_rows=_KERNEL_ROWS, scales_target=True),
    "torch_mlp": Learner(
        Model(Name("metalearn.learners.torch_mlp", "TorchMLPClassifier")),
        Model(Name("metalearn.learners.torch_mlp", "TorchMLPRegressor")),
        resource="epochs",
        resource_argument="max_epochs",
        full_resource=100,
        module="torch",
        extra="torch",
    ),
}


def find_learner(algorithm: str) -> Learner:
    """Return what is known of an algorithm.

    Raises:
        ConfigurationError: when there is no learner for it.

    >>> find_learner("random_forest").resource
    'trees'
    """
    try:
        return LEARNERS[algorithm]
    except KeyError:
        raise ConfigurationError(
            f"There is no learner for the algorithm {algorithm!r}; {did_you_mean(algorithm, LEARNERS)}"
            f"Known: {', '.join(LEARNERS)}."
        ) from None


def exceeded_limit(algorithm: str, n_rows: float, n_classes: float | None) -> str | None:
    """Return which limit of an algorithm a dataset passes, in words; None where it is within all of them.

    >>> exceeded_limit("svc", 50_000, 2)
    'svc is limited to 20000 rows; there are 50000'
    """
    learner = find_learner(algorithm)
    for limit, n, what in ((learner.max_rows, n_rows, "rows"), (learner.max_classes, n_classes, "classes")):
        if limit is not None and n is not None and n > limit:
            return f"{algorithm} is limited to {limit} {what}; there are {n:g}"
    return None


def missing_extra(algorithm: str) -> str | None:
    """Return the extra of metalearn that has to be installed before an algorithm can be fitted; None where nothing has.

    >>> missing_extra("random_forest")
    """
    learner = LEARNERS.get(algorithm)
    missing = learner is not None and learner.module and find_spec(learner.module) is None
    return learner.extra if learner and missing else None
