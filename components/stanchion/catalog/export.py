"""The catalogue as JSON, for readers that have no YAML and none of the components.

`python -m stanchion.catalog.export policies/stanchion_policies/data` brings the policy pack's copy
up to date; a test holds the copy to the catalogue.
"""

import json
import sys
from pathlib import Path

from stanchion.catalog.machines import load

FILES = ("exporters", "machines", "metrics", "prices", "quotas")
"""What the policy pack reads."""


def exported(name: str) -> str:
    """A file of the catalogue as JSON; dates become text, as 2026-11-21.

    Args:
        name: The file's name without its ending, one of `FILES`.
    """
    return json.dumps(load(f"{name}.yaml"), default=str, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    for each in FILES:
        (Path(sys.argv[1]) / f"{each}.json").write_text(exported(each))
