"""Work that ends: scoring files with a model."""

from stanchion.jobs.arguments import BatchDates, BatchInferenceArgs
from stanchion.jobs.batch_inference import BatchInference

__all__ = ["BatchDates", "BatchInference", "BatchInferenceArgs"]
