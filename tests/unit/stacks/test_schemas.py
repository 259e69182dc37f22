from __future__ import annotations

import jsonschema
import pytest
import yaml
from schemas import environment_schema, files, service_schema
from unit.stacks.bad_files import ENVIRONMENT, SERVICE


def test_the_schemas_that_editors_read_are_current() -> None:
    for path, text in files().items():
        assert path.read_text("utf-8") == text, "run `python stacks/schemas.py`"


def test_our_own_files_satisfy_their_schemas() -> None:
    jsonschema.validate(yaml.safe_load(SERVICE), service_schema())
    jsonschema.validate(yaml.safe_load(ENVIRONMENT), environment_schema())


def test_the_schema_refuses_a_misspelt_key_as_the_program_does() -> None:
    with pytest.raises(jsonschema.ValidationError, match="costCentre"):
        jsonschema.validate(
            yaml.safe_load(SERVICE.replace("costCenter", "costCentre")), service_schema()
        )


def test_the_file_of_an_upper_stack_has_layers_and_no_settings() -> None:
    upper = {"stanchion:baseStack": "prod-aws", "stanchion:layers": ["services"]}
    jsonschema.validate({"config": upper}, environment_schema())
    with pytest.raises(jsonschema.ValidationError, match="profile"):
        jsonschema.validate(
            {"config": {**upper, "stanchion:profile": "prod"}}, environment_schema()
        )
