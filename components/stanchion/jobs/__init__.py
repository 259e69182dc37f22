"""Work that ends: scoring files with a model, and training one."""

from stanchion.jobs.arguments import BatchDates, BatchInferenceArgs
from stanchion.jobs.batch_inference import BatchInference
from stanchion.jobs.training import TrainingJob
from stanchion.jobs.training_arguments import TrackingAccess, TrainingData, TrainingJobArgs

__all__ = [
    "BatchDates",
    "BatchInference",
    "BatchInferenceArgs",
    "TrackingAccess",
    "TrainingData",
    "TrainingJob",
    "TrainingJobArgs",
]
