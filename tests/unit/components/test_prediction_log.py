"""What a model service with a prediction log is made of, and which logs are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from stanchion.checks import ArgumentsError
from unit.components.programs import model_service
from unit.components.world import SECRET_MARK, World

LOG = {"location": "s3://predictions/log", "retention_days": 30}
VOLUME = {"location": "file:///data/log", "retention_days": 30, "volume_claim_name": "predictions"}
KEY = "wine-prediction-log"


def pod(world: World) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = world.object("Deployment")["spec"]["template"]["spec"]
    return spec


def variables(world: World) -> dict[str, str]:
    (container,) = pod(world)["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def ways_out(world: World) -> list[Mapping[str, Any]]:
    rules: list[Mapping[str, Any]] = world.object("NetworkPolicy")["spec"]["egress"]
    return rules


def test_the_server_is_told_where_how_much_how_long_and_without_what() -> None:
    told = variables(model_service(prediction_log={**LOG, "drop": ["a,b"], "keep": ["label"]}))
    assert {name: value for name, value in told.items() if name.startswith("PREDICTION_LOG")} == {
        "PREDICTION_LOG_URI": "s3://predictions/log",
        "PREDICTION_LOG_SAMPLE_RATE": "0.01",
        "PREDICTION_LOG_RETENTION_DAYS": "30",
        "PREDICTION_LOG_REDACT": json.dumps({"drop": ["a,b"], "hash": [], "keep": ["label"]}),
    }


def test_without_one_a_service_is_what_it_was() -> None:
    world = model_service()
    assert not any(name.startswith("PREDICTION_LOG") for name in variables(world))
    assert len(ways_out(world)) == 2, "names and the registry"
    assert ("Secret", KEY) not in world.objects


def test_a_bucket_is_reached_and_a_volume_needs_no_way_out() -> None:
    assert len(ways_out(model_service(prediction_log=LOG))) > 2
    world = model_service(prediction_log=VOLUME)
    assert len(ways_out(world)) == 2
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "predictions"}}
    assert claim in pod(world)["volumes"]
    (container,) = pod(world)["containers"]
    assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]


def test_hashes_are_made_with_a_key_that_is_a_secret_file_and_there_before_the_pods() -> None:
    world = model_service(prediction_log={**LOG, "hash": ["email"]})
    made = world.registered("Secret", KEY)
    assert SECRET_MARK in made.wire["stringData"]
    assert world.waits_for(world.registered("Deployment", "wine"), made)
    (secrets,) = [each["projected"] for each in pod(world)["volumes"] if "projected" in each]
    files = {item["path"] for each in secrets["sources"] for item in each["secret"]["items"]}
    assert "prediction-log/key" in files
    path = variables(world)["PREDICTION_LOG_KEY_FILE"]
    assert path == "/run/secrets/stanchion/prediction-log/key"


def test_its_account_has_the_identity_that_it_is_given() -> None:
    annotations = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/wine"}
    world = model_service(prediction_log=LOG, service_account_annotations=annotations)
    assert annotations.items() <= world.object("ServiceAccount")["metadata"]["annotations"].items()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"location": "log"}, "prediction_log.location: 'log' is no folder"),
        ({"location": "file:///data/log"}, "prediction_log.location: is on a volume"),
        ({"volume_claim_name": "x"}, "prediction_log.volume_claim_name: is given, and location"),
        ({"retention_days": 0}, "prediction_log.retention_days"),
        ({"sample_rate": 0.0}, "prediction_log.sample_rate: is 0.0"),
        ({"drop": ["a"], "keep": ["a"]}, "prediction_log.keep: names 'a', and so does drop"),
        ({"hash": ["a", "a"]}, "prediction_log.hash"),
    ],
)
def test_a_log_that_cannot_be_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as error:
        model_service(prediction_log={**LOG, **change})
    assert told in str(error.value)
