"""No manifest crashes a rule, whatever it holds: rules read what anybody may write.

The rules run in this process over plain objects of every kind that they look at, many in each
example, so that those that look at several have some: made of arbitrary JSON, or compliant ones
with arbitrary JSON in some of their fields.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from policies.manifests import API_VERSIONS, Manifest, put
from policies.test_malformed import paths
from policies.test_mutations import compliant
from stanchion_cli.check.judging import judge, policy_infos
from stanchion_cli.check.manifests import manifests
from stanchion_policies import RULES

POLICIES = policy_infos()
FIELDS = [
    *("metadata", "spec", "name", "namespace", "labels", "annotations", "selector", "matchLabels"),
    *("matchExpressions", "template", "containers", "initContainers", "env", "value", "valueFrom"),
    *("image", "resources", "limits", "requests", "cpu", "memory", "securityContext", "ports"),
    *("livenessProbe", "volumes", "hostPath", "rules", "verbs", "subjects", "roleRef", "data"),
    *("minReplicas", "maxReplicas", "replicas", "minAvailable", "maxUnavailable", "ingress"),
    *("egress", "from", "to", "podSelector", "triggers", "scaleTargetRef", "metrics", "strategy"),
    *("canary", "steps", "groups", "expr", "nodePools", "taints", "tolerations", "affinity"),
]
ODD = ["", "0", "-", "-1", "1e999", "50%", "٣%", "1Gi", "nvidia.com/gpu", "a/b:c@d", "\x00"]
WRONG: list[Any] = [
    *(None, True, 0, -1, 7.5, 10**400, float("nan"), float("inf"), *ODD, [], {}, [None], [["x"]]),
    *([{}], {"a": None}, {"": ""}, {"name": [1]}, [{"name": {}}], {"matchLabels": {"a": [1]}}),
    *({"matchLabels": [1]}, [{"key": {}, "operator": [], "values": "x"}], "1" + "0" * 400 + "Gi"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(ODD)
    | st.text(max_size=6)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)


@cache
def kinds() -> list[tuple[str, str]]:
    """Every kind that a rule looks at, with an API version of it."""
    named = {kind for rule in RULES for kind in rule.kinds if ":" not in kind}
    return [(API_VERSIONS.get(kind, "example.com/v1"), kind) for kind in sorted(named)]


def judged(objects: list[Mapping[str, Any]]) -> None:
    """Run every rule; a crash ends it with an error."""
    content = "\n".join(json.dumps(item) for item in objects).encode()
    judge(list(manifests("fuzz.json", content)), POLICIES)


def bounded(examples: int) -> settings:
    """Few enough examples that the test takes seconds, the same ones each time."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@bounded(30)
@given(st.data())
def test_arbitrary_objects_of_any_kind_crash_no_rule(data: st.DataObject) -> None:
    judged(
        [
            {**data.draw(BODIES), "apiVersion": api_version, "kind": kind}
            for api_version, kind in data.draw(st.lists(st.sampled_from(kinds()), min_size=8))
        ]
    )


BODIES = st.fixed_dictionaries(
    {"metadata": JSON, "spec": JSON},
    optional=dict.fromkeys(("data", "rules", "subjects", "roleRef", "items"), JSON),
)


@bounded(40)
@given(st.data())
def test_compliant_objects_with_anything_in_some_fields_crash_no_rule(data: st.DataObject) -> None:
    objects = copy.deepcopy(compliant())
    for body in objects.values():
        for _ in range(3):
            replace(body, data)
    judged([*objects.values()])


def replace(body: Manifest, data: st.DataObject) -> None:
    """Put anything in the place of one field."""
    path = data.draw(st.sampled_from([*paths(body)]))
    put(body, path, copy.deepcopy(data.draw(st.sampled_from(WRONG) | JSON)))
