"""What every serving image shares: digests, references, registration, the registry client."""

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
    "CANDIDATE",
    "DIGEST_TAG",
    "REFERENCE_FILE",
    "Credentials",
    "DigestError",
    "InvalidReferenceError",
    "ModelVersion",
    "Reference",
    "Registry",
    "RegistryError",
    "RegistryUnavailableError",
    "artifact_digest",
    "digest_of",
    "read_reference",
    "register",
]
