"""What becomes of a request to a model: label values of metrics, by which objectives are judged.

The model server counts them, and the activator before it counts alike, so that one objective
reads either.
"""

from __future__ import annotations

from typing import Final

OK: Final = "ok"
CLIENT_ERROR: Final = "client_error"
SERVER_ERROR: Final = "server_error"
TIMEOUT: Final = "timeout"
UNAVAILABLE: Final = "unavailable"
OUTCOMES: Final = (OK, CLIENT_ERROR, SERVER_ERROR, TIMEOUT, UNAVAILABLE)
