"""The network, cluster and controllers of an environment in a cloud, as its file writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from stanchion import ApiMode, NatGateways, Operator
from validation import Strict, by_value


class NetworkConfig(Strict):
    """The private network of an environment in a cloud."""

    cidr: str
    """All its addresses: a private IPv4 range of /16 to /20, as 10.20.0.0/16."""
    nat: Annotated[NatGateways, by_value(NatGateways)] | None = None
    """How private addresses get out: single or per_zone; default: single in dev."""
    reserved_cidrs: tuple[str, ...] = ()
    """IPv4 ranges in use elsewhere that `cidr` must not overlap."""


class ApiConfig(Strict):
    """Ways to the Kubernetes API."""

    mode: Annotated[ApiMode, by_value(ApiMode)]
    """private, restricted or public."""
    allowed_cidrs: tuple[str, ...] = ()
    """Addresses outside the network that may connect; for restricted alone."""


class ClusterConfig(Strict):
    """The managed Kubernetes of an environment in a cloud."""

    version: Annotated[str, Field(pattern=r"^1\.\d+$")] = "1.35"
    """Kubernetes version: EKS has it, GKE has at least it."""
    api: ApiConfig | None = None
    """Ways to the Kubernetes API; default: public in dev, private elsewhere."""


class OperatorsConfig(Strict):
    """The third-party controllers of an environment."""

    enabled: tuple[Annotated[Operator, by_value(Operator)], ...] | None = None
    """Which to install; default: all that the cloud lacks but aws-efa-k8s-device-plugin and
    kuberay-operator, none on the bundled node."""
    more: tuple[Annotated[Operator, by_value(Operator)], ...] = ()
    """Which to install besides what `enabled` is by default, as kuberay-operator. Clouds alone."""
    mirror: Annotated[str, Field(max_length=200)] | None = None
    """Where all charts are, for closed networks: a prefix with oci:// or https://; default: their
    makers' repositories. Clouds alone."""

    def check_on_one_machine(self, *, bundled: bool) -> None:
        """Hold it to what a local environment can have.

        Args:
            bundled: Whether the cluster is the bundled node.

        Raises:
            ValueError: A cluster that is there is not ours, and the node runs only some of them.
        """
        from stanchion_cli.cluster.operator_list import OPERATORS

        if self.model_fields_set and not bundled:
            raise ValueError(
                "operators: a cluster of your own has those that you gave it; remove it"
            )
        if self.mirror is not None:
            raise ValueError("operators.mirror: the bundled node installs no charts; remove it")
        if self.more:
            raise ValueError("operators.more: the bundled node has none by itself; write `enabled`")
        if unfit := [each for each in self.enabled or () if each not in OPERATORS]:
            raise ValueError(
                f"operators.enabled: the bundled node cannot run {', '.join(unfit)}; "
                f"write some of {', '.join(OPERATORS)}"
            )
