"""Models that answer requests."""

from stanchion.serving.arguments import (
    ModelPin,
    ModelRegistryAccess,
    ModelServiceArgs,
)
from stanchion.serving.autoscaling import ModelAutoscaling, PeakSchedule
from stanchion.serving.cold_start import ColdStart
from stanchion.serving.gateway import ModelGateway, ModelShadow
from stanchion.serving.llm_adapters import LlmAdapter
from stanchion.serving.llm_arguments import (
    LlmArchitecture,
    LlmAutoscaling,
    LlmEngine,
    LlmExperts,
    LlmHubToken,
    LlmKvCache,
    LlmLatent,
    LlmModelPin,
    LlmResources,
    LlmRouting,
    LlmServiceArgs,
    LlmSliding,
    LlmStorage,
    LlmWeightsCache,
)
from stanchion.serving.llm_gateway import LlmGateway
from stanchion.serving.llm_gateway_arguments import (
    InjectionAction,
    LlmGatewayArgs,
    LlmGatewayAudit,
    LlmGatewayBackend,
    LlmGatewayConsumer,
    LlmGatewayGroundedness,
    LlmGatewayGuardModel,
    LlmGatewayGuardrails,
    LlmGatewayLedger,
    LlmGatewayLimits,
    LlmGatewayModel,
    LlmGatewayPolicy,
    LlmGatewayPrompt,
    LlmGatewayPromptMessage,
    LlmGatewaySecret,
    LlmGatewayTarget,
    LlmGatewayTraces,
    PiiAction,
    PolicyAction,
)
from stanchion.serving.llm_service import LlmService
from stanchion.serving.model_service import ModelService
from stanchion.serving.prediction_log import PredictionLog
from stanchion.serving.release_analysis import ReleaseAnalysis, ReleaseMetric
from stanchion.serving.rollout import CanaryStep, CanaryTraffic, ModelRollout, RolloutStrategy

__all__ = [
    "CanaryStep",
    "CanaryTraffic",
    "ColdStart",
    "InjectionAction",
    "LlmAdapter",
    "LlmArchitecture",
    "LlmAutoscaling",
    "LlmEngine",
    "LlmExperts",
    "LlmGateway",
    "LlmGatewayArgs",
    "LlmGatewayAudit",
    "LlmGatewayBackend",
    "LlmGatewayConsumer",
    "LlmGatewayGroundedness",
    "LlmGatewayGuardModel",
    "LlmGatewayGuardrails",
    "LlmGatewayLedger",
    "LlmGatewayLimits",
    "LlmGatewayModel",
    "LlmGatewayPolicy",
    "LlmGatewayPrompt",
    "LlmGatewayPromptMessage",
    "LlmGatewaySecret",
    "LlmGatewayTarget",
    "LlmGatewayTraces",
    "LlmHubToken",
    "LlmKvCache",
    "LlmLatent",
    "LlmModelPin",
    "LlmResources",
    "LlmRouting",
    "LlmService",
    "LlmServiceArgs",
    "LlmSliding",
    "LlmStorage",
    "LlmWeightsCache",
    "ModelAutoscaling",
    "ModelGateway",
    "ModelPin",
    "ModelRegistryAccess",
    "ModelRollout",
    "ModelService",
    "ModelServiceArgs",
    "ModelShadow",
    "PeakSchedule",
    "PiiAction",
    "PolicyAction",
    "PredictionLog",
    "ReleaseAnalysis",
    "ReleaseMetric",
    "RolloutStrategy",
]
