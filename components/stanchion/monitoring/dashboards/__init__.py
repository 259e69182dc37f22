"""Every dashboard of the platform, as data that Grafana, a page or a test can read."""

from stanchion.monitoring.dashboards.batch_training import BATCH_TRAINING
from stanchion.monitoring.dashboards.cost import COST
from stanchion.monitoring.dashboards.drift import DRIFT_OF_MODELS
from stanchion.monitoring.dashboards.gpu_fleet import GPU_FLEET
from stanchion.monitoring.dashboards.llm_service import LLM_SERVICE
from stanchion.monitoring.dashboards.mlflow import MLFLOW
from stanchion.monitoring.dashboards.model import (
    Colour,
    Dashboard,
    Panel,
    Query,
    Section,
    Shape,
    Unit,
    queries,
)
from stanchion.monitoring.dashboards.model_service import MODEL_SERVICE
from stanchion.monitoring.dashboards.platform import PLATFORM

DASHBOARDS = (
    PLATFORM,
    MODEL_SERVICE,
    DRIFT_OF_MODELS,
    LLM_SERVICE,
    GPU_FLEET,
    BATCH_TRAINING,
    MLFLOW,
    COST,
)
"""All of them, the most general first."""

__all__ = [
    "DASHBOARDS",
    "Colour",
    "Dashboard",
    "Panel",
    "Query",
    "Section",
    "Shape",
    "Unit",
    "queries",
]
