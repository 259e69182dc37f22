"""Command line of the MLflow image."""


def main() -> None:
    """Not wired yet."""
    raise SystemExit("stanchion-mlflow: no command is built yet")
