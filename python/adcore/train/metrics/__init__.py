"""Metrics: what an evaluation computes of outputs and labels, batch by batch."""

from .classes import (
    F1,
    Accuracy,
    Fbeta,
    Precision,
    Recall,
    Top1CategoricalAccuracy,
    Top5CategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from .confusion import ConfusionMatrix, ConfusionMatrixMetric
from .curves import ROC, auc
from .metric import Metric, rearrange_inputs
from .numbers import MAE, MSE, Loss, Perplexity
from .similarity import BleuScore, CosineSimilarity, Dice

__all__ = [
    "F1",
    "MAE",
    "MSE",
    "ROC",
    "Accuracy",
    "BleuScore",
    "ConfusionMatrix",
    "ConfusionMatrixMetric",
    "CosineSimilarity",
    "Dice",
    "Fbeta",
    "Loss",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
    "Top1CategoricalAccuracy",
    "Top5CategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "auc",
    "get_metric_fn",
    "names",
    "rearrange_inputs",
]

_METRICS = {
    "F1": F1,
    "acc": Accuracy,
    "accuracy": Accuracy,
    "auc": auc,
    "bleu_score": BleuScore,
    "confusion_matrix": ConfusionMatrix,
    "confusion_matrix_metric": ConfusionMatrixMetric,
    "cosine_similarity": CosineSimilarity,
    "dice": Dice,
    "loss": Loss,
    "mae": MAE,
    "mse": MSE,
    "perplexity": Perplexity,
    "precision": Precision,
    "recall": Recall,
    "roc": ROC,
    "top_1_accuracy": Top1CategoricalAccuracy,
    "top_5_accuracy": Top5CategoricalAccuracy,
    "topk": TopKCategoricalAccuracy,
}


def names():
    """Return the names that `get_metric_fn` and `Model` know metrics by.

    Examples
    --------
    >>> from adcore.train import names
    >>> names()[:4]
    ['F1', 'acc', 'accuracy', 'auc']
    """
    return sorted(_METRICS)


def get_metric_fn(name, *args, **kwargs):
    """Make the metric of a name.

    Parameters
    ----------
    name : str
        One of `names`.
    *args, **kwargs
        What its class takes.

    Returns
    -------
    Metric

    Raises
    ------
    KeyError
        If there is no such name.

    Examples
    --------
    >>> from adcore.train import get_metric_fn
    >>> get_metric_fn("topk", k=3).k
    3
    """
    if name not in _METRICS:
        raise KeyError(f"get_metric_fn: there is no metric {name!r}. There are: {', '.join(names())}.")
    return _METRICS[name](*args, **kwargs)


def get_metrics(metrics):
    """Return the metrics that a Model is given as a dict of them by name."""
    if metrics is None:
        return {}
    if isinstance(metrics, dict):
        for name, metric in metrics.items():
            if not isinstance(name, str) or not isinstance(metric, Metric):
                raise TypeError(
                    "Model: a dict of metrics must have names and objects of Metric, "
                    f"got {name!r}: {type(metric).__name__}."
                )
        return dict(metrics)
    if isinstance(metrics, (set, frozenset, list, tuple)):
        # The order of a set differs from run to run.
        listed = sorted(metrics) if isinstance(metrics, (set, frozenset)) else metrics
        return {name: get_metric_fn(name) for name in listed}
    raise TypeError(f"Model: metrics must be a dict, or a set or list of names, got {type(metrics).__name__}.")
