"""The dashboards as the files that the package carries, one for each.

`python -m stanchion.monitoring.dashboards.export` brings them up to date; a test holds the files
to the modules. It needs grafana-foundation-sdk, which whoever deploys them does not.
"""

import sys
from pathlib import Path

from stanchion.monitoring.dashboards import DASHBOARDS
from stanchion.monitoring.dashboards.component import FILES
from stanchion.monitoring.dashboards.grafana import grafana_json

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / FILES
    folder.mkdir(parents=True, exist_ok=True)
    for each in DASHBOARDS:
        (folder / f"{each.name}.json").write_text(grafana_json(each), encoding="utf-8")
