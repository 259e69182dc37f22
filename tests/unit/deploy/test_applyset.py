from __future__ import annotations

from typing import Any

from stanchion_cli.deploy.api import Ref
from stanchion_cli.deploy.applyset import PART_OF, ApplySet


def test_the_identity_is_the_one_kubectl_computes() -> None:
    # printf %s stanchion-local.stanchion-system.ConfigMap. | openssl dgst -sha256 -binary |
    # base64 | tr '/+' '_-' | tr -d '=', as KEP-3659 prescribes.
    assert ApplySet("local").id == "applyset-11S5R41nyeC9vd5LltFkgDjAwOJnGaO_qPTIKra4nRU-v1"


def test_membership_is_a_label_and_leaves_the_manifest_as_it_was() -> None:
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": {"x": "y"}},
    }
    labelled = ApplySet("local").labelled(manifest)
    assert labelled["metadata"]["labels"] == {"x": "y", PART_OF: ApplySet("local").id}
    assert PART_OF not in manifest["metadata"]["labels"]


def test_what_a_controller_made_with_the_labels_of_a_member_is_no_member() -> None:
    """KEDA's autoscaler of a ScaledObject: deleted it would come again, and be waited for."""
    applyset = ApplySet("local")
    keda = {"kind": "ScaledObject", "name": "wine", "controller": True}

    class Cluster:
        def get(self, _: Ref) -> dict[str, Any]:
            kept = {"stanchion.dev/contains-api-versions": "autoscaling/v2:HorizontalPodAutoscaler"}
            return {"metadata": {"annotations": kept}}

        def serves(self, group: str, _kind: str) -> str:
            return f"{group}/v2"

        def list(self, version: str, kind: str, *, selector: str) -> list[dict[str, Any]]:
            assert selector == f"{PART_OF}={applyset.id}"
            about = {"apiVersion": version, "kind": kind}
            plain = {"namespace": "demo", "labels": {PART_OF: applyset.id}}
            return [
                {**about, "metadata": {**plain, "name": "wine"}},
                {
                    **about,
                    "metadata": {**plain, "name": "keda-hpa-wine", "ownerReferences": [keda]},
                },
                {**about, "metadata": {**plain, "name": "tea", "ownerReferences": [{"name": "x"}]}},
            ]

    cluster: Any = Cluster()
    assert [ref.name for ref in applyset.members(cluster)] == ["tea", "wine"]
