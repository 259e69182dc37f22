"""Work that ends: scoring files, training a model and what begins it again, judging its log."""

from stanchion.jobs.arguments import BatchDates, BatchInferenceArgs
from stanchion.jobs.batch_inference import BatchInference
from stanchion.jobs.drift_monitor import DriftMonitor
from stanchion.jobs.drift_monitor_arguments import (
    DriftMonitorArgs,
    LabelledTask,
    LateLabels,
    QualityMetric,
)
from stanchion.jobs.retraining import RetrainingTrigger
from stanchion.jobs.retraining_arguments import RetrainingReason, RetrainingTriggerArgs
from stanchion.jobs.training import TrainingJob
from stanchion.jobs.training_arguments import TrackingAccess, TrainingData, TrainingJobArgs

__all__ = [
    "BatchDates",
    "BatchInference",
    "BatchInferenceArgs",
    "DriftMonitor",
    "DriftMonitorArgs",
    "LabelledTask",
    "LateLabels",
    "QualityMetric",
    "RetrainingReason",
    "RetrainingTrigger",
    "RetrainingTriggerArgs",
    "TrackingAccess",
    "TrainingData",
    "TrainingJob",
    "TrainingJobArgs",
]
