"""Work that ends, scoring files with a model and training one, and what begins it again."""

from stanchion.jobs.arguments import BatchDates, BatchInferenceArgs
from stanchion.jobs.batch_inference import BatchInference
from stanchion.jobs.retraining import RetrainingTrigger
from stanchion.jobs.retraining_arguments import RetrainingReason, RetrainingTriggerArgs
from stanchion.jobs.training import TrainingJob
from stanchion.jobs.training_arguments import TrainingData, TrainingJobArgs

__all__ = [
    "BatchDates",
    "BatchInference",
    "BatchInferenceArgs",
    "RetrainingReason",
    "RetrainingTrigger",
    "RetrainingTriggerArgs",
    "TrainingData",
    "TrainingJob",
    "TrainingJobArgs",
]
