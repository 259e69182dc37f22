"""Entry point of the `stanchion` command: one function per subcommand, each in `commands/`."""

from __future__ import annotations

import sys

import typer

from stanchion_cli.errors import StanchionError
from stanchion_cli.progress import console

INTERRUPTED = 130

app = typer.Typer(
    name="stanchion",
    help="The ML platform blueprint that is provable before a cloud bill.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def main() -> None:
    """Run the command; every expected failure ends as one message, never as a traceback."""
    from stanchion_cli import commands

    commands.register(app)
    try:
        app()
    except StanchionError as error:
        console.print(f"error: {error}", style="red", markup=False)
        sys.exit(error.exit)
    except SystemExit as ended:
        # Typer turns Ctrl-C into this status, with no word on what to do next.
        if ended.code == INTERRUPTED:
            console.print("interrupted; run the same command again to go on", style="yellow")
        raise
