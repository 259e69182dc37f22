"""What serving images share: digests, references, adapters, registration, the registry client."""

from stanchion_models.adapter import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    Adapter,
    InvalidAdapterError,
    read_adapter,
)
from stanchion_models.digest import DIGEST_TAG, DigestError, artifact_digest, digest_of
from stanchion_models.reference import (
    REFERENCE_FILE,
    InvalidReferenceError,
    Reference,
    read_reference,
)
from stanchion_models.registration import CANDIDATE, register
from stanchion_models.registry import (
    Credentials,
    ModelVersion,
    Registry,
    RegistryError,
    RegistryUnavailableError,
)

__all__ = [
    "ADAPTER_CONFIG",
    "ADAPTER_WEIGHTS",
    "CANDIDATE",
    "DIGEST_TAG",
    "REFERENCE_FILE",
    "Adapter",
    "Credentials",
    "DigestError",
    "InvalidAdapterError",
    "InvalidReferenceError",
    "ModelVersion",
    "Reference",
    "Registry",
    "RegistryError",
    "RegistryUnavailableError",
    "artifact_digest",
    "digest_of",
    "read_adapter",
    "read_reference",
    "register",
]
