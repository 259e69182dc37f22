"""Work that ends: scoring and training, what begins it again, judges it, says whose turn it is."""

from stanchion.jobs.arguments import BatchDates, BatchInferenceArgs
from stanchion.jobs.batch_inference import BatchInference
from stanchion.jobs.drift_monitor import DriftMonitor
from stanchion.jobs.drift_monitor_arguments import (
    DriftMonitorArgs,
    LabelledTask,
    LateLabels,
    QualityMetric,
)
from stanchion.jobs.queues import JobQueues
from stanchion.jobs.queues_arguments import (
    JobPriority,
    JobQueuesArgs,
    QueuePreemption,
    QueueShare,
    QueueTenant,
)
from stanchion.jobs.ray_arguments import RayCluster
from stanchion.jobs.retraining import RetrainingTrigger
from stanchion.jobs.retraining_arguments import RetrainingReason, RetrainingTriggerArgs
from stanchion.jobs.training import TrainingJob
from stanchion.jobs.training_arguments import TrainingData, TrainingJobArgs

__all__ = [
    "BatchDates",
    "BatchInference",
    "BatchInferenceArgs",
    "DriftMonitor",
    "DriftMonitorArgs",
    "JobPriority",
    "JobQueues",
    "JobQueuesArgs",
    "LabelledTask",
    "LateLabels",
    "QualityMetric",
    "QueuePreemption",
    "QueueShare",
    "QueueTenant",
    "RayCluster",
    "RetrainingReason",
    "RetrainingTrigger",
    "RetrainingTriggerArgs",
    "TrainingData",
    "TrainingJob",
    "TrainingJobArgs",
]
