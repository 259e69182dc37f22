"""Where secret values are kept, as environment and service files write it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from stanchion.credentials import NO_NAME_OF_SECRET, names_secret
from validation import Strict


def _reference(*, external: bool) -> AfterValidator:
    def named(value: str) -> str:
        if not names_secret(value, external=external):
            raise ValueError("; ".join(NO_NAME_OF_SECRET))
        return value

    return AfterValidator(named)


NAMES_SECRET = _reference(external=False)
SecretName = Annotated[str, NAMES_SECRET]
"""A Secret of the namespace where it is used; what is no such name may be its value."""


class SecretSource(Strict):
    """Where a secret value is kept; it never passes through the program."""

    cloud_secret: Annotated[str, _reference(external=True)] | None = None
    """Name or ARN in the cloud's secret manager of one JSON object."""
    kubernetes_secret: SecretName | None = None
    """A Secret of the namespace where it is used."""
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$")] | None = None
    """Field or key in it."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.cloud_secret is None) == (self.kubernetes_secret is None):
            raise ValueError(
                "needs exactly one of `cloudSecret` and `kubernetesSecret`; write one of them"
            )
        return self
