from __future__ import annotations

from typing import Any

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
