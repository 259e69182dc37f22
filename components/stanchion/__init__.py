"""Components of an ML platform, for Pulumi programs in Python, YAML, TypeScript and more.

Each is a `pulumi.ComponentResource` with one `TypedDict` of arguments:

* `Network`, `Cluster`, `Database`, `ArtifactStore`, `ImageRegistry`: the foundation, with a
  backend for each `Cloud`.
* `WorkloadIdentity`: who a workload is to its cloud, and the little it may do there.
* `PrivateIngress`: a Service behind HTTPS, for the private networks around a cluster.
* `Budget`: what an environment may cost, and who hears of it.
* `GpuPool`: nodes with GPUs, or of CPUs alone, and what workloads need to land on them.
* `Operators`: the third-party controllers, from pinned charts.
* `Dashboards`: what Grafana shows of all that runs.
* `MonitoringStack`: who is told of which alerts, and alerts about monitoring itself.
* `Tenant`: a team's namespace with its limits, rights and network walls.
* `MlflowServer`: experiments and the model registry; `TrackingBackup`: its databases, kept;
  `TrackingGarbageCollection`: what was deleted in it, gone.
* `ModelService`: a pinned model behind one address; `LlmService`: a language model on GPUs.
* `BatchInference`: files scored with a pinned model, every row exactly once.
* `TrainingJob`: a team's training, with the packages that serve the model;
  `RetrainingTrigger`: what begins it again.
* `FeatureStore`: features for training and requests alike, compared.
* `LlmGateway`: one guarded address for language models, served here or by a provider.
"""

from stanchion.catalog.llms import LlmWeightFormat
from stanchion.checks import ArgumentsError
from stanchion.features import FeatureStore, FeatureStoreArgs, feature_store_pod_labels
from stanchion.foundation.artifact_store import ArtifactStore, ArtifactStoreArgs
from stanchion.foundation.budget import Budget, BudgetArgs
from stanchion.foundation.cloud import Cloud
from stanchion.foundation.cluster import (
    ApiAccess,
    ApiMode,
    Cluster,
    ClusterArgs,
    ReleaseChannel,
    SystemNodes,
)
from stanchion.foundation.database import Database, DatabaseArgs
from stanchion.foundation.gpu_pool import CapacityKind, GpuPool, GpuPoolArgs
from stanchion.foundation.identity import (
    Grant,
    GrantKind,
    WorkloadIdentity,
    WorkloadIdentityArgs,
)
from stanchion.foundation.image_registry import ImageRegistry, ImageRegistryArgs
from stanchion.foundation.ingress import PrivateIngress, PrivateIngressArgs
from stanchion.foundation.location import ClusterReference, Location, NetworkReference
from stanchion.foundation.network import NatGateways, Network, NetworkArgs, balancer_cidrs
from stanchion.jobs import (
    BatchDates,
    BatchInference,
    BatchInferenceArgs,
    RetrainingReason,
    RetrainingTrigger,
    RetrainingTriggerArgs,
    TrackingAccess,
    TrainingData,
    TrainingJob,
    TrainingJobArgs,
)
from stanchion.monitoring import (
    AlertReceiver,
    AlertRoute,
    AlertSecret,
    DriftLimits,
    EmailTarget,
    LatencyObjective,
    MonitoringStack,
    MonitoringStackArgs,
    PagerDutyTarget,
    ServiceLevelObjectives,
    SlackTarget,
    WebhookTarget,
)
from stanchion.monitoring.dashboards.component import Dashboards, DashboardsArgs
from stanchion.network import NetworkPeer
from stanchion.operators import (
    MetricsStorage,
    Operator,
    Operators,
    OperatorsArgs,
    RemoteWrite,
    RemoteWriteLogin,
)
from stanchion.placement import Placement, Toleration, check_devices
from stanchion.pods import ContainerResources
from stanchion.serving import (
    CanaryStep,
    ColdStart,
    InjectionAction,
    LlmAdapter,
    LlmArchitecture,
    LlmAutoscaling,
    LlmEngine,
    LlmExperts,
    LlmGateway,
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
    LlmHubToken,
    LlmKvCache,
    LlmLatent,
    LlmModelPin,
    LlmResources,
    LlmRouting,
    LlmService,
    LlmServiceArgs,
    LlmSliding,
    LlmStorage,
    LlmWeightsCache,
    ModelAutoscaling,
    ModelPin,
    ModelRegistryAccess,
    ModelRollout,
    ModelService,
    ModelServiceArgs,
    PeakSchedule,
    PiiAction,
    PolicyAction,
    PredictionLog,
    ReleaseAnalysis,
    ReleaseMetric,
    RolloutStrategy,
)
from stanchion.tenancy import Role, Tenant, TenantAccess, TenantArgs, TenantQuota
from stanchion.tracking import (
    MlflowDatabase,
    MlflowServer,
    MlflowServerArgs,
    TrackingBackup,
    TrackingBackupArgs,
    TrackingGarbageCollection,
    TrackingGarbageCollectionArgs,
    mlflow_pod_labels,
)

COMPONENTS = (
    ArtifactStore,
    BatchInference,
    Budget,
    Cluster,
    Dashboards,
    Database,
    FeatureStore,
    GpuPool,
    ImageRegistry,
    LlmGateway,
    LlmService,
    MlflowServer,
    ModelService,
    MonitoringStack,
    Network,
    Operators,
    PrivateIngress,
    RetrainingTrigger,
    Tenant,
    TrackingBackup,
    TrackingGarbageCollection,
    TrainingJob,
    WorkloadIdentity,
)
"""Every component of the package: what other languages are offered."""

__all__ = [
    "COMPONENTS",
    "AlertReceiver",
    "AlertRoute",
    "AlertSecret",
    "ApiAccess",
    "ApiMode",
    "ArgumentsError",
    "ArtifactStore",
    "ArtifactStoreArgs",
    "BatchDates",
    "BatchInference",
    "BatchInferenceArgs",
    "Budget",
    "BudgetArgs",
    "CanaryStep",
    "CapacityKind",
    "Cloud",
    "Cluster",
    "ClusterArgs",
    "ClusterReference",
    "ColdStart",
    "ContainerResources",
    "Dashboards",
    "DashboardsArgs",
    "Database",
    "DatabaseArgs",
    "DriftLimits",
    "EmailTarget",
    "FeatureStore",
    "FeatureStoreArgs",
    "GpuPool",
    "GpuPoolArgs",
    "Grant",
    "GrantKind",
    "ImageRegistry",
    "ImageRegistryArgs",
    "InjectionAction",
    "LatencyObjective",
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
    "LlmGatewayGuardModel",
    "LlmGatewayGuardrails",
    "LlmGatewayLedger",
    "LlmGatewayLimits",
    "LlmGatewayModel",
    "LlmGatewayPolicy",
    "LlmGatewaySecret",
    "LlmGatewayTarget",
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
    "LlmWeightFormat",
    "LlmWeightsCache",
    "Location",
    "MetricsStorage",
    "MlflowDatabase",
    "MlflowServer",
    "MlflowServerArgs",
    "ModelAutoscaling",
    "ModelPin",
    "ModelRegistryAccess",
    "ModelRollout",
    "ModelService",
    "ModelServiceArgs",
    "MonitoringStack",
    "MonitoringStackArgs",
    "NatGateways",
    "Network",
    "NetworkArgs",
    "NetworkPeer",
    "NetworkReference",
    "Operator",
    "Operators",
    "OperatorsArgs",
    "PagerDutyTarget",
    "PeakSchedule",
    "PiiAction",
    "Placement",
    "PolicyAction",
    "PredictionLog",
    "PrivateIngress",
    "PrivateIngressArgs",
    "ReleaseAnalysis",
    "ReleaseChannel",
    "ReleaseMetric",
    "RemoteWrite",
    "RemoteWriteLogin",
    "RetrainingReason",
    "RetrainingTrigger",
    "RetrainingTriggerArgs",
    "Role",
    "RolloutStrategy",
    "ServiceLevelObjectives",
    "SlackTarget",
    "SystemNodes",
    "Tenant",
    "TenantAccess",
    "TenantArgs",
    "TenantQuota",
    "Toleration",
    "TrackingAccess",
    "TrackingBackup",
    "TrackingBackupArgs",
    "TrackingGarbageCollection",
    "TrackingGarbageCollectionArgs",
    "TrainingData",
    "TrainingJob",
    "TrainingJobArgs",
    "WebhookTarget",
    "WorkloadIdentity",
    "WorkloadIdentityArgs",
    "balancer_cidrs",
    "check_devices",
    "feature_store_pod_labels",
    "mlflow_pod_labels",
]
