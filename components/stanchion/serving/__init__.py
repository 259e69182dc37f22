"""Models that answer requests."""

from stanchion.serving.arguments import (
    ModelAutoscaling,
    ModelPin,
    ModelRegistryAccess,
    ModelServiceArgs,
)
from stanchion.serving.model_service import ModelService

__all__ = [
    "ModelAutoscaling",
    "ModelPin",
    "ModelRegistryAccess",
    "ModelService",
    "ModelServiceArgs",
]
