"""One module per subcommand; heavy imports stay inside the functions that need them."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Attach every subcommand to `app`."""
