"""What every serving image shares: model digests, registration, the registry client."""

from stanchion_models.digest import DIGEST_TAG, DigestError, artifact_digest
from stanchion_models.registration import register
from stanchion_models.registry import (
    Credentials,
    ModelVersion,
    Registry,
    RegistryError,
    RegistryUnavailableError,
)

__all__ = [
    "DIGEST_TAG",
    "Credentials",
    "DigestError",
    "ModelVersion",
    "Registry",
    "RegistryError",
    "RegistryUnavailableError",
    "artifact_digest",
    "register",
]
