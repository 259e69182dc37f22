"""Entry points of the MLflow image: `migrate` before a rollout, `serve` in it."""
