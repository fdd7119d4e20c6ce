"""Training: Model, callbacks, metrics, and a summary of a network."""

from .build import build_train_network
from .callback import Callback, RunContext
from .checkpoint import CheckpointConfig, ModelCheckpoint
from .control import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau
from .logs import CSVLogger, LearningCurves, ProgressBar, TensorBoard
from .loss_scale import DynamicLossScaleManager, FixedLossScaleManager, LossScaleManager
from .metrics import (
    F1,
    MAE,
    MSE,
    ROC,
    Accuracy,
    BleuScore,
    ConfusionMatrix,
    ConfusionMatrixMetric,
    CosineSimilarity,
    Dice,
    Fbeta,
    Loss,
    Metric,
    Perplexity,
    Precision,
    Recall,
    Top1CategoricalAccuracy,
    Top5CategoricalAccuracy,
    TopKCategoricalAccuracy,
    auc,
    get_metric_fn,
    names,
    rearrange_inputs,
)
from .model import Model
from .monitors import History, LambdaCallback, LossMonitor, TimeMonitor
from .network_summary import NetworkSummary, summary
from .precision import (
    auto_mixed_precision,
    custom_mixed_precision,
    get_black_list,
    get_white_list,
)

__all__ = [
    "F1",
    "MAE",
    "MSE",
    "ROC",
    "Accuracy",
    "BleuScore",
    "CSVLogger",
    "Callback",
    "CheckpointConfig",
    "ConfusionMatrix",
    "ConfusionMatrixMetric",
    "CosineSimilarity",
    "Dice",
    "DynamicLossScaleManager",
    "EarlyStopping",
    "Fbeta",
    "FixedLossScaleManager",
    "History",
    "LambdaCallback",
    "LearningCurves",
    "LearningRateScheduler",
    "Loss",
    "LossMonitor",
    "LossScaleManager",
    "Metric",
    "Model",
    "ModelCheckpoint",
    "NetworkSummary",
    "Perplexity",
    "Precision",
    "ProgressBar",
    "Recall",
    "ReduceLROnPlateau",
    "RunContext",
    "TensorBoard",
    "TimeMonitor",
    "Top1CategoricalAccuracy",
    "Top5CategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "auc",
    "auto_mixed_precision",
    "build_train_network",
    "custom_mixed_precision",
    "get_black_list",
    "get_metric_fn",
    "get_white_list",
    "names",
    "rearrange_inputs",
    "summary",
]
