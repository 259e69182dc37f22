import pytest
from stanchion_model_server.settings import SettingsError, from_environment

GOOD = {
    "MODEL_NAME": "wine",
    "MODEL_VERSION": "3",
    "MODEL_DIGEST": "sha256:" + "a" * 64,
    "MLFLOW_TRACKING_URI": "http://mlflow:5000",
}


def test_four_variables_are_enough() -> None:
    settings = from_environment(GOOD)
    assert (settings.name, settings.port, settings.max_batch_size) == ("wine", 8080, 64)


def test_the_service_name_is_what_clients_see() -> None:
    assert from_environment({**GOOD, "SERVICE_NAME": "cellar"}).name == "cellar"


def test_an_empty_variable_counts_as_unset() -> None:
    settings = from_environment({**GOOD, "SERVICE_NAME": "", "PORT": ""})
    assert (settings.name, settings.port) == ("wine", 8080)


def test_every_problem_is_told_at_once_with_its_variable() -> None:
    with pytest.raises(SettingsError) as caught:
        from_environment({"MODEL_VERSION": "latest", "PORT": "0", "MAX_BATCH_SIZE": "many"})
    named = {problem.partition(":")[0] for problem in caught.value.problems}
    assert named == {
        "MODEL_NAME", "MODEL_VERSION", "MODEL_DIGEST", "MLFLOW_TRACKING_URI", "PORT",
        "MAX_BATCH_SIZE",
    }  # fmt: skip


@pytest.mark.parametrize("version", ["champion", "@champion", "0", "-1", "1.0", "latest"])
def test_only_a_version_number_pins_a_model(version: str) -> None:
    with pytest.raises(SettingsError, match="MODEL_VERSION"):
        from_environment({**GOOD, "MODEL_VERSION": version})


@pytest.mark.parametrize("digest", ["", "sha256:", "a" * 64, "sha256:" + "A" * 64, "md5:1"])
def test_only_a_whole_digest_pins_a_model(digest: str) -> None:
    with pytest.raises(SettingsError, match="MODEL_DIGEST"):
        from_environment({**GOOD, "MODEL_DIGEST": digest})
