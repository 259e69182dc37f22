"""Two environments side by side: every setting, typed and with its defaults, that differs."""

from stanchion_cli.comparison.compare import Difference, differences
from stanchion_cli.comparison.settings import settings_of

__all__ = ["Difference", "differences", "settings_of"]
