"""Models that answer requests."""

from stanchion.serving.arguments import (
    ModelAutoscaling,
    ModelPin,
    ModelRegistryAccess,
    ModelServiceArgs,
)
from stanchion.serving.llm_gateway import LlmGateway
from stanchion.serving.llm_gateway_arguments import (
    InjectionAction,
    LlmGatewayArgs,
    LlmGatewayAudit,
    LlmGatewayBackend,
    LlmGatewayConsumer,
    LlmGatewayGuardModel,
    LlmGatewayGuardrails,
    LlmGatewayLedger,
    LlmGatewayLimits,
    LlmGatewayModel,
    LlmGatewayPolicy,
    LlmGatewaySecret,
    LlmGatewayTarget,
    PiiAction,
    PolicyAction,
)
from stanchion.serving.model_service import ModelService

__all__ = [
    "InjectionAction",
    "LlmGateway",
    "LlmGatewayArgs",
    "LlmGatewayAudit",
    "LlmGatewayBackend",
    "LlmGatewayConsumer",
    "LlmGatewayGuardModel",
    "LlmGatewayGuardrails",
    "LlmGatewayLedger",
    "LlmGatewayLimits",
    "LlmGatewayModel",
    "LlmGatewayPolicy",
    "LlmGatewaySecret",
    "LlmGatewayTarget",
    "ModelAutoscaling",
    "ModelPin",
    "ModelRegistryAccess",
    "ModelService",
    "ModelServiceArgs",
    "PiiAction",
    "PolicyAction",
]
